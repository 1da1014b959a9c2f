import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { compose } from '../../src/compose.ts';
import { newIsolate } from '../../src/domain/isolate.ts';
import { generateApiKey, hashApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { type Answer, type CallOptions, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import {
  expectForbidden,
  expectInvalid,
  expectRateLimited,
  expectUnauthenticated,
  expectUnavailable,
  expectUnsupported,
} from '../support/expect-error.ts';
import { changeUser, createOrganisation, createPerson, type Person } from '../support/people.ts';
import { alter, writingNothing } from '../support/stored.ts';

let keys: RoleKeys;
let stranger: Person;
beforeAll(async () => {
  keys = await deploy();
  stranger = await createPerson(keys.PROVIDER, 'ORG_ADMIN', await createOrganisation(keys.PROVIDER, 'Another'));
});

function verify(by: string | null, body: unknown, options: CallOptions = {}): Promise<Answer> {
  return call(by, 'POST /v2/api_keys/verify', { body, ...options });
}

test('a key that is allowed is told with all that it says of itself', async () => {
  const made = await createKey(keys.ORG_ADMIN, {
    label: 'behind a backend',
    ip_whitelist: ['192.0.2.0/24'],
    expiration_date: '2099-12-31',
  });
  const body = { api_key: made.api_key, ip: '192.0.2.20', permissions: ['review_read'] };
  const answer = await writingNothing(() => verify(keys.ORG_ADMIN, body));
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({
    valid: true,
    code: 'VALID',
    key: {
      id: made.id,
      label: 'behind a backend',
      org_id: made.org_id,
      user_id: made.user_id,
      user_role: 'ORG_ADMIN',
      user_type: 'user',
      expiration_date: '2099-12-31',
      ip_whitelist: ['192.0.2.0/24'],
      permissions: made.permissions,
      client_ip: '192.0.2.20',
    },
  });
  expect(answer.body.key).toEqual(await currentOf(made.api_key, '192.0.2.20'));
});

async function currentOf(apiKey: string, ip: string): Promise<unknown> {
  return (await call(apiKey, 'GET /v2/api_keys/current', { ip })).body;
}

/** A key of someone, brought into a state. */
const STATES: Record<string, (by: string) => Promise<{ api_key: string }>> = {
  VALID: (by) => createKey(by),
  REVOKED: async (by) => {
    const made = await createKey(by);
    await call(by, `POST /v2/api_keys/revoke/${made.id}`);
    return made;
  },
  EXPIRED: async (by) => {
    const made = await createKey(by);
    await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", made.id);
    return made;
  },
  USER_DISABLED: async (by) => {
    const { org_id } = await readCurrent(by);
    const person = await createPerson(keys.PROVIDER, 'PUBLISHER', org_id);
    await changeUser(by, person.id, { disabled: true });
    return { api_key: person.key };
  },
  IP_NOT_ALLOWED: (by) => createKey(by, { ip_whitelist: ['203.0.113.7', '192.0.2.0/24'] }),
};

function inState(code: string, by: string): Promise<{ api_key: string }> {
  const make = STATES[code];
  if (make === undefined) throw new Error(`No key can be brought to be ${code}`);
  return make(by);
}

describe('a verdict is a 200, whatever it is:', () => {
  test.each(Object.keys(STATES).filter((code) => code !== 'VALID'))('%s', async (code) => {
    const { api_key } = await inState(code, keys.ORG_ADMIN);
    const { status, body } = await verify(keys.ORG_ADMIN, { api_key, ip: '198.51.100.1' });
    expect({ status, body }).toEqual({ status: 200, body: { valid: false, code } });
  });

  test.each<[string, () => unknown]>([
    ['MISSING_KEY', () => ({ api_key: '' })],
    ['MALFORMED_KEY', () => ({ api_key: 'lk_nonsense' })],
    ['MALFORMED_KEY', () => ({ api_key: `${keys.ORG_ADMIN.slice(0, 9)} ${keys.ORG_ADMIN.slice(9)}` })],
    ['UNKNOWN_KEY', () => ({ api_key: generateApiKey('lk') })],
    ['PERMISSION_DENIED', () => ({ api_key: keys.PUBLISHER, permissions: ['review_read', 'review_reply'] })],
  ])('%s', async (code, body) => {
    const answer = await verify(keys.ORG_ADMIN, body());
    expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: { valid: false, code } });
  });
});

test('white space around a key is no part of it', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  expect((await verify(keys.ORG_ADMIN, { api_key: `\t ${api_key} \r\n` })).body).toMatchObject({ key: { id } });
  expect((await verify(keys.ORG_ADMIN, { api_key: ' \n' })).body).toEqual({ valid: false, code: 'MISSING_KEY' });
});

