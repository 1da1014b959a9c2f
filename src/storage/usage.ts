import { and, desc, eq, gte, sql } from 'drizzle-orm';
import { type Statement, statement, type UsageDatabase } from './database.ts';
import { usageDays, usageHours, usageLast, usageSources } from './usage-schema.ts';

/*
 * Adding counts to the usage database, and reading them. Lists travel as one parameter of JSON, because a statement of
 * D1 takes a hundred parameters at most.
 */

/** Calls with one key (0: none that there is) in one hour, with one outcome, from one network. */
export interface UseCount {
  keyId: number;
  /** Hours since the epoch. */
  hour: number;
  code: string;
  /** An IPv4 address or an IPv6 /64; null: the address was not known, or is of no interest. */
  network: string | null;
  count: number;
  /** Unix milliseconds. */
  firstAt: number;
  lastAt: number;
}

/** What an isolate counted, under an id by which it is added once however often it arrives. */
export interface UsageFlush {
  id: string;
  counts: UseCount[];
}

/** What a key keeps of networks. The refused ones have their own share: strangers cannot push the real ones out. */
const MOST_SOURCES = { allowed: 100, refused: 50 } as const;
const ALLOWED = 'VALID';

/** Which of these flushes have been added already. */
export async function readAddedFlushes(db: UsageDatabase, ids: readonly string[]): Promise<Set<string>> {
  const rows = await db.all<{ id: string }>(
    sql`SELECT id FROM usage_flushes WHERE id IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`,
  );
  return new Set(rows.map(({ id }) => id));
}

/**
 * Adds flushes, all or none.
 * @throws when one of them has been added already, as by a delivery at the same time
 */
export async function addFlushes(db: UsageDatabase, flushes: readonly UsageFlush[], now: number): Promise<void> {
  const counts = flushes.flatMap((flush) => flush.counts);
  const ids = JSON.stringify(flushes.map(({ id }) => id));
  const hours = JSON.stringify(sumBy(counts, ({ keyId, hour, code }) => `${keyId} ${hour} ${code}`));
  const ofKeys = counts.filter(({ keyId }) => keyId !== 0);
  const uses = JSON.stringify(
    sumBy(
      ofKeys.filter(({ code }) => code === ALLOWED),
      ({ keyId }) => String(keyId),
    ),
  );
  const sources = JSON.stringify(
    withoutSurplus(
      sumBy(
        ofKeys.filter(({ network }) => network !== null),
        ({ keyId, network, code }) => `${keyId} ${network} ${code === ALLOWED}`,
      ),
    ),
  );
  await db.batch([
    statement(db, sql`INSERT INTO usage_flushes (id, at) SELECT value, ${now} FROM json_each(${ids})`),
    statement(
      db,
      sql`
      INSERT INTO usage_hours (key_id, hour, code, count)
      SELECT value ->> '$.keyId', value ->> '$.hour', value ->> '$.code', value ->> '$.count'
      FROM json_each(${hours}) WHERE true
      ON CONFLICT DO UPDATE SET count = count + excluded.count`,
    ),
    statement(
      db,
      sql`
      INSERT INTO usage_last (key_id, last_used_at)
      SELECT value ->> '$.keyId', value ->> '$.lastAt' FROM json_each(${uses}) WHERE true
      ON CONFLICT DO UPDATE SET last_used_at = max(last_used_at, excluded.last_used_at)`,
    ),
    statement(
      db,
      sql`
      INSERT INTO usage_sources (key_id, refused, network, first_seen, last_seen, count)
      SELECT
        value ->> '$.keyId', value ->> '$.code' <> ${ALLOWED}, value ->> '$.network', value ->> '$.firstAt',
        value ->> '$.lastAt', value ->> '$.count'
      FROM json_each(${sources}) WHERE true
      ON CONFLICT DO UPDATE SET
        first_seen = min(first_seen, excluded.first_seen),
        last_seen = max(last_seen, excluded.last_seen),
        count = count + excluded.count`,
    ),
    dropSurplusSources(db, sources),
  ]);
}

