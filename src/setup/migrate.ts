import { unstable_splitSqlQuery } from 'wrangler';
import { readMigrations } from './migrations.ts';

/**
 * Applies the migrations of a folder that a local database lacks, each in a transaction of its own. They are recorded
 * as `wrangler d1 migrations apply` records them, so each knows what the other has applied. They run in this process,
 * like the seeding, so that two processes never have one database open.
 */
export async function migrate(database: D1Database, folder: string): Promise<void> {
  await database.prepare(RECORD).run();
  const { results } = await database.prepare('SELECT name FROM d1_migrations').all<{ name: string }>();
  const applied = new Set(results.map(({ name }) => name));
  for (const { name, sql } of readMigrations(folder)) {
    if (applied.has(name)) continue;
    await database.batch([
      ...unstable_splitSqlQuery(sql).map((text) => database.prepare(text)),
      database.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name),
    ]);
  }
}

/** wrangler's table of applied migrations, in wrangler's own shape. */
const RECORD = `
  CREATE TABLE IF NOT EXISTS "d1_migrations"(
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT UNIQUE,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
  )`;
