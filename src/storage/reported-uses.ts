import { eq, sql } from 'drizzle-orm';
import type { UsageDatabase } from './database.ts';
import { DROPPED, daysFrom, HOURS_OF_DAY } from './joint-uses.ts';
import { isOneOf } from './statements.ts';
import { usageCalls } from './usage-schema.ts';

/*
 * What is shown of the joint counts: which permissions a key was used for, and when and where each of its secrets was.
 */

/** The calls of one key that a report shows, since a day (days since the epoch). */
interface Reported {
  keyId: number;
  sinceDay: number;
  today: number;
  /** Which secrets are shown apart, by when they were made (unix milliseconds). */
  secrets: readonly number[];
  /** The first hour that is shown (hours since the epoch). */
  sinceHour: number;
}

/** How much a report shows: names of permissions, and networks of one secret. */
const MAX_NAMES = 200;
const MAX_NETWORKS_OF_SECRET = 50;

export interface ReportedUses {
  /** What allowed calls asked for, the most frequent first. `lastSeen` in unix milliseconds. */
  permissions: { name: string; count: number; lastSeen: number }[];
  /** By secret. `lastSeen` in unix milliseconds. A secret without calls is left out. */
  secrets: { secret: number; count: number; lastSeen: number }[];
  /** Calls by secret and hour (hours since the epoch), in the order of the hours. */
  hours: { secret: number; hour: number; count: number }[];
  /** Networks by secret, the most recent first. */
  sources: { secret: number; network: string; firstSeen: number; lastSeen: number; count: number }[];
}

/** What a report says of permissions and secrets. All of it is added up in the database, because the rows are many. */
export async function readReportedUses(
  db: UsageDatabase,
  { keyId, sinceDay, today, secrets, sinceHour }: Reported,
): Promise<ReportedUses> {
  const { day, secret, network, needs, firstSeen, lastSeen, count, hours } = usageCalls;
  const ofKey = (from: number) => sql`${isOneOf(day, daysFrom(from, today))} AND ${eq(usageCalls.keyId, keyId)}`;
  const ofSecrets = sql`${ofKey(sinceDay)} AND ${isOneOf(secret, secrets)}`;
  const calls = sql<number>`sum(${count})`.as('calls');
  const last = sql<number>`max(${lastSeen})`.as('last');
  const names = sql`json_each('["' || replace(${needs}, ' ', '","') || '"]')`;
  const hour = sql<number>`${day} * 24 + used.key`;
  const ranked = db
    .select({
      secret,
      network,
      first: sql<number>`min(${firstSeen})`.as('first'),
      last,
      calls,
      place: sql<number>`row_number() OVER (PARTITION BY ${secret} ORDER BY max(${lastSeen}) DESC)`.as('place'),
    })
    .from(usageCalls)
    .where(sql`${ofSecrets} AND ${network} <> ''`)
    .groupBy(secret, network)
    .as('ranked');
  const [permissions, bySecret, byHour, sources] = await db.batch([
    db
      .select({ name: sql<string>`name.value`.as('name'), count: calls, lastSeen: last })
      .from(usageCalls)
      .innerJoin(sql`${names} AS name`, sql`true`)
      .where(sql`${ofKey(sinceDay)} AND ${needs} NOT IN ('', ${DROPPED})`)
      .groupBy(sql`name.value`)
      .orderBy(sql`calls DESC, name.value`)
      .limit(MAX_NAMES),
    db.select({ secret, count: calls, lastSeen: last }).from(usageCalls).where(ofSecrets).groupBy(secret),
    db
      .select({ secret, hour: hour.as('hour'), count: sql<number>`sum(used.value)`.as('calls') })
      .from(usageCalls)
      .innerJoin(sql`json_each(${hours}) AS used`, sql`true`)
      .where(
        sql`${ofKey(Math.floor(sinceHour / HOURS_OF_DAY))} AND ${isOneOf(secret, secrets)} AND ${hour} >= ${sinceHour}`,
      )
      .groupBy(secret, hour)
      .orderBy(sql`hour`),
    db
      .select({
        secret: ranked.secret,
        network: ranked.network,
        firstSeen: ranked.first,
        lastSeen: ranked.last,
        count: ranked.calls,
      })
      .from(ranked)
      .where(sql`${ranked.place} <= ${MAX_NETWORKS_OF_SECRET}`)
      .orderBy(sql`${ranked.last} DESC`),
  ]);
  return { permissions, secrets: bySecret, hours: byHour, sources };
}

/** One secret of one key, by when it was made (unix milliseconds). */
export interface SecretOfKey {
  keyId: number;
  secret: number;
}

/**
 * When each of these secrets last made an allowed call (unix milliseconds), in the order given; null: not within
 * these days (since the epoch). Of each secret only the rows of its newest day are read.
 */
export async function readLastUsesOfSecrets(
  db: UsageDatabase,
  given: readonly SecretOfKey[],
  { sinceDay, today }: { sinceDay: number; today: number },
): Promise<(number | null)[]> {
  const { day, keyId, secret, lastSeen } = usageCalls;
  const ofSecret = sql`${keyId} = given.value ->> '$.keyId' AND ${secret} = given.value ->> '$.secret'`;
  // json_each keeps the order of its list, so the search ends at the newest day with a call.
  const newestDay = sql`(SELECT days.value FROM json_each(${JSON.stringify(daysFrom(sinceDay, today))}) AS days
    WHERE EXISTS (SELECT 1 FROM ${usageCalls} WHERE ${day} = days.value AND ${ofSecret}) LIMIT 1)`;
  const last = sql<
    number | null
  >`(SELECT max(${lastSeen}) FROM ${usageCalls} WHERE ${day} = ${newestDay} AND ${ofSecret})`;
  const rows = await db
    .select({ last: last.as('last') })
    .from(sql`json_each(${JSON.stringify(given)}) AS given`)
    .orderBy(sql`given.key`);
  return rows.map((row) => row.last);
}
