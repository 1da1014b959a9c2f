import { env as bindings } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { compose } from '../../src/compose.ts';
import { newIsolate } from '../../src/domain/isolate.ts';
import { hashApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { seedDemoData } from '../../src/setup/demo-data.ts';

/*
 * Seeding that dies at each of its writes, just before and just after: as a process that is killed then. What is on disk
 * is what was kept. It runs in workerd, where a statement costs a tenth of what it costs from Node; start.test.ts kills
 * the real process.
 */

/** All bindings, with a database that is as empty as at first. */
async function emptied(): Promise<Env> {
  const { DB } = bindings;
  const tables = ['audit_events', 'api_key_secrets', 'api_keys', 'users', 'organisations'];
  await DB.batch(tables.map((table) => DB.prepare(`DELETE FROM ${table}`)));
  return { ...bindings };
}

/** A database that dies at its write of this number: before it is written down, or with it. */
function dyingAt(database: D1Database, number: number, moment: 'before' | 'after'): D1Database {
  let batches = 0;
  return new Proxy(database, {
    get(target, name) {
      if (name === 'batch') {
        return async (statements: D1PreparedStatement[]) => {
          batches += 1;
          if (batches > number || (batches === number && moment === 'before')) throw new Error('killed');
          const answers = await target.batch(statements);
          if (batches === number) throw new Error('killed');
          return answers;
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function seed(env: Env, kept: { keys: Record<string, string> | null }) {
  return seedDemoData(compose(env, { waitUntil: () => {} }, newIsolate()), {
    begun: kept.keys,
    keep: (keys) => {
      kept.keys = { ...keys };
    },
  });
}

async function hashesIn(database: D1Database): Promise<unknown[]> {
  const { results } = await database.prepare('SELECT hash FROM api_key_secrets ORDER BY hash').all();
  return results.map(({ hash }) => hash);
}

function hashesOf(keys: Record<string, string> | null): string[] {
  return Object.values(keys ?? {}).map((key) => hashApiKey(key));
}

async function countIn(database: D1Database, table: string): Promise<unknown> {
  return (await database.prepare(`SELECT count(*) AS n FROM ${table}`).first())?.n;
}

test('at whatever write it dies, no key counts that is not on disk, and the next start makes the rest, once', async () => {
  const inTheMaking = new Set<number>();
  for (const moment of ['before', 'after'] as const) {
    for (let number = 1; ; number += 1) {
      const env = await emptied();
      const kept: { keys: Record<string, string> | null } = { keys: null };
      const finished = await seed({ ...env, DB: dyingAt(env.DB, number, moment) }, kept).then(
        () => true,
        () => false,
      );
      if (finished) break;
      const onDisk = hashesOf(kept.keys);
      for (const hash of await hashesIn(env.DB)) expect(onDisk).toContain(hash);
      inTheMaking.add(onDisk.length);

      const keys = await seed({ ...env }, kept);
      expect(Object.keys(keys ?? {})).toHaveLength(6);
      expect(await hashesIn(env.DB)).toEqual(hashesOf(keys).toSorted());
      expect(await countIn(env.DB, 'users')).toBe(6);
      expect(await countIn(env.DB, 'organisations')).toBe(2);
    }
  }
  // It died over each of the six keys.
  expect([...inTheMaking].toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
}, 120_000);

test('a database with other data is left alone, also where a seeding was begun that it knows nothing of', async () => {
  const elsewhere = await seed(await emptied(), { keys: null });
  const env = await emptied();
  expect(await seed(env, { keys: null })).not.toBeNull();
  const before = await hashesIn(env.DB);
  expect(await seed({ ...env }, { keys: null })).toBeNull();
  expect(await seed({ ...env }, { keys: elsewhere })).toBeNull();
  expect(await hashesIn(env.DB)).toEqual(before);
}, 120_000);
