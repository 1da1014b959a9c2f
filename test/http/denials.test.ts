import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { type CallOptions, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectForbidden, expectUnauthenticated } from '../support/expect-error.ts';
import { alter } from '../support/stored.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

function callCurrent(key: string | null, options: CallOptions = {}) {
  return call(key, 'GET /v2/api_keys/current', options);
}

function bearer(key: string): CallOptions {
  return { headers: { Authorization: `Bearer ${key}` } };
}

describe('MISSING_KEY', () => {
  test.each<[string, string, CallOptions]>([
    ['no key', '', {}],
    ['an empty key', '', { headers: { 'x-APIKey': '' } }],
    ['a bearer of nothing', '', { headers: { Authorization: 'Bearer' } }],
    ['a bearer of spaces', '', { headers: { Authorization: 'Bearer   ' } }],
    ['a user and a password', '', { headers: { Authorization: 'Basic dXNlcjpwYXNzd29yZA==' } }],
    ['a key in the query, where it would be logged', '?api_key=lk_0', {}],
  ])('is the answer to %s', async (_, query, options) => {
    expectUnauthenticated(await call(null, `GET /v2/api_keys/current${query}`, options), 'MISSING_KEY');
  });

  test.each(['Basic', 'Digest', 'ApiKey', 'Token', 'BearerX'])(
    'is the answer to a key by the scheme %s',
    async (scheme) => {
      const headers = { Authorization: `${scheme} ${keys.ORG_ADMIN}` };
      expectUnauthenticated(await callCurrent(null, { headers }), 'MISSING_KEY');
    },
  );

  test('is the answer to a key without a scheme', async () => {
    const headers = { Authorization: keys.ORG_ADMIN };
    expectUnauthenticated(await callCurrent(null, { headers }), 'MISSING_KEY');
  });
});

describe('a key is taken', () => {
  test.each<[string, (key: string) => Record<string, string>]>([
    ['from x-APIKey', (key) => ({ 'x-APIKey': key })],
    ['from x-apikey', (key) => ({ 'x-apikey': key })],
    ['from a bearer', (key) => ({ Authorization: `Bearer ${key}` })],
    ['from a bearer in another case', (key) => ({ authorization: `bEARER ${key}` })],
    ['from both, when they agree', (key) => ({ 'x-APIKey': key, Authorization: `Bearer ${key}` })],
    ['beside another scheme, which is not ours', (key) => ({ 'x-APIKey': key, Authorization: 'Basic dXNlcjpwYXNz' })],
    ['from a bearer beside an empty x-APIKey', (key) => ({ 'x-APIKey': '', Authorization: `Bearer ${key}` })],
  ])('%s', async (_, headers) => {
    expect((await callCurrent(null, { headers: headers(keys.ORG_ADMIN) })).status).toBe(200);
  });
});

describe('MALFORMED_KEY', () => {
  test.each<[string, (key: string) => string]>([
    ['a word', () => 'secret'],
    ['a prefix alone', () => 'lk_'],
    ['a key cut short', (key) => key.slice(0, -1)],
    ['a key with something behind', (key) => `${key}0`],
    ['a key with one character changed', (key) => key.slice(0, 10) + (key[10] === 'x' ? 'y' : 'x') + key.slice(11)],
    ['a key with a wrong checksum', (key) => key.slice(0, -1) + (key.at(-1) === '0' ? '1' : '0')],
    ['a key of another service', () => generateApiKey('acme')],
    ['two keys in one header', (key) => `${key}, ${key}`],
    ['a very long text', () => 'x'.repeat(10_000)],
  ])('is the answer to %s', async (_, spoil) => {
    expectUnauthenticated(await callCurrent(spoil(keys.ORG_ADMIN)), 'MALFORMED_KEY');
  });

  test('is the answer to two keys that differ, though both work', async () => {
    expectUnauthenticated(await callCurrent(keys.ORG_ADMIN, bearer(keys.PUBLISHER)), 'MALFORMED_KEY');
  });

  test('is the answer to a key that works and one that does not', async () => {
    expectUnauthenticated(await callCurrent(keys.ORG_ADMIN, bearer('nonsense')), 'MALFORMED_KEY');
    expectUnauthenticated(await callCurrent('nonsense', bearer(keys.ORG_ADMIN)), 'MALFORMED_KEY');
  });

  test('is the answer to a key made under another prefix than is set', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN);
    expectUnauthenticated(await callCurrent(api_key, { env: { KEY_PREFIX: 'acme' } }), 'MALFORMED_KEY');
  });

  test('is answered with no storage read', async () => {
    const fail = () => {
      throw new Error('Storage was read');
    };
    const broken = { DB: new Proxy(env.DB, { get: fail }), KEY_CACHE: new Proxy(env.KEY_CACHE, { get: fail }) };
    const mistyped = keys.ORG_ADMIN.slice(0, -1) + (keys.ORG_ADMIN.endsWith('0') ? '1' : '0');
    expectUnauthenticated(await callCurrent(mistyped, { env: broken }), 'MALFORMED_KEY');
    // The proof that storage would have failed.
    expect((await callCurrent(generateApiKey('lk'), { env: broken })).status).toBeGreaterThanOrEqual(500);
  });
});

