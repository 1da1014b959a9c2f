import type { UsageFlush } from '../../storage/usage.ts';

/** Counts in one log line. A flush may have thousands, and a log line that is too long is cut. */
const MAX_COUNTS_LOGGED = 50;

/** A lost flush, for the log: its totals by code, how many keys it has, and its first MAX_COUNTS_LOGGED counts. */
export function describeFlush({ id, counts }: UsageFlush) {
  const byCode = new Map<string, number>();
  for (const { code, count } of counts) byCode.set(code, (byCode.get(code) ?? 0) + count);
  const left = counts.length - MAX_COUNTS_LOGGED;
  return {
    totals: Object.fromEntries(byCode),
    keys: new Set(counts.map(({ keyId }) => keyId)).size,
    flush: { id, counts: counts.slice(0, MAX_COUNTS_LOGGED) },
    ...(left > 0 ? { counts_left_out: left } : {}),
  };
}
