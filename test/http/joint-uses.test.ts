import {
  createExecutionContext,
  createMessageBatch,
  createScheduledController,
  waitOnExecutionContext,
} from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { compose } from '../../src/compose.ts';
import { newIsolate } from '../../src/domain/isolate.ts';
import { flushUses, recordUse } from '../../src/domain/usage/record-use.ts';
import { ApiKeys } from '../../src/rpc/api-keys.ts';
import { openUsageDatabase } from '../../src/storage/database.ts';
import { type JointUse, type JointUses, MAX_JOINT_ROWS, readJointUses } from '../../src/storage/joint-uses.ts';
import type { UsageFlush, UseCount } from '../../src/storage/usage.ts';
import type { RpcCall } from '../../src/wire/rpc.ts';
import worker from '../../src/worker.ts';
import { type CallOptions, call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { form } from '../support/form.ts';

/*
 * Allowed calls are counted jointly: by key, day, secret, network and the permissions that they asked for.
 */

const HOUR_MS = 60 * 60 * 1000;
const today = Math.floor(Date.now() / (24 * HOUR_MS));
const DROPPED = '*';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

const sent: UsageFlush[] = [];
const USAGE_QUEUE = new Proxy(env.USAGE_QUEUE, {
  get: () => async (flush: UsageFlush) => {
    sent.push(structuredClone(flush));
  },
});
const COUNTING = { USAGE: 'on', USAGE_FLUSH_SECONDS: '0', USAGE_QUEUE };

/** A call that is counted. What else a test calls is not. */
function countedCall(key: string | null, route: string, options: CallOptions = {}) {
  return call(key, route, { ...options, env: { ...COUNTING, ...options.env } });
}

async function verifyByRpc(given: RpcCall): Promise<void> {
  const context = createExecutionContext();
  await new ApiKeys(context, { ...env, ...COUNTING }).verify(given);
  await waitOnExecutionContext(context);
}

async function deliver(flushes: readonly unknown[]): Promise<void> {
  const context = createExecutionContext();
  const messages = flushes.map((body) => ({ id: crypto.randomUUID(), timestamp: new Date(), attempts: 1, body }));
  await worker.queue(createMessageBatch('latchkey-usage', messages), env, context);
  await waitOnExecutionContext(context);
}

function flushOf(...counts: (Pick<UseCount, 'keyId'> & Partial<UseCount>)[]): UsageFlush {
  const at = today * 24 * HOUR_MS;
  const defaults = { code: 'VALID', network: null, secret: 1, needs: '', count: 1, firstAt: at, lastAt: at };
  return { id: crypto.randomUUID(), counts: counts.map((given) => ({ ...defaults, hour: today * 24, ...given })) };
}

function jointUses(keyIds: number[], { sinceDay = today, maxRows = 10_000 } = {}): Promise<JointUses> {
  return readJointUses(openUsageDatabase(env.USAGE_DB), keyIds, { sinceDay, today: today + 1, maxRows });
}

/** Of each row its network, needs and count, in the order of the networks. */
function summaryOf(uses: readonly JointUse[]): [string | null, string, number][] {
  return uses
    .map(({ network, needs, count }): [string | null, string, number] => [network, needs.join(' '), count])
    .toSorted();
}

async function rowsOf(id: number): Promise<Record<string, unknown>[]> {
  const { results } = await env.USAGE_DB.prepare('SELECT * FROM usage_calls WHERE key_id = ? ORDER BY needs, network')
    .bind(id)
    .all();
  return results;
}

async function secretsOf(id: number): Promise<number[]> {
  const { results } = await env.DB.prepare(
    'SELECT created_at FROM api_key_secrets WHERE key_id = ? ORDER BY created_at DESC',
  )
    .bind(id)
    .all();
  return results.map(({ created_at }) => Number(created_at));
}

describe('an allowed call is counted with what it asked for:', () => {
  test('over HTTP, what its route needs', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const ip = '192.0.2.1';
    await countedCall(api_key, 'GET /v2/api_keys/current', { ip });
    await countedCall(api_key, 'GET /v2/api_keys', { ip });
    await countedCall(api_key, 'GET /v2/user/search', { ip });
    await countedCall(api_key, 'POST /v2/api_keys', { ip, body: { label: 'a key' } });
    await countedCall(api_key, `GET /v2/api_keys/key/${id}`, { ip });
    await countedCall(api_key, 'POST /v2/api_keys/find', { ip, body: { api_key } });
    await deliver(sent.splice(0));
    const { uses, totals } = await jointUses([id]);
    expect(summaryOf(uses)).toEqual([
      [ip, '', 1],
      [ip, 'api_key_manage', 2],
      [ip, 'api_key_read', 2],
      [ip, 'user_read', 1],
    ]);
    expect(totals.get(id)?.calls).toBe(6);
    const [secret] = await secretsOf(id);
    expect(new Set(uses.map((use) => use.secret))).toEqual(new Set([secret]));
  });

  test('over RPC, verify and introspection, the permissions given, as a set', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const ip = '2001:db8:0:1::1';
    await verifyByRpc({ apiKey: api_key, ip, permissions: ['user_read', 'review_read', 'user_read'] });
    const body = { api_key, ip: '2001:db8:0:1::2', permissions: ['review_read', 'user_read'] };
    await countedCall(keys.ORG_ADMIN, 'POST /v2/api_keys/verify', { body });
    const asked = form({ token: api_key, ip: '2001:db8:0:2::1', permissions: 'user_read review_read' });
    await countedCall(keys.ORG_ADMIN, 'POST /v2/introspect', asked);
    await verifyByRpc({ apiKey: api_key, ip: null, permissions: [] });
    await verifyByRpc({ apiKey: api_key, ip: 'no address', permissions: ['review_read'] });
    await deliver(sent.splice(0));
    expect(summaryOf((await jointUses([id])).uses)).toEqual([
      [null, '', 1],
      [null, 'review_read', 1],
      ['2001:db8:0:1::/64', 'review_read user_read', 2],
      ['2001:db8:0:2::/64', 'review_read user_read', 1],
    ]);
  });

  test('but without it if it named more than 64, which would fill the memory that sets are kept in', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const ask = (count: number) =>
      verifyByRpc({ apiKey: api_key, ip: '192.0.2.1', permissions: Array(count).fill('user_read') });
    await ask(64);
    await ask(65);
    await deliver(sent.splice(0));
    const { uses, totals } = await jointUses([id]);
    expect(summaryOf(uses)).toEqual([['192.0.2.1', 'user_read', 1]]);
    expect(totals.get(id)?.calls).toBe(2);
  });

  test('and a refused one is not', async () => {
    const fields = { ip_whitelist: ['192.0.2.0/24'], has_restricted_permissions: true, permissions: ['review_read'] };
    const { id, api_key } = await createKey(keys.ORG_ADMIN, fields);
    await countedCall(api_key, 'GET /v2/api_keys/current', { ip: '198.51.100.1' });
    await countedCall(api_key, 'GET /v2/api_keys', { ip: '192.0.2.1' });
    await verifyByRpc({ apiKey: api_key, ip: '192.0.2.1', permissions: ['user_read'] });
    await verifyByRpc({ apiKey: api_key, ip: '192.0.2.1', permissions: ['nonsense' as 'user_read'] });
    await deliver(sent.splice(0));
    expect(await jointUses([id])).toMatchObject({ uses: [], totals: new Map() });
  });
});

