import { createExecutionContext } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import type { PermissionName } from '../../src/domain/permissions/permissions.ts';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { ApiKeys } from '../../src/rpc/api-keys.ts';
import type { RpcVerdict } from '../../src/wire/rpc.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { changeUser, createUser } from '../support/people.ts';
import { alter } from '../support/stored.ts';

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
    ['USER_DISABLED', 401, async () => verify({ apiKey: await ofDisabledUser(), ip: IP })],
    ['EXPIRED', 401, async () => verify({ apiKey: await expired(), ip: IP })],
    ['UNAVAILABLE', 503, async () => verifyWithoutStorage((await createKey(keys.ORG_ADMIN)).api_key)],
  ];
  test.each(cases)('%s, %d', async (code, status, ask) => {
    const missing = code === 'PERMISSION_DENIED' ? { missing: ['review_reply'] } : {};
    expect(await ask()).toEqual({ allowed: false, code, status, message: expect.stringMatching(/\.$/), ...missing });
  });
});

test('a refusal for permissions says which of them are missing, and no others', async () => {
  const permissions: PermissionName[] = ['review_read', 'review_reply', 'user_manage'];
  const verdict = await verify({ apiKey: keys.PUBLISHER, ip: IP, permissions });
  expect(verdict).toMatchObject({ code: 'PERMISSION_DENIED', missing: ['review_reply', 'user_manage'] });
  expect(verdict).toMatchObject({ message: expect.stringMatching(/: review_reply, user_manage\.$/) });
});

test('without an address, a key that has a list is refused and one that has none is not', async () => {
  expect(await verify({ apiKey: await listed(), ip: null })).toMatchObject({ code: 'IP_NOT_ALLOWED' });
  expect(await verify({ apiKey: keys.ORG_ADMIN, ip: null })).toMatchObject({ allowed: true });
});

describe('what another Worker gives is not trusted to be of its type:', () => {
  /** As JavaScript calls it: nothing checks what is given. */
  const verifyAnything = (given: unknown): Promise<RpcVerdict> => Reflect.apply(verify, undefined, [given]);
  const good = () => ({ apiKey: keys.ORG_ADMIN, ip: IP });

  test('an address left out is none', async () => {
    expect(await verifyAnything({ apiKey: await listed() })).toMatchObject({ code: 'IP_NOT_ALLOWED' });
    expect(await verifyAnything({ apiKey: keys.ORG_ADMIN })).toMatchObject({ allowed: true });
    expect(await verifyAnything({ apiKey: generateApiKey('lk') })).toMatchObject({ code: 'UNKNOWN_KEY' });
  });

  test.each([[{}], [{ apiKey: undefined, ip: IP }], [{ apiKey: null, ip: IP }]])('no key: %j', async (given) => {
    expect(await verifyAnything(given)).toMatchObject({ allowed: false, code: 'MISSING_KEY', status: 401 });
  });

  test.each([7, true, [], {}])('a key that is no text is malformed: %j', async (apiKey) => {
    expect(await verifyAnything({ apiKey, ip: IP })).toMatchObject({ code: 'MALFORMED_KEY', status: 401 });
  });

  test.each([['invented'], ['toString'], ['review_read', '']])(
    'a permission that there is not is lacked: %j',
    async (...permissions) => {
      expect(await verifyAnything({ ...good(), permissions })).toMatchObject({
        code: 'PERMISSION_DENIED',
        status: 403,
      });
    },
  );

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'lk_x'],
    ['an address that is a number', { apiKey: 'lk_x', ip: 7 }],
    ['permissions that are a text', { apiKey: 'lk_x', ip: IP, permissions: 'review_read' }],
    ['permissions that are null', { apiKey: 'lk_x', ip: IP, permissions: null }],
    ['a permission that is no text', { apiKey: 'lk_x', ip: IP, permissions: [7] }],
    ['an organisation that is a text', { apiKey: 'lk_x', ip: IP, orgId: '1' }],
    ['an organisation that is null', { apiKey: 'lk_x', ip: IP, orgId: null }],
  ])('%s is a mistake of the Worker, and told so', async (_, given) => {
    await expect(verifyAnything(given)).rejects.toThrow(/^(TypeError: )?verify/);
  });
});

test('misses are budgeted by the address that the caller gives', async () => {
  const tryKeys = async (length: number) => {
    const tries = Array.from({ length }, () => verify({ apiKey: generateApiKey('lk'), ip: '192.0.2.77' }));
    return (await Promise.all(tries)).map((verdict) => (verdict.allowed ? 'VALID' : verdict.code));
  };
  expect(await tryKeys(100)).toEqual(Array(100).fill('UNKNOWN_KEY'));
  expect(await tryKeys(30)).toEqual(Array(30).fill('RATE_LIMITED'));
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

/** As where storage is out of reach, and nothing is in memory. */
function verifyWithoutStorage(apiKey: string): Promise<RpcVerdict> {
  const outOfReach = () => {
    throw new Error('D1_ERROR: Network connection lost.');
  };
  const bindings = {
    ...env,
    DB: new Proxy(env.DB, { get: outOfReach }),
    KEY_CACHE: new Proxy(env.KEY_CACHE, { get: outOfReach }),
  };
  return Promise.resolve(new ApiKeys(createExecutionContext(), bindings).verify({ apiKey, ip: IP }));
}

async function ofDisabledUser(): Promise<string> {
  const id = await createUser(keys.ORG_ADMIN, { role: 'PUBLISHER' });
  const { api_key } = await createKey(keys.ORG_ADMIN, { user_id: id });
  await changeUser(keys.ORG_ADMIN, id, { disabled: true });
  return api_key;
}

async function expired(): Promise<string> {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", id);
  return api_key;
}

async function revoked(): Promise<string> {
  const made = await createKey(keys.ORG_ADMIN);
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${made.id}`);
  return made.api_key;
}
