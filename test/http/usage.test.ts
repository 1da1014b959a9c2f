import {
  createExecutionContext,
  createMessageBatch,
  createScheduledController,
  waitOnExecutionContext,
} from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { createApp } from '../../src/app.ts';
import { compose } from '../../src/compose.ts';
import { newIsolate } from '../../src/domain/isolate.ts';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { flushUses } from '../../src/domain/usage/record-use.ts';
import { parseSettings } from '../../src/env.ts';
import { ApiKeys } from '../../src/rpc/api-keys.ts';
import type { UsageFlush, UseCount } from '../../src/storage/usage.ts';
import worker from '../../src/worker.ts';
import { type Answer, type CallOptions, call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectForbidden, expectInvalid, expectNotFound } from '../support/expect-error.ts';
import { form } from '../support/form.ts';
import { TIMESTAMP } from '../support/key-fields.ts';
import { createOrganisation, createPerson } from '../support/people.ts';
import { alter } from '../support/stored.ts';

const [CONFIGURATION = ''] = Object.values(
  import.meta.glob<string>('../../wrangler.toml', { eager: true, import: 'default', query: '?raw' }),
);

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
const today = Math.floor(Date.now() / DAY_MS);

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

/** What was sent to the queue and not delivered yet. */
const sent: UsageFlush[] = [];
const USAGE_QUEUE = new Proxy(env.USAGE_QUEUE, {
  get: () => async (flush: UsageFlush) => {
    sent.push(structuredClone(flush));
  },
});
const COUNTING = { USAGE: 'on', USAGE_FLUSH_SECONDS: '0', USAGE_QUEUE };

/** A call that is counted. What else a test calls is not. */
function countedCall(key: string | null, route: string, options: CallOptions = {}): Promise<Answer> {
  return call(key, route, { ...options, env: { ...COUNTING, ...options.env } });
}

async function verifyByRpc(...[given]: Parameters<ApiKeys['verify']>): Promise<string> {
  const context = createExecutionContext();
  const verdict = await new ApiKeys(context, { ...env, ...COUNTING }).verify(given);
  await waitOnExecutionContext(context);
  return verdict.allowed ? 'VALID' : verdict.code;
}

/** Gives the consumer one batch, as the queue does. */
async function deliver(flushes: readonly UsageFlush[]): Promise<void> {
  const context = createExecutionContext();
  const messages = flushes.map((body) => ({ id: crypto.randomUUID(), timestamp: new Date(), attempts: 1, body }));
  await worker.queue(createMessageBatch('latchkey-usage', messages), env, context);
  await waitOnExecutionContext(context);
}

async function deliverSent(): Promise<void> {
  const flushes = sent.splice(0);
  expect(flushes.length).toBeGreaterThan(0);
  await deliver(flushes);
}

/** A flush of calls that were allowed this hour, from no address, unless it is said otherwise. */
function flushOf(...counts: (Pick<UseCount, 'keyId'> & Partial<UseCount>)[]): UsageFlush {
  return {
    id: crypto.randomUUID(),
    counts: counts.map((given) => {
      const at = given.lastAt ?? (given.hour === undefined ? Date.now() : given.hour * HOUR_MS);
      return {
        hour: Math.floor(at / HOUR_MS),
        code: 'VALID',
        network: null,
        secret: 1,
        needs: '',
        count: 1,
        firstAt: at,
        lastAt: at,
        ...given,
      };
    }),
  };
}

async function usageOf(id: number, query = '?days=90'): Promise<Answer['body']> {
  const { status, body } = await call(keys.PROVIDER, `GET /v2/api_keys/usage/${id}${query}`);
  expect(status).toBe(200);
  return body;
}

async function rowsOfUsage(sql: string, ...parameters: (string | number)[]): Promise<Record<string, unknown>[]> {
  const { results } = await env.USAGE_DB.prepare(sql)
    .bind(...parameters)
    .all();
  return results;
}

/** What is seen of sources, but for the times. */
function networksOf(sources: { network: string; count: number }[]): [string, number][] {
  return sources.map(({ network, count }): [string, number] => [network, count]).toSorted();
}