test('the secrets of a key are counted apart, even if its clock stood still between rotations', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  await env.DB.prepare('UPDATE api_key_secrets SET created_at = created_at + 3600000 WHERE key_id = ?').bind(id).run();
  const rotated = await call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { body: { overlap_seconds: 3600 } });
  for (const [secret, calls] of [
    [api_key, 2],
    [rotated.body.api_key, 3],
  ] as const) {
    for (let n = 0; n < calls; n++) await countedCall(secret, 'GET /v2/api_keys/current', { ip: '192.0.2.1' });
  }
  await deliver(sent.splice(0));
  const [newest = 0, oldest = 0] = await secretsOf(id);
  expect(newest).toBeGreaterThan(oldest);
  const { uses } = await jointUses([id]);
  expect(new Map(uses.map(({ secret, count }) => [secret, count]))).toEqual(
    new Map([
      [newest, 3],
      [oldest, 2],
    ]),
  );
});

test('counts of several flushes add up, by hour too', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  const at = (hour: number) => ({ hour, firstAt: hour * HOUR_MS + 5, lastAt: hour * HOUR_MS + 9 });
  const first = today * 24;
  await deliver([
    flushOf({ keyId: id, count: 3, ...at(first) }, { keyId: id, count: 4, ...at(first + 1) }),
    flushOf({ keyId: id, count: 5, ...at(first + 1) }),
  ]);
  await deliver([flushOf({ keyId: id, count: 6, ...at(first + 1) }, { keyId: id, count: 7, ...at(first + 23) })]);
  const [row, ...others] = await rowsOf(id);
  expect(others).toEqual([]);
  expect(row).toMatchObject({ day: today, secret: 1, network: '', needs: '', count: 25 });
  expect(row).toMatchObject({ first_seen: at(first).firstAt, last_seen: at(first + 23).lastAt });
  expect(JSON.parse(String(row?.hours))).toEqual({ 0: 3, 1: 15, 23: 7 });
});

