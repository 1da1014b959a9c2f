import { logFailure } from '../../log.ts';
import { type RecentUse, readRecentUses } from '../../storage/usage.ts';
import type { Usage } from '../services.ts';
import { withinBudget } from '../within-budget.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const HOUR_MS = 60 * 60 * 1000;
const READ_BUDGET_MS = 1000;

export type { RecentUse };

/**
 * How the keys of a page were used in the last `days` days (UTC), today included, and in the last 24 hours.
 * @returns by key id; null when the usage database cannot be read, which does not mean that they were not used
 */
export async function findRecentUses(
  services: Usage,
  keyIds: readonly number[],
  days: number,
): Promise<ReadonlyMap<number, RecentUse> | null> {
  if (keyIds.length === 0) return new Map();
  const now = services.now();
  const since = { hour: Math.floor(now / HOUR_MS), sinceDay: Math.floor(now / DAY_MS) - (days - 1) };
  const read = await withinBudget(services, READ_BUDGET_MS, readRecentUses(services.usage.db, keyIds, since));
  if (read.ok) return read.value;
  logFailure('the usage database could not be read', read.reason);
  return null;
}