describe('a key of another organisation', () => {
  test.each(Object.keys(STATES))('that is %s is not known to an ORG_ADMIN, and is told to a PROVIDER', async (code) => {
    const { api_key } = await inState(code, stranger.key);
    const body = { api_key, ip: '198.51.100.1' };
    expect((await verify(keys.ORG_ADMIN, body)).body).toEqual({ valid: false, code: 'UNKNOWN_KEY' });
    expect((await verify(keys.PROVIDER, body)).body).toMatchObject({ valid: code === 'VALID', code });
    expect((await verify(stranger.key, body)).body).toMatchObject({ valid: code === 'VALID', code });
  });

  test('that lacks a permission is not known either', async () => {
    const { key } = await createPerson(keys.PROVIDER, 'PUBLISHER', stranger.orgId);
    const body = { api_key: key, permissions: ['review_reply'] };
    expect((await verify(keys.ORG_ADMIN, body)).body).toEqual({ valid: false, code: 'UNKNOWN_KEY' });
    expect((await verify(stranger.key, body)).body).toEqual({ valid: false, code: 'PERMISSION_DENIED' });
  });

  test('of the PROVIDER is not known to an ORG_ADMIN', async () => {
    expect((await verify(keys.ORG_ADMIN, { api_key: keys.PROVIDER })).body.code).toBe('UNKNOWN_KEY');
  });
});

describe('who may ask:', () => {
  test.each<[keyof RoleKeys, number]>([
    ['PROVIDER', 200],
    ['ORG_ADMIN', 200],
    ['ORG_MANAGER', 200],
    ['GROUP_MANAGER', 403],
    ['BUSINESS_MANAGER', 403],
    ['PUBLISHER', 403],
  ])('%s: %d', async (role, status) => {
    const answer = await verify(keys[role], { api_key: keys.PUBLISHER });
    if (status === 403) expectForbidden(answer, 'PERMISSION_DENIED');
    else expect(answer.body).toMatchObject(role === 'PROVIDER' ? { valid: true } : { valid: true, code: 'VALID' });
  });

  test('a key with api_key_verify and nothing else', async () => {
    const only = (permissions: string[]) =>
      createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions });
    const may = await only(['api_key_verify']);
    expect((await verify(may.api_key, { api_key: keys.PUBLISHER })).body.valid).toBe(true);
    const mayNot = await only(['api_key_read', 'api_key_manage']);
    expectForbidden(await verify(mayNot.api_key, { api_key: keys.PUBLISHER }), 'PERMISSION_DENIED');
  });

  test('nobody without a key that works', async () => {
    expectUnauthenticated(await verify(null, { api_key: keys.PUBLISHER }), 'MISSING_KEY');
    const { api_key } = await inState('REVOKED', keys.ORG_ADMIN);
    expectUnauthenticated(await verify(api_key, { api_key: keys.PUBLISHER }), 'REVOKED');
  });
});

describe('a body that cannot be read is a 400:', () => {
  test.each<[string, unknown, string[]]>([
    ['no key', {}, ['api_key']],
    ['a key that is no text', { api_key: 7 }, ['api_key']],
    ['null for a key', { api_key: null }, ['api_key']],
    ['an address that is no text', { api_key: 'x', ip: 7 }, ['ip']],
    ['an address that is a name', { api_key: 'x', ip: 'office' }, ['ip']],
    ['an empty address', { api_key: 'x', ip: '' }, ['ip']],
    ['a network for an address', { api_key: 'x', ip: '192.0.2.0/24' }, ['ip']],
    ['an address with a port', { api_key: 'x', ip: '192.0.2.1:443' }, ['ip']],
    ['an address with leading zeros', { api_key: 'x', ip: '192.0.02.1' }, ['ip']],
    ['an address with a zone id', { api_key: 'x', ip: 'fe80::1%eth0' }, ['ip']],
    ['an address that is too long', { api_key: 'x', ip: '1'.repeat(101) }, ['ip']],
    ['permissions that are no list', { api_key: 'x', permissions: 'review_read' }, ['permissions']],
    ['a permission that there is not', { api_key: 'x', permissions: ['fly'] }, ['permissions.0']],
    ['a field that no one knows', { api_key: 'x', client_ip: '192.0.2.1' }, ['client_ip']],
    ['a thousand permissions', { api_key: 'x', permissions: Array(1000).fill('review_read') }, ['permissions']],
    ['all of it at once', { ip: 7, permissions: [7] }, ['api_key', 'ip', 'permissions.0']],
    ['no JSON', '{', ['body']],
    ['a list', [], ['body']],
  ])('%s', async (_, body, fields) => {
    expectInvalid(await verify(keys.ORG_ADMIN, body), fields);
  });

  test('and one that is not declared as JSON a 415', async () => {
    const options = { headers: { 'Content-Type': 'text/plain' } };
    expectUnsupported(await verify(keys.ORG_ADMIN, { api_key: keys.PUBLISHER }, options));
  });
});

