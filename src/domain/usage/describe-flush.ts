import type { UsageFlush } from '../../storage/usage.ts';

/** A flush may have thousands of counts, and a log line is cut where it is too long. */
const MOST_COUNTS = 50;

/** A flush that was lost, for the log: what it had in all, and as many of its counts as a line should hold. */
export function describeFlush({ id, counts }: UsageFlush) {
  const byCode = new Map<string, number>();
  for (const { code, count } of counts) byCode.set(code, (byCode.get(code) ?? 0) + count);
  const left = counts.length - MOST_COUNTS;
  return {
    totals: Object.fromEntries(byCode),
    keys: new Set(counts.map(({ keyId }) => keyId)).size,
    flush: { id, counts: counts.slice(0, MOST_COUNTS) },
    ...(left > 0 ? { counts_left_out: left } : {}),
  };
}
