import { type JointUses, readJointUses } from '../../storage/joint-uses.ts';
import type { Outcome } from '../authority/refusal.ts';
import type { Usage } from '../services.ts';
import { readUsageDatabase } from '../usage/read-usage-database.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Longer than for a report, which reads a tenth of the rows. */
const READ_BUDGET_MS = 3_000;
/**
 * Counts that are read. A key has at most 200 for each secret and day: this is 90 such days with one secret. The calls of
 * further counts are in the totals, and so `unknown`.
 */
const MAX_COUNTS = 20_000;

/** The days of a rehearsal. */
export interface Period {
  /** Days since the epoch (UTC). */
  sinceDay: number;
  /** Unix milliseconds. */
  now: number;
}

/** The period of the last `days` days (UTC), today included. */
export function periodOf(days: number, now: number): Period {
  return { sinceDay: Math.floor(now / DAY_MS) - (days - 1), now };
}

/** The allowed calls with these keys in a period. Refused as `unavailable` when the usage database cannot be read. */
export async function readCounts(
  services: Usage,
  keyIds: readonly number[],
  { sinceDay, now }: Period,
): Promise<Outcome<{ counts: JointUses }>> {
  const range = { sinceDay, today: Math.floor(now / DAY_MS), maxRows: MAX_COUNTS };
  const counts = await readUsageDatabase(services, (db) => readJointUses(db, keyIds, range), READ_BUDGET_MS);
  return counts === null ? { refused: 'unavailable' } : { counts };
}
