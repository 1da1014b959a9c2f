import { and, desc, eq, gt, gte, inArray, lt, max, type SQL, sql } from 'drizzle-orm';
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core';
import { countTouched, type UsageDatabase } from './database.ts';
import { addJointUses, deleteJointUsesBefore } from './joint-uses.ts';
import { excluded, insertFrom, isOneOf, ROWID } from './statements.ts';
import { usageDays, usageFlushes, usageHours, usageLast, usageSources } from './usage-schema.ts';

/*
 * Adds counts to the usage database, and reads them. A list is one JSON parameter, because D1 takes at most 100
 * parameters in a statement.
 */

/**
 * Calls with one key (0: no key, or an unknown one) in one hour, with one outcome, from one network. Those that were
 * allowed are counted also by secret and by what they asked for.
 */
export interface UseCount {
  keyId: number;
  /** Hours since the epoch. */
  hour: number;
  code: string;
  /** An IPv4 address or an IPv6 /64; null: the address was not known, or its network is not counted. */
  network: string | null;
  /** Of an allowed call: which secret of the key, by when it was made (unix milliseconds); null: it was not counted. */
  secret: number | null;
  /**
   * Of an allowed call: the permissions that it asked for, sorted, with a space between them; empty: none; null: they, or
   * the network, were not counted apart.
   */
  needs: string | null;
  count: number;
  /** Unix milliseconds. */
  firstAt: number;
  lastAt: number;
}

/** What an isolate counted. By its `id` it is added once, however often it is delivered. */
export interface UsageFlush {
  id: string;
  counts: UseCount[];
}

/**
 * How many networks are kept of a key. Refused calls have their own share, so that strangers cannot push out the real
 * ones.
 */
const MAX_SOURCES = { allowed: 100, refused: 50 } as const;
const ALLOWED = 'VALID';

/** Which of these flushes have been added already. */
export async function readAddedFlushes(db: UsageDatabase, ids: readonly string[]): Promise<Set<string>> {
  const rows = await db.select({ id: usageFlushes.id }).from(usageFlushes).where(isOneOf(usageFlushes.id, ids));
  return new Set(rows.map(({ id }) => id));
}

/**
 * Adds flushes, all or none.
 * @throws when one of them has been added already, by a concurrent delivery say
 */
export async function addFlushes(db: UsageDatabase, flushes: readonly UsageFlush[], now: number): Promise<void> {
  const counts = flushes.flatMap((flush) => flush.counts);
  const ids = JSON.stringify(flushes.map(({ id }) => id));
  const hours = JSON.stringify(sumBy(counts, ({ keyId, hour, code }) => `${keyId} ${hour} ${code}`));
  const ofKeys = counts.filter(({ keyId }) => keyId !== 0);
  const allowed = ofKeys.filter(({ code }) => code === ALLOWED);
  const uses = JSON.stringify(sumBy(allowed, ({ keyId }) => String(keyId)));
  const sources = JSON.stringify(
    withoutSurplus(
      sumBy(
        ofKeys.filter(({ network }) => network !== null),
        ({ keyId, network, code }) => `${keyId} ${network} ${code === ALLOWED}`,
      ),
    ),
  );
  await db.batch([
    insertFrom(db, usageFlushes, { id: sql`value`, at: now }, eachOf(ids)),
    insertFrom(
      db,
      usageHours,
      { keyId: given('keyId'), hour: given('hour'), code: given('code'), count: given('count') },
      eachOf(hours),
    ).onConflictDoUpdate({ target: hourOfKey, set: { count: sum(usageHours.count) } }),
    insertFrom(db, usageLast, { keyId: given('keyId'), lastUsedAt: given('lastAt') }, eachOf(uses)).onConflictDoUpdate({
      target: usageLast.keyId,
      set: { lastUsedAt: later(usageLast.lastUsedAt) },
    }),
    insertFrom(
      db,
      usageSources,
      {
        keyId: given('keyId'),
        refused: sql`${given('code')} <> ${ALLOWED}`,
        network: given('network'),
        firstSeen: given('firstAt'),
        lastSeen: given('lastAt'),
        count: given('count'),
      },
      eachOf(sources),
    ).onConflictDoUpdate({
      target: sourceOfKey,
      set: {
        firstSeen: sql`min(${usageSources.firstSeen}, ${excluded(usageSources.firstSeen)})`,
        lastSeen: later(usageSources.lastSeen),
        count: sum(usageSources.count),
      },
    }),
    dropSurplusSources(db, sources),
    addJointUses(db, allowed),
  ]);
}

