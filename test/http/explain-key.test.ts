import { beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectForbidden, expectInvalid, expectNotFound } from '../support/expect-error.ts';
import { createOrganisation, createPerson } from '../support/people.ts';
import { writingNothing } from '../support/stored.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

function explain(by: string, id: number, body: unknown = {}): Promise<Answer> {
  return call(by, `POST /v2/api_keys/explain/${id}`, { body });
}

function checkOf({ body }: Answer, name: string): Answer['body'] {
  return body.checks.find(({ check }: { check: string }) => check === name);
}

test('an empty body asks about a call from nowhere, now; every check has all its fields', async () => {
  const { id, user_id } = await createKey(keys.ORG_ADMIN);
  const answer = await writingNothing(() => explain(keys.ORG_ADMIN, id));
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({
    verdict: { allowed: true, code: 'VALID' },
    checks: ['revocation', 'pause', 'user', 'expiry', 'address', 'permissions'].map((check) => ({
      check,
      passed: true,
      code: expect.stringMatching(/^[A-Z_]+$/),
      detail: expect.stringMatching(/\.$/),
      remedy: null,
      compared: expect.any(Object),
    })),
  });
  expect(checkOf(answer, 'user').compared).toEqual({ user_id, user_disabled: false });
});

test('the answer says all that is in the way, not only what the caller would be told', async () => {
  const fields = { ip_whitelist: ['192.0.2.0/24'], has_restricted_permissions: true, permissions: ['review_read'] };
  const { id } = await createKey(keys.ORG_ADMIN, { ...fields, expiration_date: '2100-01-01' });
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
  const answer = await explain(keys.ORG_ADMIN, id, {
    ip: '198.51.100.1',
    permissions: ['review_read', 'api_key_read'],
    at: '2100-01-01T00:00:00Z',
  });
  expect(answer.body.verdict).toEqual({ allowed: false, code: 'REVOKED' });
  const failed = answer.body.checks.filter(({ passed }: { passed: boolean }) => !passed);
  expect(failed.map(({ code }: { code: string }) => code)).toEqual([
    'REVOKED',
    'EXPIRED',
    'IP_NOT_ALLOWED',
    'PERMISSION_DENIED',
  ]);
  for (const { remedy } of failed) expect(remedy).toMatch(/\.$/);
  expect(checkOf(answer, 'permissions').compared).toEqual({
    user_role: 'ORG_ADMIN',
    has_restricted_permissions: true,
    permissions: [
      { permission: 'review_read', on_key: true, in_role: true },
      { permission: 'api_key_read', on_key: false, in_role: true },
    ],
  });
});

test('a change shows at once', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  expect((await explain(keys.ORG_ADMIN, id, { ip: '198.51.100.1' })).body.verdict.code).toBe('VALID');
  await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: { ip_whitelist: ['192.0.2.0/24'] } });
  expect((await explain(keys.ORG_ADMIN, id, { ip: '198.51.100.1' })).body.verdict.code).toBe('IP_NOT_ALLOWED');
});

test.each<[string | null | undefined, string, string | null]>([
  ['192.0.2.1', 'VALID', '192.0.2.0/24'],
  ['::ffff:192.0.2.1', 'VALID', '192.0.2.0/24'],
  ['198.51.100.1', 'IP_NOT_ALLOWED', null],
  ['2001:db8::1', 'IP_NOT_ALLOWED', null],
  [null, 'IP_NOT_ALLOWED', null],
  [undefined, 'IP_NOT_ALLOWED', null],
])('a key with a list, called from %j: %s', async (ip, code, matched) => {
  const { id } = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['192.0.2.0/24'] });
  // The address of who asks has nothing to do with it.
  const answer = await call(keys.ORG_ADMIN, `POST /v2/api_keys/explain/${id}`, { body: { ip }, ip: '192.0.2.5' });
  expect(answer.body.verdict.code).toBe(code);
  expect(checkOf(answer, 'address').compared.matched_entry).toBe(matched);
});

