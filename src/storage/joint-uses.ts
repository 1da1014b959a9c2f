import { inArray, lt, type SQL, sql } from 'drizzle-orm';
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core';
import type { UsageDatabase } from './database.ts';
import { excluded, insertFrom, isOneOf, ROWID } from './statements.ts';
import type { UseCount } from './usage.ts';
import { usageCalls } from './usage-schema.ts';

/*
 * Allowed calls, counted jointly by day, key, secret, network and the permissions that they asked for. So a change of a
 * key can be judged by the calls that were made with it.
 */

export const HOURS_OF_DAY = 24;

/** Rows of one day, key and secret. */
export const MAX_JOINT_ROWS = 200;
/** The needs of the row that has all other calls of its day, key and secret. No permission has this name. */
export const DROPPED = '*';
/** The secret of calls whose secret was not counted, such as those that an older Worker counted. */
const UNKNOWN_SECRET = 0;

interface JointRow {
  day: number;
  keyId: number;
  secret: number;
  network: string;
  needs: string;
  firstSeen: number;
  lastSeen: number;
  count: number;
  /** Calls by hour of the day. */
  hours: Record<number, number>;
}

/**
 * The statement that adds these counts of allowed calls. Rows that are there already are counted up. A new row that would
 * be more than are kept of its day, key and secret is added to the row of those that were dropped.
 */
export function addJointUses(db: UsageDatabase, counts: readonly UseCount[]) {
  const { day, keyId, secret, network, needs, firstSeen, lastSeen, count, hours } = usageCalls;
  // Lists and not objects: SQLite takes 2 MB in one parameter.
  const list = JSON.stringify(
    toRows(counts).map((row) => [
      row.day,
      row.keyId,
      row.secret,
      row.network,
      row.needs,
      row.firstSeen,
      row.lastSeen,
      row.count,
      row.hours,
    ]),
  );
  const given = (column: SQLiteColumn) => sql`given.${sql.identifier(column.name)}`;
  const columns = [day, keyId, secret, network, needs, firstSeen, lastSeen, count, hours];
  const fields = columns.map((column, at) => {
    // An object is taken as JSON text.
    const read = column === hours ? sql.raw('->') : sql.raw('->>');
    return sql`value ${read} ${sql.raw(`'$[${at}]'`)} AS ${sql.identifier(column.name)}`;
  });
  const sameGroup = sql.join(
    [day, keyId, secret].map((column) => sql`${column} = ${given(column)}`),
    sql` AND `,
  );
  const isKnown = sql`EXISTS (SELECT 1 FROM ${usageCalls} WHERE ${sameGroup} AND ${network} = ${given(network)} AND ${needs} = ${given(needs)})`;
  const kept = sql`(SELECT count(*) FROM ${usageCalls} WHERE ${sameGroup} AND ${needs} <> ${DROPPED})`;
  const group = sql`${given(day)}, ${given(keyId)}, ${given(secret)}`;
  const source = sql`(
    SELECT given.*, is_known OR ${given(needs)} = ${DROPPED} OR place + (CASE WHEN is_known THEN 0 ELSE ${kept} END) <= ${MAX_JOINT_ROWS} AS fits
    FROM (
      SELECT given.*, row_number() OVER (PARTITION BY ${group}, is_known, ${given(needs)} = ${DROPPED} ORDER BY ${given(count)} DESC) AS place
      FROM (
        SELECT given.*, ${isKnown} AS is_known
        FROM (SELECT ${sql.join(fields, sql`, `)} FROM json_each(${list})) AS given
      ) AS given
    ) AS given
  ) AS given WHERE true`;
  return insertFrom(
    db,
    usageCalls,
    {
      day: given(day),
      keyId: given(keyId),
      secret: given(secret),
      network: sql`CASE WHEN fits THEN ${given(network)} ELSE '' END`,
      needs: sql`CASE WHEN fits THEN ${given(needs)} ELSE ${DROPPED} END`,
      firstSeen: given(firstSeen),
      lastSeen: given(lastSeen),
      count: given(count),
      hours: given(hours),
    },
    source,
  ).onConflictDoUpdate({
    target: [day, keyId, secret, network, needs],
    set: {
      firstSeen: sql`min(${firstSeen}, ${excluded(firstSeen)})`,
      lastSeen: sql`max(${lastSeen}, ${excluded(lastSeen)})`,
      count: sql`${count} + ${excluded(count)}`,
      hours: sql`(SELECT json_group_object(hour, calls) FROM (
        SELECT key AS hour, sum(value) AS calls
        FROM (SELECT key, value FROM json_each(${hours}) UNION ALL SELECT key, value FROM json_each(${excluded(hours)}))
        GROUP BY key))`,
    },
  });
}