test('UNKNOWN_KEY is the answer to a key that was never made', async () => {
  expectUnauthenticated(await callCurrent(generateApiKey('lk')), 'UNKNOWN_KEY');
});

describe('REVOKED', () => {
  test('is the answer to a key that someone revoked', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
    expectUnauthenticated(await callCurrent(api_key), 'REVOKED');
  });

  test('is the answer when no cache knows of the key any more', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
    await alter("UPDATE api_keys SET description = 'forgotten' WHERE id = ?", id);
    expectUnauthenticated(await callCurrent(api_key), 'REVOKED');
  });

  test('is the answer to a secret that was rotated out', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await alter('UPDATE api_key_secrets SET retires_at = 1 WHERE key_id = ?', id);
    expectUnauthenticated(await callCurrent(api_key), 'REVOKED');
  });
});

test('USER_DISABLED is the answer to a key whose user is disabled', async () => {
  const { user_id } = await readCurrent(keys.GROUP_MANAGER);
  const { api_key } = await createKey(keys.ORG_ADMIN, { user_id });
  await alter('UPDATE users SET disabled = 1 WHERE id = ?', user_id);
  expectUnauthenticated(await callCurrent(api_key), 'USER_DISABLED');
});

describe('EXPIRED', () => {
  test.each([
    ['in the past', "'2020-01-01'"],
    ['today', "date('now')"],
  ])('is the answer to a key whose date is %s', async (_, date) => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await alter(`UPDATE api_keys SET expiration_date = ${date} WHERE id = ?`, id);
    expectUnauthenticated(await callCurrent(api_key), 'EXPIRED');
  });

  test('is not the answer to a key whose date is to come', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { expiration_date: '2999-12-31' });
    expect((await callCurrent(api_key)).status).toBe(200);
  });
});

describe('IP_NOT_ALLOWED', () => {
  const LIST = ['192.0.2.0/25', '2001:db8::/32'];

  test.each<[string, CallOptions]>([
    ['another address', { ip: '192.0.2.128' }],
    ['another IPv6 address', { ip: '2001:db9::1' }],
    ['no address', { ip: null }],
    ['an address that cannot be read', { ip: 'unknown' }],
    ['an empty address', { ip: '' }],
    ['two addresses', { ip: '192.0.2.1, 192.0.2.2' }],
    [
      'an address that the client itself says it has',
      { ip: '198.51.100.1', headers: { 'X-Forwarded-For': '192.0.2.1' } },
    ],
    ['no address but what the client itself says', { ip: null, headers: { 'X-Forwarded-For': '192.0.2.1' } }],
    ['True-Client-IP', { ip: null, headers: { 'True-Client-IP': '192.0.2.1' } }],
    ['X-Real-IP', { ip: null, headers: { 'X-Real-IP': '192.0.2.1' } }],
    ['Forwarded', { ip: null, headers: { Forwarded: 'for=192.0.2.1' } }],
    ['CF-Connecting-IPv6', { ip: '198.51.100.1', headers: { 'CF-Connecting-IPv6': '2001:db8::1' } }],
  ])('is the answer to a call from %s', async (_, options) => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { ip_whitelist: LIST });
    expectForbidden(await callCurrent(api_key, options), 'IP_NOT_ALLOWED');
  });

  test.each(['192.0.2.127', '2001:db8::7', '2001:DB8::7', '::ffff:192.0.2.1'])(
    'is not the answer to %s',
    async (ip) => {
      const { api_key } = await createKey(keys.ORG_ADMIN, { ip_whitelist: LIST });
      expect((await callCurrent(api_key, { ip, headers: { 'X-Forwarded-For': '198.51.100.1' } })).status).toBe(200);
    },
  );

  test('is not the answer where the list is empty, whatever the address', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN);
    expect((await callCurrent(api_key, { ip: null })).status).toBe(200);
  });
});

