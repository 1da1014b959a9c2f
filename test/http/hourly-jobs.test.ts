import { createExecutionContext, createScheduledController, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import worker from '../../src/worker.ts';
import { createKey, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { readRows } from '../support/stored.ts';
import { watchDatabase } from '../support/watched-database.ts';

/*
 * What the cron trigger does once an hour takes no longer for a backlog, and forgets nothing that is still told.
 */

const DAY_MS = 24 * 60 * 60 * 1000;
const MOST_ROWS = 5_000;
const BACKLOG = 12_000;

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

async function runCron(bindings: Partial<Env> = {}): Promise<void> {
  const context = createExecutionContext();
  await worker.scheduled(createScheduledController(), { ...env, ...bindings }, context);
  await waitOnExecutionContext(context);
}

/** The database, and how many rows its statements changed. */
function watchChanges(database: D1Database): { database: D1Database; changes: number[] } {
  const changes: number[] = [];
  const watched = new Proxy(database, {
    get(target, name) {
      if (name === 'batch') {
        return async (statements: D1PreparedStatement[]) => {
          const answers = await target.batch(statements);
          changes.push(...answers.map(({ meta }) => meta.changes));
          return answers;
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { database: watched, changes };
}

const COUNTER = 'WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < ?1)';

describe('a backlog goes in slices that no limit of D1 is passed by:', () => {
  test.each([
    [
      'the audit log',
      `INSERT INTO audit_events (org_id, at, action, changes) ${COUNTER} SELECT 1, 1000, 'api_key.seen', '{}' FROM counter`,
      'SELECT count(*) AS n FROM audit_events WHERE at = 1000',
    ],
    [
      'the change feed',
      `INSERT INTO key_changes (api_key_id, at) ${COUNTER} SELECT n, 1000 FROM counter`,
      'SELECT count(*) AS n FROM key_changes WHERE at = 1000',
    ],
    [
      'answers for retries',
      `INSERT INTO idempotent_answers (id, request_hash, answer, at) ${COUNTER} SELECT n, '', '{}', 1000 FROM counter`,
      'SELECT count(*) AS n FROM idempotent_answers WHERE at = 1000',
    ],
  ])('%s', async (_, insert, left) => {
    // Nothing else is in it: what is older than a backlog has gone before.
    await env.DB.batch([env.DB.prepare('DELETE FROM audit_events'), env.DB.prepare('DELETE FROM key_changes')]);
    await env.DB.prepare(insert).bind(BACKLOG).run();
    const { database, changes } = watchChanges(env.DB);
    await runCron({ DB: database });
    expect(await readRows(left)).toEqual([{ n: 0 }]);
    expect(changes.reduce((sum, n) => sum + n)).toBeGreaterThanOrEqual(BACKLOG);
    expect(Math.max(...changes)).toBeLessThanOrEqual(MOST_ROWS);
  });

  test('usage by the hour, of which nothing is lost', async () => {
    const hour = (Math.floor(Date.now() / DAY_MS) - 10) * 24;
    await env.USAGE_DB.prepare(
      `INSERT INTO usage_hours (key_id, hour, code, count) ${COUNTER} SELECT 20000 + n, ?2 + n % 24, 'VALID', 1 FROM counter`,
    )
      .bind(BACKLOG, hour)
      .run();
    const { database, changes } = watchChanges(env.USAGE_DB);
    await runCron({ USAGE_DB: database });
    const { results } = await env.USAGE_DB.prepare(
      `SELECT (SELECT count(*) FROM usage_hours WHERE key_id > 20000) AS hours,
         (SELECT sum(count) FROM usage_days WHERE key_id > 20000) AS calls`,
    ).all();
    expect(results).toEqual([{ hours: 0, calls: BACKLOG }]);
    expect(Math.max(...changes)).toBeLessThanOrEqual(MOST_ROWS);
  });
});

test('an answer is kept for retries for 24 hours', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const now = Date.now();
  const keep = "INSERT INTO idempotent_answers (id, request_hash, answer, at) VALUES (?, '', '{}', ?)";
  await env.DB.batch([
    env.DB.prepare(keep).bind('older', now - DAY_MS),
    env.DB.prepare(keep).bind('newer', now - DAY_MS + 1),
  ]);
  await runCron();
  vi.useRealTimers();
  expect(await readRows('SELECT id FROM idempotent_answers')).toEqual([{ id: 'newer' }]);
});

describe('when a key was used last', () => {
  async function wasUsed(id: number, daysAgo: number): Promise<void> {
    await env.USAGE_DB.prepare('INSERT INTO usage_last VALUES (?, ?)')
      .bind(id, Date.now() - daysAgo * DAY_MS)
      .run();
  }

  async function isKnown(id: number): Promise<boolean> {
    const { results } = await env.USAGE_DB.prepare('SELECT 1 FROM usage_last WHERE key_id = ?').bind(id).all();
    return results.length > 0;
  }

  test('is forgotten of a key that was deleted, once it is as old as the days that are kept', async () => {
    await wasUsed(1_900, 91);
    await wasUsed(1_901, 89);
    await runCron();
    expect([await isKnown(1_900), await isKnown(1_901)]).toEqual([false, true]);
  });

  test('is never forgotten of a key that exists, however long ago it was: null means never', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    await wasUsed(id, 3_000);
    await runCron();
    expect((await readKey(keys.ORG_ADMIN, id)).last_used_at).not.toBe(null);
  });

  test('is not forgotten while it cannot be seen whether the key exists', async () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { id } = await createKey(keys.ORG_ADMIN);
    await wasUsed(id, 3_000);
    await wasUsed(1_902, 3_000);
    const broken = new Proxy(env.DB, {
      get: () => () => {
        throw new Error('Out of reach');
      },
    });
    await runCron({ DB: broken });
    expect([await isKnown(id), await isKnown(1_902)]).toEqual([true, true]);
    expect(logged.mock.calls.map(([line]) => JSON.parse(String(line)).of)).toContain('keys that are not used');
    logged.mockRestore();
  });

  test('is looked over for 2,000 keys an hour, and for all of them in turn', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const hour = 60 * 60 * 1000;
    const start = Date.now();
    for (const id of [3_999, 4_001, 6_001, 9_999]) await wasUsed(id, 3_000);
    const { database, changes } = watchChanges(env.USAGE_DB);
    const left: number[] = [];
    for (let hours = 0; hours < 5; hours++) {
      vi.setSystemTime(start + hours * hour);
      await runCron({ USAGE_DB: database });
      left.push((await Promise.all([3_999, 4_001, 6_001, 9_999].map(isKnown))).filter(Boolean).length);
    }
    vi.useRealTimers();
    expect(left.at(-1)).toBe(0);
    expect(left.filter((n, index) => n === (left[index - 1] ?? 4) - 1).length).toBe(4);
    expect(changes.length).toBeGreaterThan(0);
  });
});

test('a job that fails keeps no other from its turn', async () => {
  const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
  await env.DB.prepare('DELETE FROM audit_events').run();
  await env.DB.prepare(
    "INSERT INTO audit_events (org_id, at, action, changes) VALUES (1, 1000, 'api_key.seen', '{}')",
  ).run();
  let batches = 0;
  const DB = watchDatabase(() => {
    batches += 1;
    if (batches === 1) throw new Error('Out of reach');
  });
  await runCron({ DB });
  expect(await readRows('SELECT 1 FROM audit_events WHERE at = 1000')).toEqual([]);
  expect(logged.mock.calls.map(([line]) => JSON.parse(String(line)))).toMatchObject([{ of: 'the change feed' }]);
  logged.mockRestore();
});