describe('calls are counted by their codes:', () => {
  test('over HTTP', async () => {
    const fields = { ip_whitelist: ['192.0.2.0/24'], has_restricted_permissions: true, permissions: ['review_read'] };
    const { id, api_key } = await createKey(keys.ORG_ADMIN, fields);
    const ip = '192.0.2.1';
    for (let n = 0; n < 3; n++) await countedCall(api_key, 'GET /v2/api_keys/current', { ip });
    for (let n = 0; n < 2; n++) await countedCall(api_key, 'GET /v2/api_keys/current', { ip: '198.51.100.1' });
    expect((await countedCall(api_key, 'GET /v2/api_keys', { ip })).status).toBe(403);
    const limited = { RATE_LIMIT: 'on', ORG_RATE_LIMIT: { limit: async () => ({ success: false }) } };
    expect((await countedCall(api_key, 'GET /v2/user/me', { ip, env: limited })).status).toBe(429);
    // What is wrong with a request is not the key's fault.
    expect((await countedCall(api_key, 'GET /v2/nowhere', { ip })).status).toBe(404);
    await deliverSent();
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/pause/${id}`);
    expect((await countedCall(api_key, 'GET /v2/api_keys/current', { ip })).body.code).toBe('PAUSED');
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
    expect((await countedCall(api_key, 'GET /v2/api_keys/current', { ip })).body.code).toBe('REVOKED');
    await deliverSent();
    const { totals, days } = await usageOf(id);
    const expected = { VALID: 4, IP_NOT_ALLOWED: 2, PERMISSION_DENIED: 1, RATE_LIMITED: 1, PAUSED: 1, REVOKED: 1 };
    expect(totals).toEqual(expected);
    expect(days).toEqual([{ date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/), ...expected }]);
  });

  test('over RPC, verify and introspection, as over HTTP', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['192.0.2.0/24'] });
    const expired = await createKey(keys.ORG_ADMIN);
    await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", expired.id);
    const cases: [string, string, string, ('review_read' | 'api_key_read')[]][] = [
      [api_key, '192.0.2.1', 'VALID', ['review_read']],
      [api_key, '198.51.100.1', 'IP_NOT_ALLOWED', []],
      [expired.api_key, '192.0.2.1', 'EXPIRED', []],
    ];
    for (const [apiKey, ip, code, permissions] of cases) {
      expect(await verifyByRpc({ apiKey, ip, permissions })).toBe(code);
      const body = { api_key: apiKey, ip, permissions };
      expect((await countedCall(keys.ORG_ADMIN, 'POST /v2/api_keys/verify', { body })).body.code).toBe(code);
      const asked = form({ token: apiKey, ip, permissions: permissions.join(' ') });
      expect((await countedCall(keys.ORG_ADMIN, 'POST /v2/introspect', asked)).body.active).toBe(code === 'VALID');
      await countedCall(apiKey, 'GET /v2/api_keys/current', { ip });
    }
    await deliverSent();
    expect((await usageOf(id)).totals).toEqual({ VALID: 4, IP_NOT_ALLOWED: 4 });
    expect((await usageOf(expired.id)).totals).toEqual({ EXPIRED: 4 });
    expect((await readKey(keys.ORG_ADMIN, expired.id)).last_used_at).toBe(null);
  });

  test('a permission that RPC and verify ask about', async () => {
    const { keyId: id, key: api_key } = await createPerson(keys.PROVIDER, 'PUBLISHER', await ownOrganisation());
    await verifyByRpc({ apiKey: api_key, ip: null, permissions: ['review_reply'] });
    const body = { api_key, permissions: ['review_reply'] };
    await countedCall(keys.ORG_ADMIN, 'POST /v2/api_keys/verify', { body });
    await deliverSent();
    expect((await usageOf(id)).totals).toEqual({ PERMISSION_DENIED: 2 });
  });

  test("the backend's own key is used too, from its own address", async () => {
    const backend = await createKey(keys.ORG_ADMIN);
    const body = { api_key: keys.PUBLISHER, ip: '192.0.2.99' };
    await countedCall(backend.api_key, 'POST /v2/api_keys/verify', { body, ip: '198.51.100.44' });
    await deliverSent();
    const { totals, sources } = await usageOf(backend.id);
    expect(totals).toEqual({ VALID: 1 });
    expect(networksOf(sources)).toEqual([['198.51.100.44', 1]]);
  });

  test('what another organisation was told is unknown is no use of the key', async () => {
    const stranger = await createPerson(keys.PROVIDER, 'ORG_ADMIN', await createOrganisation(keys.PROVIDER));
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const body = { api_key, ip: '198.51.100.66' };
    const answer = await countedCall(stranger.key, 'POST /v2/api_keys/verify', { body });
    expect(answer.body.code).toBe('UNKNOWN_KEY');
    await deliverSent();
    expect((await usageOf(id)).totals).not.toHaveProperty('VALID');
    expect((await usageOf(id)).suggested_ip_whitelist).toEqual([]);
    expect((await readKey(keys.ORG_ADMIN, id)).last_used_at).toBe(null);
  });

  test('with no key, or one that there is not, by the deployment and without their addresses', async () => {
    const before = await strangers();
    await countedCall(null, 'GET /v2/api_keys/current');
    await countedCall('lk_nonsense', 'GET /v2/api_keys/current');
    await countedCall(generateApiKey('lk'), 'GET /v2/api_keys/current');
    const two = { Authorization: `Bearer ${keys.PUBLISHER}` };
    await countedCall(keys.ORG_ADMIN, 'GET /v2/api_keys/current', { headers: two });
    expect(await verifyByRpc({ apiKey: generateApiKey('lk'), ip: '192.0.2.1' })).toBe('UNKNOWN_KEY');
    await deliverSent();
    const after = await strangers();
    const added = Object.entries(after).map(([code, count]) => [code, count - (before[code] ?? 0)]);
    expect(Object.fromEntries(added)).toMatchObject({ MISSING_KEY: 1, MALFORMED_KEY: 2, UNKNOWN_KEY: 2 });
    expect(await rowsOfUsage('SELECT * FROM usage_sources WHERE key_id = 0')).toEqual([]);
    expect(await rowsOfUsage('SELECT * FROM usage_last WHERE key_id = 0')).toEqual([]);
  });

  async function strangers(): Promise<Record<string, number>> {
    const rows = await rowsOfUsage('SELECT code, sum(count) AS n FROM usage_hours WHERE key_id = 0 GROUP BY code');
    return Object.fromEntries(rows.map(({ code, n }) => [String(code), Number(n)]));
  }

  async function ownOrganisation(): Promise<number> {
    return (await readCurrent(keys.ORG_ADMIN)).org_id;
  }

  test('not at all when counting is off', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await countedCall(api_key, 'GET /v2/api_keys/current', { env: { USAGE: 'off' } });
    expect(sent).toEqual([]);
    expect((await usageOf(id)).totals).toEqual({});
  });
});

test('what was never used has an empty report', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  const none = { permissions: [], suggested_permissions: [], secrets: [] };
  const empty = { totals: {}, days: [], sources: [], refused_sources: [], suggested_ip_whitelist: [], ...none };
  expect(await usageOf(id, '')).toEqual({ id, ...empty });
});

describe('sources', () => {
  test('are IPv4 addresses and IPv6 /64 networks, the refused ones apart, with a list that covers the others', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const from = (ip: string | null) => countedCall(api_key, 'GET /v2/api_keys/current', { ip });
    const allowed = ['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.0', '2001:db8:0:1::1', '2001:DB8:0:1:ffff::2', null];
    for (const ip of allowed) await from(ip);
    await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: { ip_whitelist: ['192.0.2.0'] } });
    for (const ip of ['192.0.2.1', '198.51.100.1', '198.51.100.1', '2001:db8:0:9::1', null]) await from(ip);
    await deliverSent();
    const { totals, sources, refused_sources, suggested_ip_whitelist } = await usageOf(id);
    expect(totals).toEqual({ VALID: 6, IP_NOT_ALLOWED: 5 });
    expect(networksOf(sources)).toEqual([
      ['192.0.2.0', 1],
      ['192.0.2.1', 2],
      ['2001:db8:0:1::/64', 2],
    ]);
    expect(networksOf(refused_sources)).toEqual([
      ['192.0.2.1', 1],
      ['198.51.100.1', 2],
      ['2001:db8:0:9::/64', 1],
    ]);
    expect(suggested_ip_whitelist).toEqual(['192.0.2.0/31', '2001:db8:0:1::/64']);
    expect(Object.keys(sources[0])).toEqual(['network', 'first_seen', 'last_seen', 'count']);
    for (const { first_seen, last_seen } of sources) {
      expect([first_seen, last_seen]).toEqual([expect.stringMatching(TIMESTAMP), expect.stringMatching(TIMESTAMP)]);
    }
  });

  test('what is suggested can be put in the key as it is, and lets the same callers in', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const ips = ['192.0.2.7', '198.51.100.9', '2001:db8:5::9'];
    for (const ip of ips) await countedCall(api_key, 'GET /v2/api_keys/current', { ip });
    await deliverSent();
    const { suggested_ip_whitelist: ip_whitelist } = await usageOf(id);
    expect((await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: { ip_whitelist } })).status).toBe(200);
    for (const ip of ips) expect((await call(api_key, 'GET /v2/api_keys/current', { ip })).status).toBe(200);
    expect((await call(api_key, 'GET /v2/api_keys/current', { ip: '203.0.113.1' })).status).toBe(403);
  });

  test('have when they were seen first and last, and come the most recent first', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const now = Date.now();
    const [early, late] = [now - 2 * HOUR_MS, now - HOUR_MS];
    await deliver([flushOf({ keyId: id, network: '192.0.2.1', firstAt: late, lastAt: late, count: 2 })]);
    await deliver([flushOf({ keyId: id, network: '192.0.2.1', firstAt: early, lastAt: early, count: 3 })]);
    await deliver([flushOf({ keyId: id, network: '192.0.2.2', lastAt: now })]);
    const { sources } = await usageOf(id);
    expect(sources).toMatchObject([
      { network: '192.0.2.2', count: 1 },
      { network: '192.0.2.1', count: 5, first_seen: stamp(early), last_seen: stamp(late) },
    ]);
  });

  test('are bounded: at most 100, and 50 refused ones, which push out no other', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const other = await createKey(keys.ORG_ADMIN);
    const start = Date.now() - HOUR_MS;
    const seen = (count: number, code: string, net: string, from: number) =>
      Array.from({ length: count }, (_, n) => {
        const at = from + n;
        return { keyId: id, code, network: `${net}.${n >> 8}.${n & 255}`, firstAt: at, lastAt: at };
      });
    await deliver([flushOf({ keyId: other.id, network: '192.0.2.1', lastAt: start - DAY_MS })]);
    await deliver([flushOf(...seen(150, 'VALID', '10.0', start))]);
    // All of them later than what was allowed, in one batch and in several.
    const refused = seen(300, 'IP_NOT_ALLOWED', '10.9', start + 1000);
    await deliver([flushOf(...refused.slice(0, 200)), flushOf(...refused.slice(200, 260))]);
    await deliver([flushOf(...refused.slice(260))]);
    const report = await usageOf(id);
    expect(report.totals).toEqual({ VALID: 150, IP_NOT_ALLOWED: 300 });
    // Those that were seen last.
    const ofAllowed = Array.from({ length: 100 }, (_, n) => `10.0.0.${149 - n}`);
    expect(report.sources.map(({ network }: { network: string }) => network)).toEqual(ofAllowed);
    const ofRefused = Array.from({ length: 50 }, (_, n) => 299 - n).map((n) => `10.9.${n >> 8}.${n & 255}`);
    expect(report.refused_sources.map(({ network }: { network: string }) => network)).toEqual(ofRefused);
    expect((await usageOf(other.id)).sources).toHaveLength(1);
  });
});

/** As the contract writes a moment. */
function stamp(moment: number): string {
  const iso = new Date(moment).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}000+00`;
}

describe('last_used_at', () => {
  async function lastUse(id: number): Promise<unknown> {
    return (await readKey(keys.ORG_ADMIN, id)).last_used_at;
  }

  test('is null in a new key, and the same wherever the key is shown once it was used', async () => {
    const made = await createKey(keys.ORG_ADMIN);
    expect(made.last_used_at).toBe(null);
    expect(await lastUse(made.id)).toBe(null);
    const at = Date.now() - 5_000;
    await deliver([flushOf({ keyId: made.id, lastAt: at })]);
    expect(await lastUse(made.id)).toBe(stamp(at));
    const list = (await call(keys.ORG_ADMIN, 'GET /v2/api_keys?per_page=100')).body.api_keys;
    expect(list.find(({ id }: { id: number }) => id === made.id).last_used_at).toBe(stamp(at));
    const found = await call(keys.ORG_ADMIN, 'POST /v2/api_keys/find', { body: { api_key: made.api_key } });
    expect(found.body.last_used_at).toBe(stamp(at));
    const changed = await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${made.id}`, { body: { label: 'used' } });
    expect(changed.body.last_used_at).toBe(stamp(at));
    const rotated = await call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${made.id}`, { body: {} });
    expect(rotated.body.last_used_at).toBe(stamp(at));
  });

  test('never goes back: an older flush that comes later changes the counts only', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const now = Date.now();
    await deliver([flushOf({ keyId: id, lastAt: now })]);
    await deliver([flushOf({ keyId: id, lastAt: now - 20_000 })]);
    expect(await lastUse(id)).toBe(stamp(now));
    // Nor by the order in which flushes, or counts of one, come in one batch.
    const later = now + 1_000;
    await deliver([
      flushOf({ keyId: id, lastAt: later }, { keyId: id, lastAt: now - 5_000, network: '192.0.2.1' }),
      flushOf({ keyId: id, lastAt: now - 9_000 }),
    ]);
    expect(await lastUse(id)).toBe(stamp(later));
    expect((await usageOf(id)).totals).toEqual({ VALID: 5 });
  });

  test('is of a call that the key allowed, not of one that it was refused', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['192.0.2.0/24'] });
    await countedCall(api_key, 'GET /v2/api_keys/current', { ip: '198.51.100.1' });
    await deliverSent();
    expect(await lastUse(id)).toBe(null);
    await countedCall(api_key, 'GET /v2/api_keys/current', { ip: '192.0.2.1' });
    await deliverSent();
    const used = await lastUse(id);
    expect(used).toMatch(TIMESTAMP);
    await deliver([flushOf({ keyId: id, code: 'IP_NOT_ALLOWED', lastAt: Date.now() + HOUR_MS })]);
    expect(await lastUse(id)).toBe(used);
  });
});