describe('what is kept of one day, key and secret is bounded, and every call is in the sum:', () => {
  const networks = (from: number, count: number) =>
    Array.from({ length: count }, (_, n) => `10.0.${(from + n) >> 8}.${(from + n) & 255}`);

  test('the rows in the database, in one batch and in several', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const from = (names: string[], fields = {}) =>
      flushOf(...names.map((network) => ({ keyId: id, network, count: 2, ...fields })));
    await deliver([from(networks(0, 150))]);
    await deliver([from(networks(100, 300)), from(networks(1_000, 300))]);
    await deliver([from(networks(0, 10)), from(networks(5_000, 10)), from(networks(0, 3), { secret: 2 })]);
    const rows = await rowsOf(id);
    const kept = rows.filter(({ needs, secret }) => needs !== DROPPED && secret === 1);
    expect(kept).toHaveLength(MAX_JOINT_ROWS);
    // Those that came first are not pushed out.
    expect(kept.map(({ network }) => network)).toEqual(expect.arrayContaining(networks(0, 150)));
    expect(rows.filter(({ needs }) => needs === DROPPED)).toHaveLength(1);
    expect(rows.filter(({ secret }) => secret === 2)).toHaveLength(3);
    expect(rows.reduce((sum, { count }) => sum + Number(count), 0)).toBe(2 * (150 + 600 + 23));
    const { uses, totals } = await jointUses([id]);
    expect(uses).toHaveLength(MAX_JOINT_ROWS + 3);
    expect(totals.get(id)?.calls).toBe(2 * (150 + 600 + 23));
  });

  test('the sets and networks in an isolate', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const services = compose(
      { ...env, ...COUNTING, USAGE_FLUSH_SECONDS: '25' },
      createExecutionContext(),
      newIsolate(),
    );
    const use = (clientIp: string, needs: string[]) =>
      recordUse({ ...services, defer: () => {} }, { keyId: id, code: 'VALID', clientIp, secret: 1, needs });
    const names = Array.from({ length: 12 }, (_, n) => `p${n}`);
    for (let n = 0; n < 4_000; n++) use('192.0.2.1', names.filter((_, bit) => (n >> bit) & 1).toReversed());
    for (const network of networks(0, 4_000)) use(network, ['p0']);
    use(
      '192.0.2.1',
      Array.from({ length: 100_000 }, (_, n) => `p${n % 12}`),
    );
    // 200 with what they asked for, 100 networks without it, and all that is left.
    expect(services.counting.counter.size).toBeLessThanOrEqual(301);
    await flushUses({ ...services, usage: { ...services.usage, send: async (flush) => void sent.push(flush) } });
    await deliver(sent.splice(0));
    const { uses, totals } = await jointUses([id]);
    expect(totals.get(id)?.calls).toBe(8_001);
    expect(uses.length).toBeLessThanOrEqual(MAX_JOINT_ROWS);
  });

  test('and of a call from a network too many it is not said that it had no address', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const services = compose(
      { ...env, ...COUNTING, USAGE_FLUSH_SECONDS: '25' },
      createExecutionContext(),
      newIsolate(),
    );
    for (const clientIp of networks(0, 150)) {
      recordUse({ ...services, defer: () => {} }, { keyId: id, code: 'VALID', clientIp, secret: 1, needs: ['p0'] });
    }
    await flushUses({ ...services, usage: { ...services.usage, send: async (flush) => void sent.push(flush) } });
    await deliver(sent.splice(0));
    const { uses, totals } = await jointUses([id]);
    expect(uses).toHaveLength(100);
    expect(uses.filter(({ network }) => network === null)).toEqual([]);
    expect(totals.get(id)?.calls).toBe(150);
  });

  test('and what is read', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    await deliver([flushOf(...networks(0, 20).map((network, n) => ({ keyId: id, network, count: n + 1 })))]);
    const { uses, totals } = await jointUses([id], { maxRows: 5 });
    expect(uses.map(({ count }) => count)).toEqual([20, 19, 18, 17, 16]);
    expect(totals.get(id)?.calls).toBe(210);
  });
});