/**
 * Of the sources of each key, those seen last, as many as a key keeps. Many isolates may have counted the same key from
 * thousands of networks: what would be deleted again at once is not written.
 */
function withoutSurplus(sources: readonly UseCount[]): UseCount[] {
  const ofKeys = Map.groupBy(sources, ({ keyId, code }) => `${keyId} ${code === ALLOWED}`);
  return [...ofKeys.values()].flatMap((ofKey) =>
    ofKey
      .toSorted((a, b) => b.lastAt - a.lastAt || b.count - a.count)
      .slice(0, ofKey[0]?.code === ALLOWED ? MOST_SOURCES.allowed : MOST_SOURCES.refused),
  );
}

/** Of each key that got sources, keeps the ones seen last. */
function dropSurplusSources(db: UsageDatabase, sources: string): Statement {
  return statement(
    db,
    sql`
    DELETE FROM usage_sources WHERE rowid IN (
      SELECT id FROM (
        SELECT rowid AS id, refused,
          row_number() OVER (PARTITION BY key_id, refused ORDER BY last_seen DESC, count DESC) AS place
        FROM usage_sources
        WHERE key_id IN (SELECT DISTINCT value ->> '$.keyId' FROM json_each(${sources}))
      ) WHERE place > CASE refused WHEN 1 THEN ${MOST_SOURCES.refused} ELSE ${MOST_SOURCES.allowed} END)`,
  );
}

/** Adds up counts that are of the same thing. */
function sumBy(counts: readonly UseCount[], sameness: (count: UseCount) => string): UseCount[] {
  const sums = new Map<string, UseCount>();
  for (const count of counts) {
    const sum = sums.get(sameness(count));
    if (sum === undefined) {
      sums.set(sameness(count), { ...count });
    } else {
      sum.count += count.count;
      sum.firstAt = Math.min(sum.firstAt, count.firstAt);
      sum.lastAt = Math.max(sum.lastAt, count.lastAt);
    }
  }
  return [...sums.values()];
}

/** When these keys last allowed a call (unix milliseconds), those that ever did. */
export async function readLastUses(db: UsageDatabase, keyIds: readonly number[]): Promise<Map<number, number>> {
  const rows = await db
    .select()
    .from(usageLast)
    .where(sql`${usageLast.keyId} IN (SELECT value FROM json_each(${JSON.stringify(keyIds)}))`);
  return new Map(rows.map(({ keyId, lastUsedAt }) => [keyId, lastUsedAt]));
}

export interface UsageOfKey {
  /** Calls by day (days since the epoch) and code, in the order of the days. */
  days: { day: number; code: string; count: number }[];
  /** The most recent first. */
  sources: (typeof usageSources.$inferSelect)[];
}

/** What is known of the use of a key since a day (days since the epoch), that day included. */
export async function readUsage(db: UsageDatabase, keyId: number, sinceDay: number): Promise<UsageOfKey> {
  const day = sql<number>`${usageHours.hour} / 24`;
  const [hours, days, sources] = await db.batch([
    db
      .select({ day: day.as('day'), code: usageHours.code, count: sql<number>`sum(${usageHours.count})`.as('calls') })
      .from(usageHours)
      .where(and(eq(usageHours.keyId, keyId), gte(usageHours.hour, sinceDay * 24)))
      .groupBy(day, usageHours.code),
    db
      .select({ day: usageDays.day, code: usageDays.code, count: usageDays.count })
      .from(usageDays)
      .where(and(eq(usageDays.keyId, keyId), gte(usageDays.day, sinceDay))),
    db
      .select()
      .from(usageSources)
      .where(and(eq(usageSources.keyId, keyId), gte(usageSources.lastSeen, sinceDay * DAY_MS)))
      .orderBy(desc(usageSources.lastSeen)),
  ]);
  return { days: [...days, ...hours].toSorted((a, b) => a.day - b.day), sources };
}