/** Adds counts up to rows, of each day, key and secret no more than are kept, those with the most calls first. */
function toRows(counts: readonly UseCount[]): JointRow[] {
  const rows = new Map<string, JointRow>();
  const add = (row: JointRow) => {
    const name = `${row.day} ${row.keyId} ${row.secret} ${row.network} ${row.needs}`;
    const present = rows.get(name);
    if (present === undefined) {
      rows.set(name, row);
      return;
    }
    present.firstSeen = Math.min(present.firstSeen, row.firstSeen);
    present.lastSeen = Math.max(present.lastSeen, row.lastSeen);
    present.count += row.count;
    for (const [hour, calls] of Object.entries(row.hours)) {
      present.hours[Number(hour)] = (present.hours[Number(hour)] ?? 0) + calls;
    }
  };
  for (const count of counts) add(toRow(count));
  const groups = Map.groupBy(rows.values(), ({ day, keyId, secret }) => `${day} ${keyId} ${secret}`);
  for (const group of groups.values()) {
    const kept = group.filter(({ needs }) => needs !== DROPPED).toSorted((a, b) => b.count - a.count);
    for (const row of kept.slice(MAX_JOINT_ROWS)) {
      rows.delete(`${row.day} ${row.keyId} ${row.secret} ${row.network} ${row.needs}`);
      add({ ...row, network: '', needs: DROPPED });
    }
  }
  return [...rows.values()];
}

function toRow({ keyId, hour, network, secret, needs, count, firstAt, lastAt }: UseCount): JointRow {
  const isDropped = secret === null || needs === null;
  return {
    day: Math.floor(hour / HOURS_OF_DAY),
    keyId,
    secret: secret ?? UNKNOWN_SECRET,
    network: isDropped ? '' : (network ?? ''),
    needs: isDropped ? DROPPED : needs,
    firstSeen: firstAt,
    lastSeen: lastAt,
    count,
    hours: { [hour % HOURS_OF_DAY]: count },
  };
}

/** Allowed calls with one key on one day, by one secret, from one network, that asked for one set of permissions. */
export interface JointUse {
  keyId: number;
  /** Days since the epoch (UTC). */
  day: number;
  /** Which secret of the key: when it was made, in unix milliseconds. */
  secret: number;
  /** An IPv4 address or an IPv6 /64; null: the call had no readable address. */
  network: string | null;
  /** Sorted names, each once; empty: the call asked for none. */
  needs: readonly string[];
  count: number;
  /** Unix milliseconds. */
  firstSeen: number;
  lastSeen: number;
}

export interface JointUses {
  /** The newest day first, and of a day the most calls first. Calls that a bound has dropped are not here. */
  uses: JointUse[];
  /** All allowed calls of each key, those that are not in `uses` included. Keys without any are left out. */
  totals: Map<number, { calls: number; firstSeen: number; lastSeen: number }>;
  /** The first day (days since the epoch) of which the deployment has such counts; null: it has none. */
  countedSinceDay: number | null;
}

/**
 * The allowed calls with these keys since a day (days since the epoch), that day included.
 * @param today days since the epoch; later days are not read
 * @param maxRows of `uses`
 */
export async function readJointUses(
  db: UsageDatabase,
  keyIds: readonly number[],
  { sinceDay, today, maxRows }: { sinceDay: number; today: number; maxRows: number },
): Promise<JointUses> {
  const { day, keyId, secret, network, needs, firstSeen, lastSeen, count } = usageCalls;
  const ofKeys = sql`${isOneOf(day, daysFrom(sinceDay, today))} AND ${isOneOf(keyId, keyIds)}`;
  const [rows, totals, [first]] = await db.batch([
    db
      .select({ day, keyId, secret, network, needs, firstSeen, lastSeen, count })
      .from(usageCalls)
      .where(sql`${ofKeys} AND ${needs} <> ${DROPPED}`)
      .orderBy(sql`${day} DESC, ${count} DESC`)
      .limit(maxRows),
    db
      .select({
        keyId,
        calls: sql<number>`sum(${count})`.as('calls'),
        first: sql<number>`min(${firstSeen})`.as('first'),
        last: sql<number>`max(${lastSeen})`.as('last'),
      })
      .from(usageCalls)
      .where(ofKeys)
      .groupBy(keyId),
    db.select({ day }).from(usageCalls).orderBy(day).limit(1),
  ]);
  return {
    uses: rows.map((row) => ({ ...row, network: row.network === '' ? null : row.network, needs: toNames(row.needs) })),
    totals: new Map(
      totals.map((total) => [total.keyId, { calls: total.calls, firstSeen: total.first, lastSeen: total.last }]),
    ),
    countedSinceDay: first?.day ?? null,
  };
}

/** Today and the days before it, back to `from` (days since the epoch), the newest first. */
export function daysFrom(from: number, today: number): number[] {
  return Array.from({ length: Math.max(0, today - from + 1) }, (_, past) => today - past);
}

function toNames(needs: string): string[] {
  return needs === '' ? [] : needs.split(' ');
}

/** The statement that deletes at most `most` rows of days before `firstDay`, the oldest first. */
export function deleteJointUsesBefore(db: UsageDatabase, firstDay: number, most: number) {
  const old: SQL = lt(usageCalls.day, firstDay);
  const oldest = db.select({ id: ROWID }).from(usageCalls).where(old).orderBy(usageCalls.day).limit(most);
  return db.delete(usageCalls).where(inArray(ROWID, oldest));
}
