import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateApiKey, hashApiKey } from '../../src/domain/api-key-format.ts';
import { type Answer, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectUnauthenticated } from '../support/expect-error.ts';
import { dumpCache } from '../support/stored.ts';

/*
 * Memory, then KV, then D1: each tier is crossed here, and none of them is believed past a change.
 */

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

async function entryOf(apiKey: string) {
  const hash = hashApiKey(apiKey);
  return (await dumpCache()).find(({ name }) => name.includes(hash));
}

async function recordOf(apiKey: string): Promise<Record<string, unknown>> {
  return JSON.parse((await entryOf(apiKey))?.value ?? 'null');
}

async function forget(apiKey: string) {
  const entry = await entryOf(apiKey);
  if (entry === undefined) throw new Error('KV has no such entry');
  await env.KEY_CACHE.delete(entry.name);
}

function outOfReach<Binding extends object>(binding: Binding): Binding {
  return new Proxy(binding, {
    get: () => {
      throw new Error('Out of reach');
    },
  });
}

function callCurrent(apiKey: string, bindings: Partial<Env> = {}): Promise<Answer> {
  return call(apiKey, 'GET /v2/api_keys/current', { env: bindings });
}

describe('KV', () => {
  test('has a new key, which is verified without D1', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    expect((await callCurrent(api_key, { DB: outOfReach(env.DB) })).body.id).toBe(id);
  });

  test('is filled from D1 with a key that it has lost', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const before = await recordOf(api_key);
    await forget(api_key);
    expect((await callCurrent(api_key)).body.id).toBe(id);
    expect(await recordOf(api_key)).toEqual(before);
  });

  test('has what a change left', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const body = { label: 'after', ip_whitelist: ['203.0.113.7'], expiration_date: '2999-12-31' };
    await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body });
    expect(await recordOf(api_key)).toMatchObject({
      label: 'after',
      ipWhitelist: ['203.0.113.7'],
      expirationDate: '2999-12-31',
      revoked: false,
    });
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
    expect(await recordOf(api_key)).toMatchObject({ revoked: true });
  });

  test('has stored permissions and a role, never what follows from the two', async () => {
    const { user_id } = await readCurrent(keys.PUBLISHER);
    const permissions = ['review_read', 'review_reply'];
    const { api_key } = await createKey(keys.ORG_ADMIN, { user_id, has_restricted_permissions: true, permissions });
    expect(await recordOf(api_key)).toMatchObject({ userRole: 'PUBLISHER', permissions });
  });

  test('has nothing of a key that does not exist', async () => {
    const unknown = generateApiKey('lk');
    const before = await dumpCache();
    expectUnauthenticated(await callCurrent(unknown), 'UNKNOWN_KEY');
    expect(await dumpCache()).toEqual(before);
  });

  test('is not believed where it contradicts a change that was made here', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const old = await entryOf(api_key);
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
    await env.KEY_CACHE.put(old?.name ?? '', old?.value ?? '');
    expectUnauthenticated(await callCurrent(api_key), 'REVOKED');
  });
});

describe('memory', () => {
  test('has a key that was just used, which is verified without KV and D1', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await readCurrent(api_key);
    const bindings = { DB: outOfReach(env.DB), KEY_CACHE: outOfReach(env.KEY_CACHE) };
    expect((await callCurrent(api_key, bindings)).body.id).toBe(id);
  });

  test('is not believed past a change', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await readCurrent(api_key);
    await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: { ip_whitelist: ['192.0.2.1'] } });
    expect((await callCurrent(api_key)).body.code).toBe('IP_NOT_ALLOWED');
  });
});
