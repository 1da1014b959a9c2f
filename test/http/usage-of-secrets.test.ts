import { createExecutionContext, createMessageBatch, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { ApiKeys } from '../../src/rpc/api-keys.ts';
import type { UsageFlush, UseCount } from '../../src/storage/usage.ts';
import type { RpcCall } from '../../src/wire/rpc.ts';
import worker from '../../src/worker.ts';
import { type Answer, call, createKey, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { TIMESTAMP } from '../support/key-fields.ts';
import { openIsolate } from '../support/own-isolate.ts';

/*
 * What the usage report says of the secrets of a key, and of what its calls asked for.
 */

const HOUR_MS = 60 * 60 * 1000;
const thisHour = Math.floor(Date.now() / HOUR_MS);

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
const COUNTING = { USAGE: 'on', USAGE_FLUSH_SECONDS: '0', USAGE_QUEUE } as const;

async function deliver(flushes: readonly UsageFlush[] = sent.splice(0)): Promise<void> {
  const messages = flushes.map((body) => ({ id: crypto.randomUUID(), timestamp: new Date(), attempts: 1, body }));
  const context = createExecutionContext();
  await worker.queue(createMessageBatch('latchkey-usage', messages), env, context);
  await waitOnExecutionContext(context);
}

async function verifyByRpc(given: RpcCall): Promise<void> {
  const context = createExecutionContext();
  await new ApiKeys(context, { ...env, ...COUNTING }).verify(given);
  await waitOnExecutionContext(context);
}

async function usageOf(id: number): Promise<Answer['body']> {
  const { status, body } = await call(keys.ORG_ADMIN, `GET /v2/api_keys/usage/${id}`);
  expect(status).toBe(200);
  return body;
}

const stamp = (moment: number) => new Date(moment).toISOString().replace('T', ' ').replace('Z', '000+00');

describe('permissions', () => {
  test('are what allowed calls asked for, the most frequent first, with a list that would have been enough', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const ask = (permissions: RpcCall['permissions'] = []) => verifyByRpc({ apiKey: api_key, ip: null, permissions });
    for (let n = 0; n < 3; n++) await ask(['review_reply']);
    await ask(['business_edit_name', 'review_reply']);
    await ask();
    await call(api_key, 'GET /v2/user/search', { env: COUNTING });
    await deliver();
    const { permissions, suggested_permissions } = await usageOf(id);
    const last_seen = expect.stringMatching(TIMESTAMP);
    expect(permissions).toEqual([
      { name: 'review_reply', count: 4, last_seen },
      { name: 'business_edit_name', count: 1, last_seen },
      { name: 'user_read', count: 1, last_seen },
    ]);
    // With what they depend on, in the order of the catalogue.
    expect(suggested_permissions).toEqual([
      'business_edit',
      'business_edit_name',
      'review_read',
      'review_reply',
      'user_read',
    ]);
  });

  test('that are suggested can be put in the key as they are, and let the same calls in', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await verifyByRpc({ apiKey: api_key, ip: null, permissions: ['review_reply'] });
    await call(api_key, 'GET /v2/api_keys', { env: COUNTING });
    await deliver();
    const { suggested_permissions: permissions } = await usageOf(id);
    const body = { has_restricted_permissions: true, permissions };
    expect((await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body })).status).toBe(200);
    expect((await call(api_key, 'GET /v2/api_keys')).status).toBe(200);
    expect((await call(api_key, 'GET /v2/user/search')).status).toBe(403);
    const { body: rehearsed } = await call(keys.ORG_ADMIN, `POST /v2/api_keys/rehearse/${id}`, {
      body: { change: body },
    });
    expect(rehearsed).toMatchObject({ calls: 2, refused: 0, unknown: 0 });
  });

  test('that are in no catalogue are shown, and not suggested', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const count: UseCount = {
      ...{ keyId: id, hour: thisHour, code: 'VALID', network: null, secret: 1, count: 2 },
      ...{ needs: 'fly review_read', firstAt: Date.now(), lastAt: Date.now() },
    };
    await deliver([{ id: crypto.randomUUID(), counts: [count] }]);
    const { permissions, suggested_permissions } = await usageOf(id);
    expect(permissions.map(({ name }: { name: string }) => name)).toEqual(['fly', 'review_read']);
    expect(suggested_permissions).toEqual(['review_read']);
  });
});