describe('at', () => {
  let id: number;
  beforeAll(async () => {
    id = (await createKey(keys.ORG_ADMIN, { expiration_date: '2099-03-01' })).id;
  });

  test.each<[string, string, string]>([
    ['2099-02-28T23:59:59Z', 'VALID', '2099-02-28T23:59:59.000Z'],
    ['2099-03-01T00:00:00Z', 'EXPIRED', '2099-03-01T00:00:00.000Z'],
    ['2099-02-28t23:59:59.999z', 'VALID', '2099-02-28T23:59:59.999Z'],
    ['2099-03-01T01:00:00+02:00', 'VALID', '2099-02-28T23:00:00.000Z'],
    ['2099-02-28T23:00:00-01:30', 'EXPIRED', '2099-03-01T00:30:00.000Z'],
    ['2099-02-28 23:59:59.999999+00', 'VALID', '2099-02-28T23:59:59.999Z'],
    ['2099-03-01 00:00:00.000000+00', 'EXPIRED', '2099-03-01T00:00:00.000Z'],
    ['2096-02-29T12:00:00Z', 'VALID', '2096-02-29T12:00:00.000Z'],
    ['1999-01-01T00:00:00Z', 'VALID', '1999-01-01T00:00:00.000Z'],
  ])('%s: %s', async (at, code, compared) => {
    const answer = await explain(keys.ORG_ADMIN, id, { at });
    expect(answer.body.verdict).toEqual({ allowed: code === 'VALID', code });
    expect(checkOf(answer, 'expiry').compared).toEqual({ expiration_date: '2099-03-01', at: compared });
  });

  test.each<unknown>([
    '2027-02-30T00:00:00Z',
    '2027-02-29T00:00:00Z',
    '2027-13-01T00:00:00Z',
    '2027-00-10T00:00:00Z',
    '2027-01-31',
    '2027-01-31T12:00:00',
    '2027-01-31T12:00Z',
    '2027-01-31T24:00:00Z',
    '2027-01-31T25:00:00Z',
    '2027-01-31T12:60:00Z',
    '2027-01-31T12:00:00+25:00',
    '2027-01-31T12:00:00 UTC',
    'tomorrow',
    '',
    1_800_000_000,
    true,
    {},
  ])('%j is a 400', async (at) => {
    expectInvalid(await explain(keys.ORG_ADMIN, id, { at }), ['at']);
  });
});

test.each<[string, Record<string, unknown>, string[]]>([
  ['an address that is no text', { ip: 7 }, ['ip']],
  ['an address that is too long', { ip: 'x'.repeat(101) }, ['ip']],
  ['an address that is a name', { ip: 'office' }, ['ip']],
  ['an empty address', { ip: '' }, ['ip']],
  ['a network for an address', { ip: '192.0.2.0/24' }, ['ip']],
  ['permissions that are no list', { permissions: 'review_read' }, ['permissions']],
  ['a permission that there is not', { permissions: ['review_read', 'fly'] }, ['permissions.1']],
  ['a field that no one knows', { when: 'now' }, ['when']],
  ['a thousand permissions', { permissions: Array(1000).fill('review_read') }, ['permissions']],
  ['all of it at once', { ip: 7, permissions: ['fly'], at: 'x' }, ['ip', 'permissions.0', 'at']],
])('%s is a 400', async (_, body, fields) => {
  const { id } = await createKey(keys.ORG_ADMIN);
  expectInvalid(await explain(keys.ORG_ADMIN, id, body), fields);
});

describe('who may ask:', () => {
  test('whoever may read the key, with api_key_read', async () => {
    const own = await createKey(keys.BUSINESS_MANAGER);
    for (const by of [keys.BUSINESS_MANAGER, keys.ORG_ADMIN, keys.PROVIDER]) {
      expect((await explain(by, own.id)).body.verdict.code).toBe('VALID');
    }
    expectNotFound(await explain(keys.ORG_MANAGER, own.id));
    expectNotFound(await explain(keys.BUSINESS_MANAGER, (await readCurrent(keys.ORG_ADMIN)).id));
    expectNotFound(await explain(keys.ORG_ADMIN, 999_999));
  });

  test('not someone of another organisation, administrator or not, before the body is looked at', async () => {
    const other = await createPerson(keys.PROVIDER, 'ORG_ADMIN', await createOrganisation(keys.PROVIDER));
    expectNotFound(await explain(keys.ORG_ADMIN, other.keyId, { at: 'nonsense' }));
    expect((await explain(keys.PROVIDER, other.keyId)).status).toBe(200);
  });

  test('not a key without api_key_read, about itself either', async () => {
    const made = await createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions: ['review_read'] });
    expectForbidden(await explain(made.api_key, made.id), 'PERMISSION_DENIED');
  });
});
