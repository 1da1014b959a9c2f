import { Column, getTableColumns, is, SQL, sql } from 'drizzle-orm';
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Opened } from './database.ts';

/*
 * What statements are made of that drizzle has no builder for. Columns are named by the schema here too, so that a renamed
 * one does not compile.
 */

/** A row to insert: for each column of the table a value, or an expression over what it is selected from. */
type NewRow<Table extends SQLiteTable> = {
  [Name in keyof Table['$inferSelect']]: SQL | SQLiteColumn | Table['$inferSelect'][Name];
};

/**
 * A statement that inserts a row for each row of a source, and so none where the source has none. A column that is left out
 * does not compile; SQLite's own default of a primary key is `sql\`NULL\``.
 * @param source what comes after FROM. It needs a condition where an ON CONFLICT follows: SQLite would take that for a join
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

/** Whether a column has one of these values. They travel as one parameter: D1 takes a hundred in a statement. */
export function isOneOf(column: SQLiteColumn, values: readonly (number | string)[]): SQL {
  return sql`${column} IN (SELECT value FROM json_each(${JSON.stringify(values)}))`;
}

/** In an ON CONFLICT: the value that the row which is not inserted would have. */
export function excluded(column: SQLiteColumn): SQL {
  return sql`excluded.${sql.identifier(column.name)}`;
}