describe('only the address in the body counts:', () => {
  const INSIDE = '192.0.2.1';
  const OUTSIDE = '198.51.100.1';
  const forged = { 'X-Forwarded-For': INSIDE, 'X-Real-IP': INSIDE, 'True-Client-IP': INSIDE };

  test.each<[string | null | undefined, string, string]>([
    [undefined, INSIDE, 'IP_NOT_ALLOWED'],
    [null, INSIDE, 'IP_NOT_ALLOWED'],
    [OUTSIDE, INSIDE, 'IP_NOT_ALLOWED'],
    ['2001:db8::1', INSIDE, 'IP_NOT_ALLOWED'],
    [INSIDE, OUTSIDE, 'VALID'],
    [`::ffff:${INSIDE}`, OUTSIDE, 'VALID'],
  ])('ip %j from a backend at %s: %s', async (ip, backend, code) => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['192.0.2.0/24'] });
    const answer = await verify(keys.ORG_ADMIN, { api_key, ip }, { ip: backend, headers: forged });
    expect(answer.body.code).toBe(code);
    expect(answer.body.key?.client_ip).toBe(code === 'VALID' ? ip : undefined);
  });

  test('a key without a list needs none', async () => {
    expect((await verify(keys.ORG_ADMIN, { api_key: keys.PUBLISHER })).body.key.client_ip).toBe(null);
  });
});

describe('limits:', () => {
  test("a backend may ask as often as it is called, past its organisation's limit", async () => {
    const limited = { env: { RATE_LIMIT: 'on', ORG_RATE_LIMIT: { limit: async () => ({ success: false }) } } };
    expect((await call(keys.ORG_ADMIN, 'GET /v2/api_keys', limited)).status).toBe(429);
    const answer = await verify(keys.ORG_ADMIN, { api_key: keys.PUBLISHER }, limited);
    expect(answer.body).toMatchObject({ valid: true, code: 'VALID' });
  });

  test('keys that there are not are budgeted by backend and address together, and over it there is no verdict', async () => {
    const { org_id } = await readCurrent(keys.ORG_ADMIN);
    const payers: string[] = [];
    const MISS_RATE_LIMIT = {
      limit: async ({ key }: RateLimitOptions) => {
        payers.push(key);
        return { success: false };
      },
    };
    const tryKey = (ip: string | null) =>
      verify(keys.ORG_ADMIN, { api_key: generateApiKey('lk'), ip }, { env: { MISS_RATE_LIMIT } });
    for (const ip of ['192.0.2.1', '2001:db8::1', null]) {
      expect((await tryKey(ip)).body).toEqual({ valid: false, code: 'UNKNOWN_KEY' });
      expectRateLimited(await tryKey(ip));
    }
    const names = ['192.0.2.1', '2001:db8::/64', 'no address'].map((network) => `organisation ${org_id} ${network}`);
    expect(new Set(payers)).toEqual(new Set(names));
    // A stranger has spent nothing of what the backend needs for others.
    const created = await createKey(keys.ORG_ADMIN);
    const other = { api_key: created.api_key, ip: '192.0.2.2' };
    expect((await verify(keys.ORG_ADMIN, other, { env: { MISS_RATE_LIMIT } })).body.valid).toBe(true);
    // Keys in memory go on even from there.
    const known = { api_key: created.api_key, ip: '192.0.2.1' };
    expect((await verify(keys.ORG_ADMIN, known, { env: { MISS_RATE_LIMIT } })).body.valid).toBe(true);
  });
});

test('without a verdict there is a 503, not a refusal', async () => {
  const { api_key } = await createKey(keys.ORG_ADMIN);
  const hash = hashApiKey(api_key);
  const isolate = newIsolate();
  const app = createApp((bindings, context) => {
    const services = compose(bindings, context, isolate);
    return {
      ...services,
      cache: { ...services.cache, read: async (name) => (name === hash ? null : services.cache.read(name)) },
      source: {
        ...services.source,
        readRecord: async (name, from) => {
          if (name === hash) throw new Error('Out of reach');
          return services.source.readRecord(name, from);
        },
      },
    };
  });
  const context = createExecutionContext();
  const request = new Request('https://latchkey.example/v2/api_keys/verify', {
    method: 'POST',
    headers: { 'x-APIKey': keys.ORG_ADMIN, 'Content-Type': 'application/json' },
    body: JSON.stringify({ api_key }),
  });
  const response = await app.fetch(request, env, context);
  const answer = { status: response.status, headers: response.headers, body: await response.json() };
  await waitOnExecutionContext(context);
  expectUnavailable(answer);
});
