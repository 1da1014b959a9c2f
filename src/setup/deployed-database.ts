import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { type Migration, readMigrations } from './migrations.ts';

/*
 * How a deployed database stands to the migrations of this checkout.
 */

export interface MigrationState {
  /** What is applied, of the migrations of this checkout. */
  applied: Migration[];
  /** What is still to be applied. */
  pending: Migration[];
  /** The names of applied migrations that this checkout does not have. Some: the checkout is older than the database. */
  unknown: string[];
}

/** @param database null: it is to be created */
export async function readMigrationState(database: D1Database | null, folder: string): Promise<MigrationState> {
  const ours = readMigrations(folder);
  const names = database === null ? [] : await readApplied(database);
  const applied = ours.filter(({ name }) => names.includes(name));
  return {
    applied,
    pending: ours.filter((migration) => !applied.includes(migration)),
    unknown: names.filter((name) => !ours.some((migration) => migration.name === name)),
  };
}

const rows = {
  names: z.array(z.object({ name: z.string() })),
  columns: z.array(z.object({ table: z.string(), column: z.string(), default: z.string().nullable() })),
  counts: z.array(z.object({ name: z.string(), count: z.number() })),
};

async function readApplied(database: D1Database): Promise<string[]> {
  try {
    const { results } = await database.prepare('SELECT name FROM d1_migrations ORDER BY id').all();
    return rows.names.parse(results).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Error && error.message.includes('no such table: d1_migrations')) return [];
    throw error;
  }
}

/** Something of a database that older code does not look at. */
interface Ignored {
  /** A table, or `table.column`. */
  name: string;
  /** The rows of the table, or those in which the column is set, that is, not as it is by default. */
  count: number;
}

/** Rows that no code brings back to life, by table. They are not counted. */
const DEAD_ROWS: Record<string, string> = { api_keys: 'revoked_at IS NOT NULL' };

const COLUMNS = `
  SELECT m.name AS "table", c.name AS "column", c.dflt_value AS "default"
  FROM sqlite_master AS m, pragma_table_info(m.name) AS c
  WHERE m.type = 'table' AND substr(m.name, 1, 4) <> '_cf_' AND m.name NOT IN ('d1_migrations', 'sqlite_sequence')
  ORDER BY m.name, c.cid`;

/**
 * What a database holds that the code of this checkout does not look at: tables and columns that its migrations do not
 * make, as far as they are in use. A key that is refused by one of these would be let in again.
 */
export async function readIgnored(database: D1Database, folder: string): Promise<Ignored[]> {
  const there = rows.columns.parse((await database.prepare(COLUMNS).all()).results);
  const known = columnsOf(readMigrations(folder));
  const isKnown = ({ table, column }: { table: string; column: string }) => known.has(`${table}.${column}`);
  const tables = new Set(there.map(({ table }) => table));
  for (const { table } of there.filter(isKnown)) tables.delete(table);
  const counts = [
    ...[...tables].map((table) => countRows(table, table, '1')),
    ...there
      .filter((column) => !isKnown(column) && !tables.has(column.table))
      .map(({ table, column, default: usual }) => {
        const alive = DEAD_ROWS[table] === undefined ? '1' : `NOT (${DEAD_ROWS[table]})`;
        return countRows(`${table}.${column}`, table, `"${column}" IS NOT (${usual ?? 'NULL'}) AND ${alive}`);
      }),
  ];
  if (counts.length === 0) return [];
  const counted = await database.batch(counts.map((query) => database.prepare(query)));
  return counted.flatMap(({ results }) => rows.counts.parse(results)).filter(({ count }) => count > 0);
}

function countRows(name: string, table: string, condition: string): string {
  return `SELECT '${name}' AS name, count(*) AS count FROM "${table}" WHERE ${condition}`;
}

/** The columns, as `table.column`, of a database with these migrations. */
function columnsOf(migrations: readonly Migration[]): Set<string> {
  const empty = new DatabaseSync(':memory:');
  try {
    for (const { sql } of migrations) empty.exec(sql);
    const columns = rows.columns.parse(
      empty
        .prepare(COLUMNS)
        .all()
        .map((row) => ({ ...row })),
    );
    return new Set(columns.map(({ table, column }) => `${table}.${column}`));
  } finally {
    empty.close();
  }
}