test('the last use of a key is known within 60 s: what an isolate may collect for, and the queue after it', async () => {
  const [consumer = ''] = CONFIGURATION.match(/\[\[queues\.consumers\]\]\nqueue = "latchkey-usage"\n(?:\w.*\n)+/) ?? [];
  const waits = Number(/^max_batch_timeout = (\d+)$/m.exec(consumer)?.[1]);
  const collects = [...Array(61).keys()].filter((seconds) => {
    try {
      return parseSettings({ ...env, USAGE_FLUSH_SECONDS: String(seconds) }).usageFlushMs === seconds * 1000;
    } catch {
      return false;
    }
  });
  // The rest is for the message on its way, and for the batch.
  expect(Math.max(...collects) + waits).toBeLessThanOrEqual(45);
});

describe('days', () => {
  let id: number;
  beforeAll(async () => {
    id = (await createKey(keys.ORG_ADMIN)).id;
    const at = (daysAgo: number, count: number, code = 'VALID') => ({
      ...{ keyId: id, hour: (today - daysAgo) * 24 + 1, count, code, network: `192.0.2.${daysAgo}` },
    });
    await deliver([flushOf(at(0, 1), at(0, 2, 'EXPIRED'), at(1, 10), at(29, 100), at(30, 1_000), at(89, 10_000))]);
  });

  test.each<[string, number, number[]]>([
    ['?days=1', 1, [0]],
    ['?days=2', 11, [1, 0]],
    ['', 111, [29, 1, 0]],
    ['?days=30', 111, [29, 1, 0]],
    ['?days=31', 1_111, [30, 29, 1, 0]],
    ['?days=90', 11_111, [89, 30, 29, 1, 0]],
  ])('%s', async (query, valid, daysAgo) => {
    const { totals, days, sources } = await usageOf(id, query);
    expect(totals).toEqual({ VALID: valid, EXPIRED: 2 });
    const dates = daysAgo.map((ago) => new Date((today - ago) * DAY_MS).toISOString().slice(0, 10));
    expect(days.map(({ date }: { date: string }) => date)).toEqual(dates);
    expect(days.at(-1)).toEqual({ date: dates.at(-1), VALID: 1, EXPIRED: 2 });
    // Also what is suggested is of the period that was asked for.
    const networks = daysAgo.map((ago) => `192.0.2.${ago}`).toReversed();
    expect(sources.map(({ network }: { network: string }) => network).toSorted()).toEqual(networks.toSorted());
  });

  test.each(['0', '91', '-1', 'abc', '1.5', '', '1e1', '99999999999999999999'])('%s is a 400', async (days) => {
    expectInvalid(await call(keys.ORG_ADMIN, `GET /v2/api_keys/usage/${id}?days=${days}`), ['days']);
  });
});