const hourOfKey = [usageHours.keyId, usageHours.hour, usageHours.code];
const sourceOfKey = [usageSources.keyId, usageSources.refused, usageSources.network];

/** Each entry of a JSON list, as `value`. */
function eachOf(list: string): SQL {
  return sql`json_each(${list}) WHERE true`;
}

/** A field of such an entry. */
function given(field: keyof PlainCount): SQL {
  return sql`value ->> ${sql.raw(`'$.${field}'`)}`;
}

function sum(column: SQLiteColumn): SQL {
  return sql`${column} + ${excluded(column)}`;
}

function later(column: SQLiteColumn): SQL {
  return sql`max(${column}, ${excluded(column)})`;
}

/**
 * The sources of each key that were seen last, as many as are kept. Many isolates may have counted the same key from
 * thousands of networks. Rows that would be deleted again at once are not written.
 */
function withoutSurplus(sources: readonly PlainCount[]): PlainCount[] {
  const ofKeys = Map.groupBy(sources, ({ keyId, code }) => `${keyId} ${code === ALLOWED}`);
  return [...ofKeys.values()].flatMap((ofKey) =>
    ofKey
      .toSorted((a, b) => b.lastAt - a.lastAt || b.count - a.count)
      .slice(0, ofKey[0]?.code === ALLOWED ? MAX_SOURCES.allowed : MAX_SOURCES.refused),
  );
}

/** The statement that deletes surplus sources of the keys in `sources`. It keeps those that were seen last. */
function dropSurplusSources(db: UsageDatabase, sources: string) {
  const { keyId, refused, lastSeen, count } = usageSources;
  const ranked = db
    .select({
      id: sql<number>`${ROWID}`.as('id'),
      refused,
      place:
        sql<number>`row_number() OVER (PARTITION BY ${keyId}, ${refused} ORDER BY ${lastSeen} DESC, ${count} DESC)`.as(
          'place',
        ),
    })
    .from(usageSources)
    .where(sql`${keyId} IN (SELECT DISTINCT ${given('keyId')} FROM json_each(${sources}))`)
    .as('ranked');
  const most = sql`CASE ${ranked.refused} WHEN 1 THEN ${MAX_SOURCES.refused} ELSE ${MAX_SOURCES.allowed} END`;
  const surplus = db.select({ id: ranked.id }).from(ranked).where(gt(ranked.place, most));
  return db.delete(usageSources).where(inArray(ROWID, surplus));
}

type PlainCount = Omit<UseCount, 'secret' | 'needs'>;

/** Adds up the counts that have the same `groupOf`. */
function sumBy(counts: readonly UseCount[], groupOf: (count: UseCount) => string): PlainCount[] {
  const sums = new Map<string, PlainCount>();
  for (const count of counts) {
    const sum = sums.get(groupOf(count));
    if (sum === undefined) {
      const { secret: _secret, needs: _needs, ...plain } = count;
      sums.set(groupOf(count), plain);
    } else {
      sum.count += count.count;
      sum.firstAt = Math.min(sum.firstAt, count.firstAt);
      sum.lastAt = Math.max(sum.lastAt, count.lastAt);
    }
  }
  return [...sums.values()];
}

/** When these keys last allowed a call (unix milliseconds), by key id. Keys that never did are left out. */
export async function readLastUses(db: UsageDatabase, keyIds: readonly number[]): Promise<Map<number, number>> {
  const rows = await db.select().from(usageLast).where(isOneOf(usageLast.keyId, keyIds));
  return new Map(rows.map(({ keyId, lastUsedAt }) => [keyId, lastUsedAt]));
}

export interface UsageOfKey {
  /** Calls by day (days since the epoch) and code, in the order of the days. */
  days: { day: number; code: string; count: number }[];
  /** The most recent first. */
  sources: (typeof usageSources.$inferSelect)[];
}

