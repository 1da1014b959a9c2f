import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { parseFlush } from '../../src/domain/usage/parse-flush.ts';
import { openRecordCache } from '../../src/storage/record-cache.ts';
import { parseVerificationRecord } from '../../src/storage/verification-record.ts';

/*
 * The document beside the schema names what there is: no table and no column more or less, and its examples are what the
 * code reads.
 */

const [text = ''] = Object.values(
  import.meta.glob<string>('../../src/storage/storage-schema.md', { eager: true, import: 'default', query: '?raw' }),
);

/** A chapter of the document, from its heading to the next one. */
function chapter(heading: string): string {
  const [, found = ''] = text.split(`\n## ${heading}\n`);
  return found.split('\n## ')[0] ?? '';
}

/** The tables that a chapter describes, each with its columns: the first cell of each row. */
function describedTables(heading: string): Record<string, string[]> {
  const [, ...sections] = chapter(heading).split('\n### `');
  return Object.fromEntries(
    sections.map((section) => [
      section.slice(0, section.indexOf('`')),
      [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, column = '']) => column).toSorted(),
    ]),
  );
}

/** The tables that there are, but for those of SQLite, D1 and its migrations. */
async function existingTables(database: D1Database): Promise<Record<string, string[]>> {
  const { results } = await database
    .prepare(
      `SELECT m.name AS "table", c.name AS "column" FROM sqlite_master AS m, pragma_table_info(m.name) AS c
       WHERE m.type = 'table' AND substr(m.name, 1, 4) <> '_cf_' AND m.name NOT IN ('d1_migrations', 'sqlite_sequence')
       ORDER BY c.name`,
    )
    .all<{ table: string; column: string }>();
  const tables: Record<string, string[]> = {};
  for (const { table, column } of results) tables[table] = [...(tables[table] ?? []), column];
  return tables;
}

/** What stands in the fenced block of a language that comes first in a chapter. */
function example(heading: string, language: string): string {
  const [, found = ''] = chapter(heading).split(`\`\`\`${language}\n`);
  return found.slice(0, found.indexOf('\n```'));
}

test.each([
  ['DB', env.DB],
  ['USAGE_DB', env.USAGE_DB],
])('%s has the tables and columns that the document names', async (binding, database) => {
  const tables = await existingTables(database);
  expect(Object.keys(tables)).not.toEqual([]);
  expect(describedTables(`Database \`${binding}\``)).toEqual(tables);
});

test('the invariants name every unique index', async () => {
  const { results } = await env.DB.prepare(
    `SELECT i.name FROM sqlite_master AS m, pragma_index_list(m.name) AS i
     WHERE m.type = 'table' AND substr(m.name, 1, 4) <> '_cf_' AND i."unique" = 1 AND i.origin = 'c'`,
  ).all<{ name: string }>();
  expect(results).not.toEqual([]);
  const invariants = chapter('Invariants');
  expect(results.map(({ name }) => name).filter((name) => !invariants.includes(`\`${name}\``))).toEqual([]);
});

test('the record of the document is read by its name in KV', async () => {
  const record = parseVerificationRecord(JSON.parse(example('KV `KEY_CACHE`', 'json')));
  if (record === null) throw new Error('The example is no record');
  const name = example('KV `KEY_CACHE`', 'text');
  await openRecordCache(env.KEY_CACHE).write(name.split(':')[2] ?? '', record);
  const { keys } = await env.KEY_CACHE.list();
  expect(keys.map((key) => key.name)).toEqual([name]);
});

test('the message of the document is a flush, with nothing that would be left out', () => {
  const message: unknown = JSON.parse(example('Queue `latchkey-usage`', 'json'));
  expect(parseFlush(message)).toEqual({ flush: message });
});

test('the rate limits of the document are those that are bound', () => {
  const described = [...chapter('Rate limits').matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, binding]) => binding);
  expect(described.toSorted()).toEqual(
    Object.keys(env)
      .filter((name) => name.endsWith('_RATE_LIMIT'))
      .toSorted(),
  );
});
