import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { unstable_readConfig } from 'wrangler';
import { bootstrapDeployment } from '../../src/domain/deployment/bootstrap-deployment.ts';
import { newIsolate } from '../../src/domain/isolate.ts';
import { NO_LIMITS } from '../../src/domain/limits.ts';
import { hashApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { openKeyring } from '../../src/domain/secrets/keyring.ts';
import { resealSecrets } from '../../src/domain/secrets/reseal-secrets.ts';
import type { Acting, Secrets } from '../../src/domain/services.ts';
import { parseSettings } from '../../src/env.ts';
import { runWrangler } from '../../src/setup/wrangler.ts';
import { WranglerD1 } from '../../src/setup/wrangler-d1.ts';
import { openDatabase, writeThenRead } from '../../src/storage/database.ts';
import { readKey } from '../../src/storage/keys.ts';
import { openForLists } from '../../src/storage/list-reads.ts';
import { NO_RECORD_CACHE } from '../../src/storage/record-cache.ts';
import { organisations } from '../../src/storage/schema.ts';
import { readSecretInUse } from '../../src/storage/secrets.ts';
import { openVerificationSource } from '../../src/storage/verification-source.ts';

/*
 * The database as commands reach a deployed one, here a local one. Each call starts wrangler, so there are few of them.
 */

const folder = mkdtempSync(join(tmpdir(), 'latchkey-d1-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const where = ['--local', '--persist-to', folder];
const database = new WranglerD1(where);
const db = openDatabase(database);

beforeAll(async () => {
  await runWrangler(['d1', 'migrations', 'apply', 'DB', ...where]);
  await database.prepare('CREATE TABLE things (id INTEGER PRIMARY KEY, text TEXT, number)').run();
});

test('no value is on a command line, where every user of the machine could read it', async () => {
  const value = `secret-${crypto.randomUUID()}`;
  let ended = false;
  const asked = database
    .prepare('SELECT ? AS value')
    .bind(value)
    .all()
    .finally(() => {
      ended = true;
    });
  let wranglers = 0;
  while (!ended) {
    for (const line of commandLines()) {
      if (line.includes('wrangler-dist')) wranglers += 1;
      expect(line).not.toContain(value);
    }
    await new Promise((wait) => setTimeout(wait, 5));
  }
  expect((await asked).results).toEqual([{ value }]);
  // It was running, and could have been seen.
  expect(wranglers).toBeGreaterThan(0);
});

/** The command lines of all processes of this machine. */
function commandLines(): string[] {
  return execFileSync('ps', ['-A', '-ww', '-o', 'args='], { encoding: 'utf8' }).split('\n');
}

const TEXTS = [
  '',
  ' ',
  "it's",
  "''",
  "'",
  '?',
  'a ? b ?1',
  'a; b',
  "'; DROP TABLE things; --",
  "') ; DELETE FROM things; /*",
  '-- no comment',
  '/* no comment */',
  'two\nlines\r\nand a\ttab',
  '"double"',
  '`back`',
  '\\',
  "\\'",
  '%s %d $1 :name @name',
  '$$ ; $$',
  ' BEGIN ',
  ' CASE WHEN ; END ',
  '$(id) `id` $HOME !x',
  'NULL',
  '{"json":["\'",1]}',
  'é 漢字 🔑 …',
  '-1',
];

test('text comes back as it was, whatever is in it', async () => {
  await database.batch(
    TEXTS.map((text, id) => database.prepare('INSERT INTO things (id, text) VALUES (?, ?)').bind(id, text)),
  );
  const { results } = await database.prepare('SELECT text FROM things ORDER BY id').all();
  expect(results.map(({ text }) => text)).toEqual(TEXTS);
});

test('a value is found by what it is, and question marks in quotes stay', async () => {
  const find = (text: string) =>
    database.prepare(`SELECT id, '?' AS mark, 'it''s ?' AS "a ?" FROM things WHERE text = ?`).bind(text);
  const answers = await database.batch(['a ? b ?1', "'; DROP TABLE things; --", "it's"].map(find));
  expect(answers.map(({ results }) => results)).toEqual(
    ['a ? b ?1', "'; DROP TABLE things; --", "it's"].map((text) => [
      { id: TEXTS.indexOf(text), mark: '?', 'a ?': "it's ?" },
    ]),
  );
});

test('numbers, booleans and nothing come back as D1 has them', async () => {
  const values = [0, -1, 1.5, Number.MAX_SAFE_INTEGER, 1e-7, true, false, null, undefined];
  await database.batch([
    database.prepare('DELETE FROM things'),
    ...values.map((value, id) => database.prepare('INSERT INTO things (id, number) VALUES (?, ?)').bind(id, value)),
  ]);
  const { results } = await database.prepare('SELECT number, typeof(number) AS type FROM things ORDER BY id').all();
  expect(results.map(({ number }) => number)).toEqual([0, -1, 1.5, Number.MAX_SAFE_INTEGER, 1e-7, 1, 0, null, null]);
  expect(results.map(({ type }) => type)).toEqual([
    ...['integer', 'integer', 'real', 'integer', 'real', 'integer', 'integer', 'null', 'null'],
  ]);
});

test.each<[string, unknown]>([
  ['NUL in a text', 'a\0b'],
  ['what is no finite number', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['bytes', new Uint8Array(2)],
  ['a list', []],
  ['a large integer', 1n],
])('%s is refused before wrangler is asked', async (_, value) => {
  const nowhere = new WranglerD1(['--no-such-option']);
  await expect(async () => nowhere.prepare('SELECT ?').bind(value).run()).rejects.toThrow(TypeError);
});

test('a batch is asked in order, with the rows that each statement touched', async () => {
  const answers = await database.batch([
    database.prepare('DELETE FROM things'),
    database.prepare("INSERT INTO things (id, text) VALUES (1, 'a'), (2, 'b'), (3, 'c')"),
    database.prepare('UPDATE things SET text = ? WHERE id > ?').bind('z', 1),
    database.prepare('UPDATE things SET text = ? WHERE id = ?').bind('z', 99),
    database.prepare('DELETE FROM things WHERE id = ?').bind(1),
  ]);
  expect(answers.slice(1).map(({ meta }) => meta.changes)).toEqual([3, 2, 0, 1]);
});

test('conditions on the statement before hold through a batch', async () => {
  const chain = (id: number) => [
    database.prepare('UPDATE things SET text = ? WHERE id = ?').bind('met', id),
    database.prepare('INSERT INTO things (id, text) SELECT ?, ? WHERE changes() = 1').bind(id + 100, 'first'),
    database.prepare('UPDATE things SET number = last_insert_rowid() WHERE id = ? AND changes() = 1').bind(id),
    database.prepare('INSERT INTO things (id, text) SELECT ?, ? WHERE changes() = 1').bind(id + 200, 'last'),
  ];
  const answers = await database.batch([
    database.prepare('DELETE FROM things'),
    database.prepare('INSERT INTO things (id) VALUES (1)'),
    ...chain(1),
    ...chain(2),
    database.prepare('SELECT id, text, number FROM things ORDER BY id'),
  ]);
  expect(answers.slice(2, -1).map(({ meta }) => meta.changes)).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
  expect(answers.at(-1)?.results).toEqual([
    { id: 1, text: 'met', number: 101 },
    { id: 101, text: 'first', number: null },
    { id: 201, text: 'last', number: null },
  ]);
});

test('a batch of which one statement fails leaves nothing behind, and the error has no values', async () => {
  const failing = database.batch([
    database.prepare('INSERT INTO things (id, text) VALUES (?, ?)').bind(500, 'a value of it'),
    database.prepare('INSERT INTO things (id, text) VALUES (?, ?)').bind(1, 'a value of it'),
  ]);
  const error: unknown = await failing.catch((reason: unknown) => reason);
  if (!(error instanceof Error)) throw new Error('It did not fail');
  expect(error.message).toMatch(/UNIQUE constraint/);
  expect(error.message).not.toContain('a value of it');
  const { results } = await database.prepare('SELECT count(*) AS n FROM things WHERE id = 500').all();
  expect(results).toEqual([{ n: 0 }]);
});

test('a statement of another database is refused', async () => {
  const foreign = { ...database.prepare('SELECT 1') };
  await expect(database.batch([Object.assign(Object.create(null), foreign)])).rejects.toThrow(TypeError);
});

test('drizzle reads and writes through it', async () => {
  const rows = await writeThenRead(
    db,
    [
      db.insert(organisations).values({ name: "L'Atelier ?", nameFolded: 'x', isDeployment: false, createdAt: 5 }),
      db.update(organisations).set({ nameFolded: "l'atelier ?" }).where(eq(organisations.name, "L'Atelier ?")),
      db.delete(organisations).where(eq(organisations.id, 999)),
    ],
    db.select().from(organisations),
  );
  expect(rows).toEqual([{ id: 1, name: "L'Atelier ?", nameFolded: "l'atelier ?", isDeployment: false, createdAt: 5 }]);
  expect(await db.select().from(organisations).where(eq(organisations.nameFolded, "l'atelier ?"))).toEqual(rows);
  expect(await db.select().from(organisations).where(eq(organisations.id, 999))).toEqual([]);
});

test('the commands work through it: a deployment is bootstrapped once, and its secrets resealed', async () => {
  const entries = ['next', 'main'].map((id) => `${id}:${btoa(id.padEnd(32, '.'))}`);
  const keyring = await openKeyring(entries[1] ?? '');
  const services: Acting & Secrets = {
    ...newIsolate(),
    settings: parseSettings(unstable_readConfig({ config: 'wrangler.toml' }).vars),
    ...openForLists(database),
    regions: null,
    sharesPolls: false,
    source: openVerificationSource(database),
    cache: NO_RECORD_CACHE,
    limits: NO_LIMITS,
    keyring: async () => keyring,
    now: () => 1_700_000_000_000,
    after: () => () => {},
    defer: () => {},
  };
  const who = { organisationName: "L'Atelier; ?", email: 'a@b.example', firstName: "O'First", lastName: '…' };
  const made = await bootstrapDeployment(services, who);
  if (made.refused !== undefined) throw new Error(made.refused);
  expect(await readKey(db, 1)).toMatchObject({ createdByName: "O'First …", userRole: 'PROVIDER', ipWhitelist: [] });
  expect(await bootstrapDeployment(services, who)).toEqual({ refused: 'contended' });

  const both = await openKeyring(entries.join(','));
  const progress: unknown[] = [];
  expect(await resealSecrets(services, both, (step) => progress.push({ ...step }))).toEqual({
    resealed: 1,
    unopened: [],
  });
  expect(progress).toEqual([{ done: 1, total: 1 }]);
  const secret = await readSecretInUse(db, 1);
  expect(secret?.sealed).toMatch(/^v1\.next\./);
  expect(await both.open(secret?.sealed ?? '', await hashApiKey(made.apiKey))).toBe(made.apiKey);
});