const DAY_MS = 24 * 60 * 60 * 1000;
const HOURS_KEPT_DAYS = 3;
const DAYS_KEPT = 90;
/** Longer than the queue keeps a message: 4 days, and as many again in its dead-letter queue. */
const FLUSHES_KEPT_DAYS = 10;

/**
 * Puts hours of the days before the last ones together into days, and forgets what is kept no longer: of each, at most
 * `most` rows, the oldest first, so that a backlog of millions passes no limit of D1.
 */
export function rollUpUsage(db: UsageDatabase, now: number, most: number): [Statement, ...Statement[]] {
  const today = Math.floor(now / DAY_MS);
  // The two statements that use it find the same rows: they are one transaction, and the first writes elsewhere.
  const oldHours = sql`
    SELECT rowid FROM usage_hours WHERE hour < ${(today - HOURS_KEPT_DAYS) * 24} ORDER BY hour, rowid LIMIT ${most}`;
  return [
    statement(
      db,
      sql`
      INSERT INTO usage_days (key_id, day, code, count)
      SELECT key_id, hour / 24, code, sum(count) FROM usage_hours WHERE rowid IN (${oldHours}) GROUP BY 1, 2, 3
      ON CONFLICT DO UPDATE SET count = count + excluded.count`,
    ),
    statement(db, sql`DELETE FROM usage_hours WHERE rowid IN (${oldHours})`),
    statement(
      db,
      sql`
      DELETE FROM usage_days WHERE rowid IN (
        SELECT rowid FROM usage_days WHERE day < ${today - DAYS_KEPT} ORDER BY day LIMIT ${most})`,
    ),
    statement(
      db,
      sql`
      DELETE FROM usage_flushes WHERE rowid IN (
        SELECT rowid FROM usage_flushes WHERE at < ${now - FLUSHES_KEPT_DAYS * DAY_MS} ORDER BY at LIMIT ${most})`,
    ),
  ];
}

/** Keys from the first number to before the last one. */
export interface KeyRange {
  from: number;
  to: number;
}

/** The highest number of a key of which anything is known by key; 0: nothing is. */
export async function readHighestKey(db: UsageDatabase): Promise<number> {
  const [row] = await db.all<{ highest: number | null }>(
    sql`SELECT max((SELECT coalesce(max(key_id), 0) FROM usage_last), (SELECT coalesce(max(key_id), 0) FROM usage_sources)) AS highest`,
  );
  return row?.highest ?? 0;
}

/** Forgets the sources of these keys that were not seen for as long as days are kept. */
export function pruneSources(db: UsageDatabase, { from, to }: KeyRange, now: number): Statement {
  return statement(
    db,
    sql`DELETE FROM usage_sources WHERE key_id >= ${from} AND key_id < ${to} AND last_seen < ${oldestKept(now)}`,
  );
}

/** Those of these keys whose last use is older than the days that are kept. */
export async function readLongUnused(db: UsageDatabase, { from, to }: KeyRange, now: number): Promise<number[]> {
  const rows = await db.all<{ id: number }>(sql`
    SELECT key_id AS id FROM usage_last WHERE key_id >= ${from} AND key_id < ${to} AND last_used_at < ${oldestKept(now)}`);
  return rows.map(({ id }) => id);
}

/** Forgets when these keys were used last. Of a key that exists this must never be: null means never used. */
export function forgetLastUses(db: UsageDatabase, keyIds: readonly number[]): Statement {
  return statement(
    db,
    sql`DELETE FROM usage_last WHERE key_id IN (SELECT value FROM json_each(${JSON.stringify(keyIds)}))`,
  );
}

function oldestKept(now: number): number {
  return (Math.floor(now / DAY_MS) - DAYS_KEPT) * DAY_MS;
}
