import { exports } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { ApiKeys, type RpcVerdict } from '../../src/rpc/api-keys.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';

const IP = '192.0.2.20';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

async function verify(...given: Parameters<typeof exports.ApiKeys.verify>): Promise<RpcVerdict> {
  return exports.ApiKeys.verify(...given);
}

test('a key is verified over a service binding, with all that is known of it', async () => {
  const made = await createKey(keys.ORG_ADMIN, { label: 'bound', ip_whitelist: ['192.0.2.0/24'] });
  expect(await verify({ apiKey: made.api_key, ip: IP, permissions: ['review_read'] })).toEqual({
    allowed: true,
    key: {
      id: made.id,
      label: 'bound',
      orgId: made.org_id,
      userId: made.user_id,
      userRole: 'ORG_ADMIN',
      userType: 'user',
      expirationDate: null,
      ipWhitelist: ['192.0.2.0/24'],
      permissions: made.permissions,
    },
  });
});

describe('each denial has its code, status and message:', () => {
  const cases: [string, number, () => Promise<RpcVerdict>][] = [
    ['MISSING_KEY', 401, () => verify({ apiKey: '', ip: IP })],
    ['MALFORMED_KEY', 401, () => verify({ apiKey: 'lk_nonsense', ip: IP })],
    ['UNKNOWN_KEY', 401, () => verify({ apiKey: generateApiKey('lk'), ip: IP })],
    ['IP_NOT_ALLOWED', 403, async () => verify({ apiKey: await listed(), ip: '198.51.100.1' })],
    ['PERMISSION_DENIED', 403, () => verify({ apiKey: keys.PUBLISHER, ip: IP, permissions: ['review_reply'] })],
    ['REVOKED', 401, async () => verify({ apiKey: await revoked(), ip: IP })],
  ];
  test.each(cases)('%s, %d', async (code, status, ask) => {
    expect(await ask()).toEqual({ allowed: false, code, status, message: expect.stringMatching(/\.$/) });
  });
});

test('without an address, a key that has a list is refused and one that has none is not', async () => {
  expect(await verify({ apiKey: await listed(), ip: null })).toMatchObject({ code: 'IP_NOT_ALLOWED' });
  expect(await verify({ apiKey: keys.ORG_ADMIN, ip: null })).toMatchObject({ allowed: true });
});

test('misses are budgeted by the address that the caller gives', async () => {
  const tries = Array.from({ length: 130 }, () => verify({ apiKey: generateApiKey('lk'), ip: '192.0.2.77' }));
  const codes = (await Promise.all(tries)).map((verdict) => (verdict.allowed ? 'VALID' : verdict.code));
  expect(codes.filter((code) => code === 'RATE_LIMITED').length).toBe(30);
  expect(await verify({ apiKey: generateApiKey('lk'), ip: '192.0.2.78' })).toMatchObject({ code: 'UNKNOWN_KEY' });
});

test('calls over a binding do not count for the limit of an organisation', async () => {
  const limited = { env: { RATE_LIMIT: 'on', ORG_RATE_LIMIT: { limit: async () => ({ success: false }) } } };
  expect((await call(keys.ORG_ADMIN, 'GET /v2/user/me', limited)).status).toBe(429);
  expect(await verify({ apiKey: keys.ORG_ADMIN, ip: IP })).toMatchObject({ allowed: true });
  const asked = await call(keys.ORG_ADMIN, 'POST /v2/api_keys/verify', {
    ...limited,
    body: { api_key: keys.PUBLISHER },
  });
  expect(asked.body).toMatchObject({ valid: true });
});

test('nothing but verify can be called: any method of the class could be, `private` or not', () => {
  expect(Object.getOwnPropertyNames(ApiKeys.prototype)).toEqual(['constructor', 'verify']);
});

async function listed(): Promise<string> {
  return (await createKey(keys.ORG_ADMIN, { ip_whitelist: ['192.0.2.0/24'] })).api_key;
}

async function revoked(): Promise<string> {
  const made = await createKey(keys.ORG_ADMIN);
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${made.id}`);
  return made.api_key;
}