/** The usage of a key since a day (days since the epoch), that day included. */
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
/** Days before today. */
export const DAYS_KEPT = 90;
/** Longer than the queue keeps a message: 4 days, and as many again in its dead-letter queue. */
const FLUSHES_KEPT_DAYS = 10;

/**
 * Adds hours that are older than `HOURS_KEPT_DAYS` to their days, and deletes days and flushes that are too old. Of
 * each table it takes at most `most` rows, the oldest first, so that a backlog of millions stays within D1's limits.
 * @returns how many rows were touched by the statement that touched the most
 */
export async function rollUpUsage(db: UsageDatabase, now: number, most: number): Promise<number> {
  const today = Math.floor(now / DAY_MS);
  const { hour } = usageHours;
  const day = sql`${hour} / 24`;
  // Both statements that use this condition find the same rows: they are in one transaction, and the first writes to
  // another table.
  const isOld = inArray(
    ROWID,
    db
      .select({ id: ROWID })
      .from(usageHours)
      .where(lt(hour, (today - HOURS_KEPT_DAYS) * 24))
      .orderBy(hour, ROWID)
      .limit(most),
  );
  const oldDays = db
    .select({ id: ROWID })
    .from(usageDays)
    .where(lt(usageDays.day, today - DAYS_KEPT))
    .orderBy(usageDays.day)
    .limit(most);
  const oldFlushes = db
    .select({ id: ROWID })
    .from(usageFlushes)
    .where(lt(usageFlushes.at, now - FLUSHES_KEPT_DAYS * DAY_MS))
    .orderBy(usageFlushes.at)
    .limit(most);
  return countTouched(db, [
    insertFrom(
      db,
      usageDays,
      { keyId: usageHours.keyId, day, code: usageHours.code, count: sql`sum(${usageHours.count})` },
      sql`${usageHours} WHERE ${isOld} GROUP BY ${usageHours.keyId}, ${day}, ${usageHours.code}`,
    ).onConflictDoUpdate({
      target: [usageDays.keyId, usageDays.day, usageDays.code],
      set: { count: sum(usageDays.count) },
    }),
    db.delete(usageHours).where(isOld),
    db.delete(usageDays).where(inArray(ROWID, oldDays)),
    deleteJointUsesBefore(db, today - DAYS_KEPT, most),
    db.delete(usageFlushes).where(inArray(ROWID, oldFlushes)),
  ]);
}

/** Key ids from `from` up to, but not including, `to`. */
export interface KeyRange {
  from: number;
  to: number;
}

/** The highest key id that has a last use or a source; 0: none has. */
export async function readHighestKey(db: UsageDatabase): Promise<number> {
  const [[lastUse], [source]] = await db.batch([
    db.select({ highest: max(usageLast.keyId) }).from(usageLast),
    db.select({ highest: max(usageSources.keyId) }).from(usageSources),
  ]);
  return Math.max(lastUse?.highest ?? 0, source?.highest ?? 0);
}

/** The keys of a range whose last use is older than the days that are kept. */
export async function readLongUnused(db: UsageDatabase, { from, to }: KeyRange, now: number): Promise<number[]> {
  const { keyId, lastUsedAt } = usageLast;
  const rows = await db
    .select({ id: keyId })
    .from(usageLast)
    .where(and(gte(keyId, from), lt(keyId, to), lt(lastUsedAt, oldestKept(now))));
  return rows.map(({ id }) => id);
}

/**
 * Deletes the sources of a range of keys that are older than the days that are kept, and the last uses of deleted keys.
 * The last use of a key that exists must never be deleted: without one, the key is shown as never used.
 */
export async function forgetUses(
  db: UsageDatabase,
  { from, to }: KeyRange,
  goneKeys: readonly number[],
  now: number,
): Promise<void> {
  const { keyId, lastSeen } = usageSources;
  await db.batch([
    db.delete(usageSources).where(and(gte(keyId, from), lt(keyId, to), lt(lastSeen, oldestKept(now)))),
    db.delete(usageLast).where(isOneOf(usageLast.keyId, goneKeys)),
  ]);
}

function oldestKept(now: number): number {
  return (Math.floor(now / DAY_MS) - DAYS_KEPT) * DAY_MS;
}