describe('who may read usage:', () => {
  test('whoever may read the key, with api_key_read', async () => {
    const own = await createKey(keys.BUSINESS_MANAGER);
    const read = (by: string, id: number) => call(by, `GET /v2/api_keys/usage/${id}`);
    for (const by of [keys.BUSINESS_MANAGER, keys.ORG_ADMIN, keys.PROVIDER]) {
      expect((await read(by, own.id)).body.id).toBe(own.id);
    }
    expectNotFound(await read(keys.ORG_MANAGER, own.id));
    expectNotFound(await read(keys.BUSINESS_MANAGER, (await readCurrent(keys.ORG_ADMIN)).id));
    expectNotFound(await read(keys.ORG_ADMIN, (await readCurrent(keys.PROVIDER)).id));
    for (const nothing of [999_999, 0]) expectNotFound(await read(keys.PROVIDER, nothing));
    const blind = await createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions: ['review_read'] });
    expectForbidden(await read(blind.api_key, blind.id), 'PERMISSION_DENIED');
  });

  test('what does not exist is a 404 before a bad query is a 400', async () => {
    expectNotFound(await call(keys.ORG_ADMIN, 'GET /v2/api_keys/usage/999999?days=0'));
  });
});

describe('a flush counts once', () => {
  async function totalAfter(act: (flush: UsageFlush, id: number) => Promise<void>): Promise<unknown> {
    const { id } = await createKey(keys.ORG_ADMIN);
    await act(flushOf({ keyId: id, count: 7, network: '192.0.2.1' }), id);
    const { totals, sources } = await usageOf(id);
    expect(sources.map(({ count }: { count: number }) => count)).toEqual([totals.VALID]);
    return totals.VALID;
  }

  test.each<[string, (flush: UsageFlush, id: number) => Promise<void>, number]>([
    ['in one batch', (flush) => deliver([flush]), 7],
    ['twice in one batch', (flush) => deliver([flush, structuredClone(flush)]), 7],
    ['in two batches', (flush) => deliver([flush]).then(() => deliver([flush])), 7],
    [
      'again beside one that is new',
      (flush, id) =>
        deliver([flush]).then(() => deliver([flush, flushOf({ keyId: id, count: 4, network: '192.0.2.1' })])),
      11,
    ],
    [
      'in two batches at the same time, of which one may fail and comes again',
      async (flush) => {
        await Promise.allSettled([deliver([flush]), deliver([flush])]);
        await deliver([flush]);
      },
      7,
    ],
  ])('%s', async (_, act, expected) => {
    expect(await totalAfter(act)).toBe(expected);
  });

  test('an empty batch, or one of what was added, is no failure', async () => {
    await deliver([]);
    const flush = flushOf({ keyId: 0, code: 'MISSING_KEY' });
    await deliver([flush]);
    await deliver([flush]);
  });
});

