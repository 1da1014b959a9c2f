import { Column, getTableColumns, is, SQL, sql } from 'drizzle-orm';
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Opened } from './database.ts';

/*
 * Parts of statements that drizzle has no builder for. They too take columns from the schema, so that the old name of a
 * renamed column does not compile.
 */

/** A row to insert: for each column of the table a value, or an expression over the source. */
type NewRow<Table extends SQLiteTable> = {
  [Name in keyof Table['$inferSelect']]: SQL | SQLiteColumn | Table['$inferSelect'][Name];
};

/**
 * A statement that inserts one row for each row of a source, and so none for an empty source. Leaving out a column does
 * not compile. For an integer primary key, SQLite gives the next number for `sql\`NULL\``.
 * @param source what comes after FROM. It needs a WHERE if an ON CONFLICT follows, which SQLite would otherwise take
 * for a join's ON
 */
export function insertFrom<Table extends SQLiteTable>(db: Opened, table: Table, row: NewRow<Table>, source: SQL) {
  const given: Record<string, unknown> = row;
  const values = Object.entries(getTableColumns(table)).map(([name, column]) => {
    const value = given[name];
    return is(value, SQL) || is(value, Column) ? sql`${value}` : sql`${sql.param(value, column)}`;
  });
  return db.insert(table).select(sql`SELECT ${sql.join(values, sql`, `)} FROM ${source}`);
}

/** SQLite's own number of a row. */
export const ROWID = sql<number>`rowid`;

/**
 * Whether a column has one of these values. The values are one JSON parameter, because D1 takes at most 100 parameters
 * in a statement.
 */
export function isOneOf(column: SQLiteColumn, values: readonly (number | string)[]): SQL {
  return sql`${column} IN (SELECT value FROM json_each(${JSON.stringify(values)}))`;
}

/** In an ON CONFLICT: this column's value in the row that could not be inserted. */
export function excluded(column: SQLiteColumn): SQL {
  return sql`excluded.${sql.identifier(column.name)}`;
}
