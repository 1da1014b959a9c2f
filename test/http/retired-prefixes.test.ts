import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { ApiKeys } from '../../src/rpc/api-keys.ts';
import { type Answer, call, createKey, LIFTED } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid, expectNotFound, expectUnauthenticated } from '../support/expect-error.ts';

/*
 * A deployment that was `lk`, was `mid` for a while, and is `acme` now.
 */

const NOW: Partial<Env> = { KEY_PREFIX: 'acme', RETIRED_KEY_PREFIXES: 'lk, mid' };
const WITHOUT_OLD: Partial<Env> = { KEY_PREFIX: 'acme', RETIRED_KEY_PREFIXES: 'mid' };

let keys: RoleKeys;
let old: Answer['body'];
let middle: Answer['body'];
beforeAll(async () => {
  keys = await deploy();
  old = await createKey(keys.ORG_ADMIN);
  middle = await create({ KEY_PREFIX: 'mid', RETIRED_KEY_PREFIXES: 'lk' });
});

async function create(settings: Partial<Env>): Promise<Answer['body']> {
  const { status, body } = await call(keys.ORG_ADMIN, 'POST /v2/api_keys', { env: settings, body: { label: 'a key' } });
  expect(status).toBe(201);
  return body;
}

test('keys made under each of the prefixes go on working, and show the one that they have', async () => {
  const made = await create(NOW);
  for (const [prefix, key] of [
    ['lk', old],
    ['mid', middle],
    ['acme', made],
  ]) {
    expect(key.api_key.startsWith(`${prefix}_`)).toBe(true);
    expect((await call(key.api_key, 'GET /v2/api_keys/current', { env: NOW })).body.id).toBe(key.id);
    const read = await call(keys.ORG_ADMIN, `GET /v2/api_keys/${key.id}`, { env: NOW });
    expect(read.body.key_hint).toBe(`${prefix}_…${key.api_key.slice(-4)}`);
  }
});

test('new keys, and keys that are rotated, get the present prefix', async () => {
  expect((await create(NOW)).api_key).toMatch(/^acme_/);
  const { id } = await createKey(keys.ORG_ADMIN);
  const rotated = await call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { env: NOW, body: {} });
  expect(rotated.body.api_key).toMatch(/^acme_/);
  expect(rotated.body.key_hint).toMatch(/^acme_…/);
});

test.each([
  ['verify', 'POST /v2/api_keys/verify'],
  ['find', 'POST /v2/api_keys/find'],
])('%s knows a key under an earlier prefix', async (_, route) => {
  const { status, body } = await call(keys.ORG_ADMIN, route, { env: NOW, body: { api_key: old.api_key } });
  expect(status).toBe(200);
  expect((body.key ?? body).id).toBe(old.id);
});

test('a key under an earlier prefix is seen', async () => {
  const seen = await call(keys.ORG_ADMIN, `GET /v2/api_keys/key/${old.id}`, { env: NOW });
  expect(seen.body).toEqual({ id: old.id, api_key: old.api_key });
});

test('other Workers have it verified', async () => {
  const verify = (settings: Partial<Env>) =>
    new ApiKeys(createExecutionContext(), { ...env, ...LIFTED, ...settings }).verify({ apiKey: old.api_key, ip: null });
  expect(await verify(NOW)).toMatchObject({ allowed: true, key: { id: old.id } });
  expect(await verify(WITHOUT_OLD)).toMatchObject({ allowed: false, code: 'MALFORMED_KEY' });
});

test('under a prefix that is not listed, or is no more, a key is malformed', async () => {
  expectUnauthenticated(await call(old.api_key, 'GET /v2/api_keys/current', { env: WITHOUT_OLD }), 'MALFORMED_KEY');
  const body = { api_key: old.api_key };
  const by = middle.api_key;
  const verified = await call(by, 'POST /v2/api_keys/verify', { env: WITHOUT_OLD, body });
  expect(verified.body).toEqual({ valid: false, code: 'MALFORMED_KEY' });
  expectNotFound(await call(by, 'POST /v2/api_keys/find', { env: WITHOUT_OLD, body }));
});

test('no text may hold one', async () => {
  for (const { api_key } of [old, middle]) {
    const body = { label: `the key ${api_key}` };
    expectInvalid(await call(keys.ORG_ADMIN, 'POST /v2/api_keys', { env: NOW, body }), ['label']);
  }
});