test('a batch of as many and as large messages as the queue gives is added', async () => {
  // Of many keys, for of one key few networks are told apart.
  const firstKey = 7_000_000;
  const services = compose({ ...env, USAGE: 'on' }, createExecutionContext(), newIsolate());
  const flushes: UsageFlush[] = [];
  const usage = { ...services.usage, send: async (flush: UsageFlush) => void flushes.push(flush) };
  const hour = Math.floor(Date.now() / HOUR_MS);
  for (let n = 0; flushes.length < 20; n++) {
    const clientIp = `2001:db8:${(n >> 12).toString(16)}:${(0xf000 + (n & 0xfff)).toString(16)}::1`;
    services.counting.counter.count({ keyId: firstKey + n, code: 'PERMISSION_DENIED', clientIp }, hour * HOUR_MS);
    if (services.counting.counter.size === 5_000) await flushUses({ ...services, usage });
  }
  const batch = flushes.slice(0, 20);
  await deliver(batch);
  const counted = batch.reduce((sum, { counts }) => sum + counts.length, 0);
  const sum = await rowsOfUsage('SELECT sum(count) AS calls FROM usage_hours WHERE key_id >= ?', firstKey);
  expect(sum).toEqual([{ calls: counted }]);
  // The cron trigger goes through the keys there are by turns; these would make them many.
  await env.USAGE_DB.prepare('DELETE FROM usage_sources WHERE key_id >= ?').bind(firstKey).run();
});

