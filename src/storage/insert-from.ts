import { Column, getTableColumns, is, SQL, sql } from 'drizzle-orm';
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Database, Statement } from './database.ts';

/** A row to insert: for each column of the table a value, or an expression over what it is selected from. */
type NewRow<Table extends SQLiteTable> = {
  [Name in keyof Table['$inferSelect']]: SQL | SQLiteColumn | Table['$inferSelect'][Name];
};

/**
 * A statement that inserts a row for each row of a source, and so none where the source has none. A column that is left out
 * does not compile; SQLite's own default of a primary key is `sql\`NULL\``.
 * @param source what comes after FROM, its condition included
 */
export function insertFrom<Table extends SQLiteTable>(
  db: Database,
  table: Table,
  row: NewRow<Table>,
  source: SQL,
): Statement {
  const given: Record<string, unknown> = row;
  const values = Object.entries(getTableColumns(table)).map(([name, column]) => {
    const value = given[name];
    return is(value, SQL) || is(value, Column) ? sql`${value}` : sql`${sql.param(value, column)}`;
  });
  return db.insert(table).select(sql`SELECT ${sql.join(values, sql`, `)} FROM ${source}`);
}
