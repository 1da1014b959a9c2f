import { logFailure } from '../../log.ts';
import { DAYS_KEPT, readLastUses, readUsage } from '../../storage/usage.ts';
import { suggestAllowlist } from '../addresses/suggest-allowlist.ts';
import type { Outcome } from '../authority/refusal.ts';
import type { Usage } from '../services.ts';
import { withinBudget } from '../within-budget.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** The longest report, in days: counts are kept no longer. */
export const MAX_REPORT_DAYS = DAYS_KEPT;
const READ_BUDGET_MS = 1_000;

interface Source {
  network: string;
  firstSeen: number;
  lastSeen: number;
  count: number;
}

export interface UsageReport {
  totals: Record<string, number>;
  /** Only days with calls, in order; `day` in unix milliseconds. */
  days: { day: number; counts: Record<string, number> }[];
  /** Where allowed calls came from, the most recent first. */
  sources: Source[];
  /** Where refused calls came from, the most recent first. */
  refusedSources: Source[];
  suggestedAllowlist: string[];
}

/**
 * How, and from where, a key was used in the last `days` days (UTC), today included. Refused as `unavailable` when the
 * usage database cannot be read.
 */
export async function reportUsage(
  services: Usage,
  apiKeyId: number,
  days: number,
): Promise<Outcome<{ report: UsageReport }>> {
  const sinceDay = Math.floor(services.now() / DAY_MS) - (days - 1);
  const read = await withinBudget(services, READ_BUDGET_MS, readUsage(services.usage.db, apiKeyId, sinceDay));
  if (!read.ok) {
    logFailure('the usage database could not be read', read.reason);
    return { refused: 'unavailable' };
  }
  const usage = read.value;
  const totals = new Map<string, number>();
  const byDay = new Map<number, Record<string, number>>();
  for (const { day, code, count } of usage.days) {
    totals.set(code, (totals.get(code) ?? 0) + count);
    const counts = byDay.get(day) ?? {};
    counts[code] = (counts[code] ?? 0) + count;
    byDay.set(day, counts);
  }
  const sources = usage.sources.filter(({ refused }) => !refused);
  return {
    report: {
      totals: Object.fromEntries(totals),
      days: [...byDay].map(([day, counts]) => ({ day: day * DAY_MS, counts })),
      sources,
      refusedSources: usage.sources.filter(({ refused }) => refused),
      suggestedAllowlist: suggestAllowlist(sources.map(({ network }) => network)),
    },
  };
}

/**
 * When each key last allowed a call (unix milliseconds), by key id. A key without such a call is left out.
 * @returns null when the usage database cannot be read. That does not mean "never", and the keys are shown all the same
 */
export async function findLastUses(services: Usage, apiKeyIds: readonly number[]): Promise<Map<number, number> | null> {
  if (apiKeyIds.length === 0) return new Map();
  const found = await withinBudget(services, READ_BUDGET_MS, readLastUses(services.usage.db, apiKeyIds));
  if (found.ok) return found.value;
  logFailure('the usage database could not be read', found.reason);
  return null;
}