test('the queue itself brings what was counted', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  await call(api_key, 'GET /v2/api_keys/current', { env: { USAGE: 'on', USAGE_FLUSH_SECONDS: '0' } });
  await vi.waitFor(async () => expect((await usageOf(id)).totals).toEqual({ VALID: 1 }), {
    timeout: 20_000,
    interval: 250,
  });
  expect((await readKey(keys.ORG_ADMIN, id)).last_used_at).toMatch(TIMESTAMP);
}, 30_000);

describe('the cron trigger', () => {
  async function runCron(): Promise<void> {
    const context = createExecutionContext();
    await worker.scheduled(createScheduledController(), env, context);
    await waitOnExecutionContext(context);
  }

  async function rowsOf(table: 'usage_hours' | 'usage_days', id: number): Promise<unknown[][]> {
    const unit = table === 'usage_hours' ? 'hour' : 'day';
    const rows = await rowsOfUsage(
      `SELECT ${unit} AS unit, code, count FROM ${table} WHERE key_id = ? ORDER BY 1, 2`,
      id,
    );
    return rows.map(({ unit: at, code, count }) => [at, code, count]);
  }

  const hourOf = (daysAgo: number, hour: number) => (today - daysAgo) * 24 + hour;

  test('makes days of hours that are older than three days, with the same sums', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    await deliver([
      flushOf(
        { keyId: id, hour: hourOf(4, 0), count: 1 },
        { keyId: id, hour: hourOf(4, 23), count: 2 },
        { keyId: id, hour: hourOf(4, 23), count: 5, code: 'EXPIRED' },
        { keyId: id, hour: hourOf(5, 12), count: 10 },
        { keyId: id, hour: hourOf(3, 0), count: 100 },
        { keyId: id, hour: hourOf(0, 0), count: 1_000 },
      ),
    ]);
    const before = await usageOf(id);
    expect(before.totals).toEqual({ VALID: 1_113, EXPIRED: 5 });
    await runCron();
    const days = [
      [today - 5, 'VALID', 10],
      [today - 4, 'EXPIRED', 5],
      [today - 4, 'VALID', 3],
    ];
    expect(await rowsOf('usage_days', id)).toEqual(days);
    expect(await rowsOf('usage_hours', id)).toEqual([
      [hourOf(3, 0), 'VALID', 100],
      [hourOf(0, 0), 'VALID', 1_000],
    ]);
    expect(await usageOf(id)).toEqual(before);
    await runCron();
    expect(await rowsOf('usage_days', id)).toEqual(days);
    expect(await usageOf(id)).toEqual(before);

    // What comes late is in the report at once, and joins its day at the next run.
    await deliver([flushOf({ keyId: id, hour: hourOf(4, 7), count: 20 })]);
    const late = await usageOf(id);
    expect(late.totals).toEqual({ VALID: 1_133, EXPIRED: 5 });
    expect(late.days.map(({ date }: { date: string }) => date)).toEqual(
      before.days.map(({ date }: { date: string }) => date),
    );
    await runCron();
    expect(await rowsOf('usage_days', id)).toContainEqual([today - 4, 'VALID', 23]);
    expect(await usageOf(id)).toEqual(late);
  });

  test('forgets days and sources that are older than 90, and what was added long ago', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const seen = (daysAgo: number) => ({ keyId: id, hour: hourOf(daysAgo, 5), network: `192.0.2.${daysAgo}` });
    await deliver([flushOf(seen(89), seen(91), seen(92))]);
    const now = Date.now();
    await env.USAGE_DB.batch(
      [9, 11].map((days) =>
        env.USAGE_DB.prepare('INSERT INTO usage_flushes VALUES (?, ?)').bind(`${days} days`, now - days * DAY_MS),
      ),
    );
    await runCron();
    expect(await rowsOf('usage_days', id)).toEqual([[today - 89, 'VALID', 1]]);
    expect(await rowsOf('usage_hours', id)).toEqual([]);
    expect(
      (await rowsOfUsage('SELECT network FROM usage_sources WHERE key_id = ?', id)).map((row) => row.network),
    ).toEqual(['192.0.2.89']);
    const flushes = await rowsOfUsage("SELECT id FROM usage_flushes WHERE id LIKE '% days'");
    expect(flushes).toEqual([{ id: '9 days' }]);
  });
});

