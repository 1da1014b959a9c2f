import { and, eq, gte, sql } from 'drizzle-orm';
import type { UsageDatabase } from './database.ts';
import { isOneOf } from './statements.ts';
import { usageDays, usageHours, usageLast, usageSources } from './usage-schema.ts';

/*
 * How a page of keys is used, in one read. Each statement reads the rows of these keys alone, along a primary key that
 * begins with the key, so what is read does not grow with the organisation. Of a key that is called each hour it is at
 * most 96 hours for each code, 10 days for each code, and 100 networks.
 */

const ALLOWED = 'VALID';

/** Since when counts are wanted: days and hours since the epoch, each itself included. */
interface Since {
  day: number;
  /** The hour from which allowed calls count as recent. */
  hour: number;
}

export interface UsesOfKeys {
  /** Calls by key, day (days since the epoch) and code; a day may have two entries. `recent`: those since the hour. */
  days: { keyId: number; day: number; code: string; count: number; recent: number }[];
  /** The last call that each key allowed, in unix milliseconds. Keys that never did are left out. */
  last: { keyId: number; lastUsedAt: number }[];
  /** The network that each key allowed a call from last, of those that are kept. */
  sources: { keyId: number; network: string; lastSeen: number }[];
}

/** How these keys were used. The caller bounds how many they are. */
export async function readUsesOfKeys(db: UsageDatabase, keyIds: readonly number[], since: Since): Promise<UsesOfKeys> {
  const { keyId, hour, code, count } = usageHours;
  const day = sql<number>`${hour} / 24`;
  const [hours, days, last, sources] = await db.batch([
    db
      .select({
        keyId,
        day: day.as('day'),
        code,
        count: sql<number>`sum(${count})`.as('calls'),
        recent: sql<number>`sum(CASE WHEN ${hour} >= ${since.hour} THEN ${count} ELSE 0 END)`.as('recent'),
      })
      .from(usageHours)
      .where(and(isOneOf(keyId, keyIds), gte(hour, since.day * 24)))
      .groupBy(keyId, day, code),
    db
      .select({ keyId: usageDays.keyId, day: usageDays.day, code: usageDays.code, count: usageDays.count })
      .from(usageDays)
      .where(and(isOneOf(usageDays.keyId, keyIds), gte(usageDays.day, since.day))),
    db.select().from(usageLast).where(isOneOf(usageLast.keyId, keyIds)),
    // With max(), SQLite takes the other columns from the row that has the maximum.
    db
      .select({
        keyId: usageSources.keyId,
        network: usageSources.network,
        lastSeen: sql<number>`max(${usageSources.lastSeen})`.as('last'),
      })
      .from(usageSources)
      .where(and(isOneOf(usageSources.keyId, keyIds), eq(usageSources.refused, false)))
      .groupBy(usageSources.keyId),
  ]);
  // Hours are added to their days after three days, so none of those is recent.
  return { days: [...days.map((counted) => ({ ...counted, recent: 0 })), ...hours], last, sources };
}

/** Allowed calls of each of these keys since an hour (hours since the epoch), and the last one of each key. */
export async function readRecentCalls(
  db: UsageDatabase,
  keyIds: readonly number[],
  sinceHour: number,
): Promise<{ calls: { keyId: number; count: number }[]; last: UsesOfKeys['last'] }> {
  const { keyId, hour, code, count } = usageHours;
  const [calls, last] = await db.batch([
    db
      .select({ keyId, count: sql<number>`sum(${count})`.as('calls') })
      .from(usageHours)
      .where(and(isOneOf(keyId, keyIds), gte(hour, sinceHour), eq(code, ALLOWED)))
      .groupBy(keyId),
    db.select().from(usageLast).where(isOneOf(usageLast.keyId, keyIds)),
  ]);
  return { calls, last };
}