describe('PERMISSION_DENIED', () => {
  const READ = ['GET /v2/api_keys', 'POST /v2/api_keys/find', 'GET /v2/api_keys/1'];
  const MANAGE = ['POST /v2/api_keys', 'PUT /v2/api_keys/1', 'POST /v2/api_keys/revoke/1'];

  test.each([...READ, ...MANAGE])('is the answer to %s by a key without permissions', async (route) => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions: [] });
    expectForbidden(await call(api_key, route), 'PERMISSION_DENIED');
  });

  test.each(MANAGE)('is the answer to %s by a key that may only read', async (route) => {
    const fields = { has_restricted_permissions: true, permissions: ['api_key_read'] };
    expectForbidden(await call((await createKey(keys.ORG_ADMIN, fields)).api_key, route), 'PERMISSION_DENIED');
  });

  test.each(MANAGE)('is the answer to %s by a PUBLISHER, who writes nothing', async (route) => {
    expectForbidden(await call(keys.PUBLISHER, route), 'PERMISSION_DENIED');
  });

  test('is the answer where the key was given what its user may not do', async () => {
    const { user_id } = await readCurrent(keys.PUBLISHER);
    const fields = { user_id, has_restricted_permissions: true, permissions: ['api_key_read', 'api_key_manage'] };
    const { api_key } = await createKey(keys.ORG_ADMIN, fields);
    expectForbidden(await call(api_key, 'POST /v2/api_keys', { body: { label: 'more' } }), 'PERMISSION_DENIED');
  });

  test('is not the answer to reading by a key that may read', async () => {
    const fields = { has_restricted_permissions: true, permissions: ['api_key_read'] };
    expect((await call((await createKey(keys.ORG_ADMIN, fields)).api_key, 'GET /v2/api_keys')).status).toBe(200);
  });
});

describe('of several reasons the first of the contract is told', () => {
  const FAULTS = ['REVOKED', 'PAUSED', 'USER_DISABLED', 'EXPIRED', 'IP_NOT_ALLOWED', 'PERMISSION_DENIED'];

  test.each(FAULTS.map((code, index) => [code, FAULTS.slice(index)] as const))('%s, of %j', async (code, faults) => {
    const { user_id } = await readCurrent(keys.BUSINESS_MANAGER);
    const { id, api_key } = await createKey(keys.ORG_ADMIN, {
      user_id,
      ip_whitelist: ['192.0.2.1'],
      has_restricted_permissions: true,
      permissions: [],
    });
    if (faults.includes('REVOKED')) await alter('UPDATE api_keys SET revoked_at = 1 WHERE id = ?', id);
    if (faults.includes('PAUSED')) await alter('UPDATE api_keys SET paused_at = 1 WHERE id = ?', id);
    if (faults.includes('EXPIRED')) await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", id);
    await alter('UPDATE users SET disabled = ? WHERE id = ?', faults.includes('USER_DISABLED') ? 1 : 0, user_id);
    const ip = faults.includes('IP_NOT_ALLOWED') ? '203.0.113.7' : '192.0.2.1';
    const { body } = await call(api_key, 'GET /v2/api_keys', { ip });
    await alter('UPDATE users SET disabled = 0 WHERE id = ?', user_id);
    expect(body.code).toBe(code);
  });
});