/** Called back when the clock of its isolate comes to `due`. */
interface Timer {
  now: () => number;
  due: number;
  callBack: () => void;
}

const FLUSH_MS = 10_000;
const LOOK_AGAIN_MS = 20;

test.each([40, 200, 1_000])(
  '10,000 calls over 50 keys in five isolates, %d a second, add up exactly, with every message delivered twice',
  async (callsASecond) => {
    const CALLS = 10_000;
    const ISOLATES = 5;
    const CONNECTIONS = 8;
    const made: { id: number; api_key: string }[] = [];
    for (let n = 0; n < 50; n++)
      made.push(await createKey(keys.ORG_ADMIN, n % 5 === 0 ? { ip_whitelist: ['192.0.2.0/26'] } : {}));

    const start = Math.floor(Date.now() / HOUR_MS) * HOUR_MS + 100;
    const messages: { flush: UsageFlush; at: number }[] = [];
    const timers = new Set<Timer>();
    const deferred: Promise<unknown>[] = [];
    const expected = new Map<number, Record<string, number>>();
    const expectedSources = new Map<number, Map<string, number>>();
    let begun = 0;

    function fire(isDue: (timer: Timer) => boolean): void {
      for (const timer of [...timers].filter(isDue)) {
        timers.delete(timer);
        timer.callBack();
      }
    }

    const isolates = Array.from({ length: ISOLATES }, () => {
      const isolate = newIsolate();
      // A clock of its own, by which all calls take as long as they would at this rate.
      let seconds = 0;
      const now = () => start + seconds * 1000;
      const context = Object.assign(createExecutionContext(), {
        waitUntil: (work: Promise<unknown>) => void deferred.push(work),
      });
      // The clock runs ahead of what storage takes: what is known of keys must not grow old meanwhile.
      const settings = { USAGE: 'on', REQUEST_LOG: 'errors', MAX_STALENESS_SECONDS: '3600', FEED_POLL_SECONDS: '1800' };
      const services = compose({ ...env, ...settings }, context, isolate);
      const app = createApp(() => ({
        ...services,
        now,
        usage: {
          ...services.usage,
          send: async (flush) => void messages.push({ flush: structuredClone(flush), at: now() }),
        },
        after: (milliseconds, callBack) => {
          // A call that waits for another one's poll looks again and again whether that was answered.
          if (milliseconds <= LOOK_AGAIN_MS) {
            const waiting = setTimeout(callBack, 1);
            return () => clearTimeout(waiting);
          }
          // Of storage nothing is too slow for this clock, which runs ahead of it.
          const due = milliseconds < FLUSH_MS ? Number.POSITIVE_INFINITY : now() + milliseconds;
          const timer = { now, due, callBack };
          timers.add(timer);
          return () => timers.delete(timer);
        },
      }));
      return {
        app,
        context,
        at: (value: number) => {
          seconds = Math.max(seconds, value);
        },
      };
    });

    async function connection({ app, context, at }: (typeof isolates)[number]): Promise<void> {
      while (begun < CALLS) {
        const n = begun++;
        at(n / callsASecond);
        fire((timer) => timer.due <= timer.now());
        const key = made[n % 50];
        if (key === undefined) throw new Error('There is no such key');
        const ip = `192.0.2.${(n * 7) % 80}`;
        const request = new Request('https://latchkey.example/v2/api_keys/current', {
          headers: { 'x-APIKey': key.api_key, 'CF-Connecting-IP': ip },
        });
        const response = await app.fetch(request, env, context);
        await response.text();
        const code = response.status === 200 ? 'VALID' : 'IP_NOT_ALLOWED';
        if (response.status !== 200) expect(response.status).toBe(403);
        const totals = expected.get(key.id) ?? {};
        totals[code] = (totals[code] ?? 0) + 1;
        expected.set(key.id, totals);
        if (code !== 'VALID') continue;
        const sources = expectedSources.get(key.id) ?? new Map<string, number>();
        expectedSources.set(key.id, sources.set(ip, (sources.get(ip) ?? 0) + 1));
      }
    }
    await Promise.all(isolates.flatMap((isolate) => Array.from({ length: CONNECTIONS }, () => connection(isolate))));
    // What the last calls left, sent by their own events.
    while (timers.size > 0) {
      fire(() => true);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all(deferred);

    // As the queue has it: what came in 5 seconds is a batch, of at most 20. And each batch once more.
    const batches: UsageFlush[][] = [];
    const byWindow = Map.groupBy(messages, ({ at }) => Math.floor((at - start) / 5_000));
    for (const window of byWindow.values()) {
      for (let n = 0; n < window.length; n += 20) batches.push(window.slice(n, n + 20).map(({ flush }) => flush));
    }
    const io = { batches: 0, statements: 0, rowsWritten: 0 };
    const USAGE_DB = new Proxy(env.USAGE_DB, {
      get(database, name) {
        if (name === 'batch') {
          return async (statements: D1PreparedStatement[]) => {
            const answers = await database.batch(statements);
            io.batches += 1;
            io.statements += statements.length;
            for (const { meta } of answers) io.rowsWritten += meta.rows_written;
            return answers;
          };
        }
        const value: unknown = Reflect.get(database, name);
        return typeof value === 'function' ? value.bind(database) : value;
      },
    });
    for (const batch of [...batches, ...batches]) {
      const bodies = batch.map((body) => ({ id: crypto.randomUUID(), timestamp: new Date(), attempts: 1, body }));
      const context = createExecutionContext();
      await worker.queue(createMessageBatch('latchkey-usage', bodies), { ...env, USAGE_DB }, context);
    }
    const figures = { callsASecond, messages: messages.length, queueBatches: batches.length, ...io };
    console.info(JSON.stringify(figures));

    let counted = 0;
    for (const { id } of made) {
      const { totals, sources } = await usageOf(id);
      expect(totals).toEqual(expected.get(id));
      expect(networksOf(sources)).toEqual([...(expectedSources.get(id) ?? [])].toSorted());
      counted += Object.values(totals).reduce((sum: number, count) => sum + Number(count), 0);
    }
    expect(counted).toBe(CALLS);
    // The second delivery of a batch wrote nothing. One transaction is one write of D1, of five statements.
    expect(io.batches).toBe(batches.length);
    expect(io.batches).toBeLessThan(CALLS / 100);
    expect(messages.length).toBeLessThan(CALLS / 50);
  },
  120_000,
);