test('a rotation under load: the old secret goes quiet for the client that moved, and its end refuses the other', async () => {
  const isolate = openIsolate();
  const HOURS = 3;
  const CALLS = 10;
  const made = await createKey(keys.ORG_ADMIN);
  const route = 'GET /v2/api_keys/current';
  const start = (thisHour + 1) * HOUR_MS;
  const clients = { moving: made.api_key, staying: made.api_key };
  const ips = { moving: '198.51.100.1', staying: '198.51.100.2' };

  /** Both clients call for an hour, together. @returns the statuses that each got */
  async function callForAnHour(hour: number): Promise<{ moving: number[]; staying: number[] }> {
    const got = { moving: [] as number[], staying: [] as number[] };
    for (let n = 0; n < CALLS; n++) {
      isolate.now = start + hour * HOUR_MS + n * 60_000;
      await Promise.all(
        (['moving', 'staying'] as const).map(async (who) => {
          const options = { ip: ips[who], bindings: COUNTING };
          got[who].push((await isolate.call(clients[who], route, options)).status);
        }),
      );
    }
    await deliver();
    return got;
  }
  const all = (status: number) => Array<number>(CALLS).fill(status);

  for (let hour = 0; hour < HOURS; hour++) await callForAnHour(hour);
  const rotated = await isolate.call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${made.id}`, {
    body: { overlap_seconds: 24 * 60 * 60 },
  });
  expect(rotated.status).toBe(200);
  const movedAt = start + (HOURS - 1) * HOUR_MS + (CALLS - 1) * 60_000;
  expect(rotated.body.previous_secret).toMatchObject({ hint: made.key_hint, last_used_at: stamp(movedAt) });

  clients.moving = rotated.body.api_key;
  for (let hour = HOURS; hour < 2 * HOURS; hour++) {
    expect(await callForAnHour(hour)).toEqual({ moving: all(200), staying: all(200) });
  }
  const lastAt = isolate.now;
  const report = async () => (await isolate.call(keys.ORG_ADMIN, `GET /v2/api_keys/usage/${made.id}`)).body;
  const hoursOf = (from: number, to: number, count: number) =>
    Array.from({ length: to - from }, (_, n) => ({ hour: stamp(start + (from + n) * HOUR_MS), count }));
  const { secrets, totals } = await report();
  expect(totals).toEqual({ VALID: 4 * HOURS * CALLS });
  expect(secrets).toMatchObject([
    {
      ...{ hint: rotated.body.key_hint, current: true, retires_at: null, count: HOURS * CALLS },
      last_used_at: stamp(lastAt),
      hours: hoursOf(HOURS, 2 * HOURS, CALLS),
      sources: [{ network: ips.moving, count: HOURS * CALLS }],
    },
    {
      ...{ hint: made.key_hint, current: false, count: 3 * HOURS * CALLS, last_used_at: stamp(lastAt) },
      retires_at: rotated.body.previous_secret.retires_at,
      hours: [...hoursOf(0, HOURS, 2 * CALLS), ...hoursOf(HOURS, 2 * HOURS, CALLS)],
      // Who still uses it, and when the other was last seen with it.
      sources: [
        { network: ips.staying, count: 2 * HOURS * CALLS, last_seen: stamp(lastAt) },
        { network: ips.moving, count: HOURS * CALLS, last_seen: stamp(movedAt) },
      ],
    },
  ]);
  const { body: key } = await isolate.call(keys.ORG_ADMIN, `GET /v2/api_keys/${made.id}`);
  expect(key.previous_secret).toMatchObject({ hint: made.key_hint, last_used_at: stamp(lastAt) });

  const ended = await isolate.call(keys.ORG_ADMIN, `POST /v2/api_keys/overlap/${made.id}`, {
    body: { overlap_seconds: 0 },
  });
  expect(ended.body.previous_secret).toBe(null);
  expect(await callForAnHour(2 * HOURS)).toEqual({ moving: all(200), staying: all(401) });
  const after = await report();
  expect(after.totals).toEqual({ VALID: (4 * HOURS + 1) * CALLS, REVOKED: CALLS });
  // For the days after, too: no call of the last hour was by the old one.
  expect(after.secrets[1]).toMatchObject({ count: 3 * HOURS * CALLS, last_used_at: stamp(lastAt) });
  expect(after.secrets[1].hours).toEqual(secrets[1].hours);
}, 60_000);

test('a report is bounded: a week of hours, 50 networks of a secret, and five secrets', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  for (let n = 0; n < 7; n++) {
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { body: { overlap_seconds: 60, end_previous: true } });
  }
  const { results } = await env.DB.prepare('SELECT created_at FROM api_key_secrets WHERE key_id = ?').bind(id).all();
  const of = (secret: number, n: number): UseCount => {
    const at = (thisHour - n) * HOUR_MS;
    const what = { keyId: id, hour: thisHour - n, code: 'VALID', needs: '', count: 1, secret };
    return { ...what, network: `10.0.${n >> 8}.${n & 255}`, firstAt: at, lastAt: at };
  };
  const secrets = results.map(({ created_at }) => Number(created_at));
  await deliver([
    {
      id: crypto.randomUUID(),
      counts: secrets.flatMap((secret) => Array.from({ length: 300 }, (_, n) => of(secret, n))),
    },
  ]);
  const report = await usageOf(id);
  expect(report.secrets).toHaveLength(5);
  for (const { hours, sources, count } of report.secrets) {
    expect([hours.length, sources.length, count]).toEqual([168, 50, 300]);
  }
  expect(JSON.stringify(report).length).toBeLessThan(110_000);
  expect((await readKey(keys.ORG_ADMIN, id)).previous_secret.last_used_at).toBe(stamp(thisHour * HOUR_MS));
});