test('a message of an older Worker, or with needs that are none, is counted without what it asked for', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  const hour = today * 24;
  const older = { keyId: id, hour, code: 'VALID', network: '192.0.2.1', count: 3 };
  await deliver([
    { id: crypto.randomUUID(), counts: [older] },
    flushOf({ keyId: id, needs: '*', count: 4 }, { keyId: id, needs: 'a  b', count: 5 }),
    flushOf({ keyId: id, needs: `a${' a'.repeat(2_000)}`, count: 6 }, { keyId: id, needs: 'review_read', count: 7 }),
    // A newer one may have more.
    { ...flushOf({ keyId: id, needs: 'review_read', count: 8 }), region: 'weur' },
  ]);
  const { uses, totals } = await jointUses([id]);
  expect(summaryOf(uses)).toEqual([[null, 'review_read', 15]]);
  expect(totals.get(id)?.calls).toBe(33);
  expect((await call(keys.ORG_ADMIN, `GET /v2/api_keys/usage/${id}`)).body.totals).toEqual({ VALID: 33 });
});

test('days are kept as other usage is, and reading begins with the first day asked for', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  const on = (day: number) => ({ keyId: id, hour: day * 24, count: 1 });
  await deliver([flushOf(on(today), on(today - 1), on(today - 90), on(today - 91), on(today - 400))]);
  const days = ({ uses }: JointUses) => uses.map(({ day }) => today - day);
  expect(days(await jointUses([id], { sinceDay: today - 500 }))).toEqual([0, 1, 90, 91, 400]);
  const context = createExecutionContext();
  await worker.scheduled(createScheduledController(), env, context);
  await waitOnExecutionContext(context);
  const all = await jointUses([id], { sinceDay: today - 500 });
  expect(days(all)).toEqual([0, 1, 90]);
  expect(all.countedSinceDay).toBe(today - 90);
  expect(days(await jointUses([id], { sinceDay: today - 1 }))).toEqual([0, 1]);
  expect((await jointUses([id + 1], { sinceDay: today - 500 })).uses).toEqual([]);
});
