import { beforeAll, describe, expect, test } from 'vitest';
import { type CallOptions, call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectForbidden, expectOutOfReach } from '../support/expect-error.ts';
import { alter, writingNothing } from '../support/stored.ts';

/*
 * No key reaches further than the one that made it. Each test here fails when its rule is taken out.
 */

const READ_AND_MANAGE = {
  has_restricted_permissions: true,
  permissions: ['api_key_read', 'api_key_manage'],
};
const OFFICE = { ip_whitelist: ['203.0.113.0/24'] };
const DATED = { expiration_date: '2999-06-15' };

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

function create(by: string, fields: Record<string, unknown>, options: CallOptions = {}) {
  return writingNothing(() => call(by, 'POST /v2/api_keys', { ...options, body: { label: 'a key', ...fields } }));
}

function put(by: string, id: number, fields: Record<string, unknown>) {
  return writingNothing(() => call(by, `PUT /v2/api_keys/${id}`, { body: fields }));
}

async function userOf(role: keyof RoleKeys): Promise<string> {
  return (await readCurrent(keys[role])).user_id;
}

describe('permissions', () => {
  test('a key that lacks some makes no key that has them', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, READ_AND_MANAGE);
    const answer = await create(api_key, {
      has_restricted_permissions: true,
      permissions: ['api_key_read', 'review_read', 'user_read'],
    });
    expectOutOfReach(answer, /review_read, user_read/);
  });

  test('a restricted key makes no unrestricted one', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, READ_AND_MANAGE);
    expectOutOfReach(await create(api_key, {}), /business_edit/);
    expectOutOfReach(await create(api_key, { has_restricted_permissions: false, permissions: [] }), /business_edit/);
  });

  test('a restricted key makes no unrestricted key for a user who has less, but more than itself', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, READ_AND_MANAGE);
    expectOutOfReach(await create(api_key, { user_id: await userOf('PUBLISHER') }), /review_read/);
  });

  test('a restricted key makes no main integration key that is not', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, READ_AND_MANAGE);
    expectOutOfReach(await create(api_key, { user_type: 'bot' }), /business_edit/);
  });

  test('of a new list all that is stored counts, also what the user cannot do today', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, READ_AND_MANAGE);
    const fields = { has_restricted_permissions: true, permissions: ['user_read'] };
    expectOutOfReach(await create(api_key, { ...fields, user_id: await userOf('PUBLISHER') }), /user_read/);
  });

  test('a key makes one with the same permissions', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, READ_AND_MANAGE);
    expect((await createKey(api_key, READ_AND_MANAGE)).permissions).toEqual(READ_AND_MANAGE.permissions);
  });
});

describe('roles', () => {
  test.each(['ORG_MANAGER', 'GROUP_MANAGER', 'BUSINESS_MANAGER'] as const)(
    'a %s makes no main integration key',
    async (role) => {
      const fields = { user_type: 'bot', ...READ_AND_MANAGE };
      expectOutOfReach(await create(keys[role], fields), /ORG_ADMIN/);
    },
  );

  test('an ORG_ADMIN makes no key for a PROVIDER', async () => {
    // The one ORG_ADMIN in the organisation of the PROVIDER: its main integration.
    const main = await createKey(keys.PROVIDER, { user_type: 'bot' });
    expectOutOfReach(await create(main.api_key, { user_id: await userOf('PROVIDER') }), /PROVIDER/);
  });

  test.each(['ORG_MANAGER', 'GROUP_MANAGER', 'BUSINESS_MANAGER'] as const)(
    'a %s makes no key for another user, not even for one below it',
    async (role) => {
      expectOutOfReach(await create(keys[role], { user_id: await userOf('PUBLISHER') }), /ORG_ADMIN and PROVIDER/);
    },
  );

  test('who makes no keys for others cannot find out which users exist', async () => {
    const existing = await create(keys.ORG_MANAGER, { user_id: await userOf('PUBLISHER') });
    const missing = await create(keys.ORG_MANAGER, { user_id: '0'.repeat(24) });
    expectForbidden(missing, 'PERMISSION_DENIED');
    expect(missing.body.errors).toEqual(existing.body.errors);
  });

  test('an ORG_ADMIN makes no main integration key for another organisation', async () => {
    const { org_id } = await readCurrent(keys.PROVIDER);
    expectOutOfReach(await create(keys.ORG_ADMIN, { user_type: 'bot', org_id }), /PROVIDER/);
  });
});

describe('networks', () => {
  test.each<[string, string[], string[], RegExp]>([
    ['no list at all', OFFICE.ip_whitelist, [], /ip_whitelist/],
    ['a wider network', OFFICE.ip_whitelist, ['203.0.113.0/23'], /203\.0\.113\.0\/23/],
    ['an address elsewhere beside one within', OFFICE.ip_whitelist, ['203.0.113.9', '192.0.2.1'], /192\.0\.2\.1/],
    ['the IPv6 twin of a wider network', OFFICE.ip_whitelist, ['::ffff:203.0.113.0/119'], /::ffff:203\.0\.113\.0\/119/],
    ['an IPv6 network', ['0.0.0.0/0'], ['2001:db8::/32'], /2001:db8::\/32/],
    ['all of IPv6', ['0.0.0.0/0'], ['::/0'], /::\/0/],
  ])('a key with a list makes none with %s', async (_, own, given, message) => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { ip_whitelist: own });
    expectOutOfReach(await create(api_key, { ip_whitelist: given }), message);
  });

  test('a key that leaves the list out is a key without a list', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, OFFICE);
    expectOutOfReach(await create(api_key, {}), /ip_whitelist/);
  });

  test.each<[string, string[], string[]]>([
    ['the same list', OFFICE.ip_whitelist, OFFICE.ip_whitelist],
    ['a network within', OFFICE.ip_whitelist, ['203.0.113.7/25']],
    ['the IPv6 twin of a network within', OFFICE.ip_whitelist, ['::ffff:203.0.113.0/120']],
    ['what two entries cover together', ['203.0.113.0/25', '203.0.113.128/25'], ['203.0.113.0/24']],
  ])('a key with a list makes one with %s', async (_, own, given) => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { ip_whitelist: own });
    expect((await createKey(api_key, { ip_whitelist: given })).ip_whitelist).toEqual(given);
  });
});

describe('expiry', () => {
  test.each([
    ['no date', null],
    ['a later date', '2999-06-16'],
  ])('a key that expires makes none with %s', async (_, date) => {
    const { api_key } = await createKey(keys.ORG_ADMIN, DATED);
    expectOutOfReach(await create(api_key, { expiration_date: date }), /2999-06-15/);
  });

  test('a key that leaves the date out is a key without a date', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, DATED);
    expectOutOfReach(await create(api_key, {}), /2999-06-15/);
  });

  test.each(['2999-06-15', '2999-06-14'])('a key that expires makes one that expires on %s', async (date) => {
    const { api_key } = await createKey(keys.ORG_ADMIN, DATED);
    expect((await createKey(api_key, { expiration_date: date })).expiration_date).toBe(date);
  });
});

describe('ownership', () => {
  test.each(['ORG_ADMIN', 'PROVIDER'] as const)('a %s does not change another user’s personal key', async (role) => {
    const { id } = await createKey(keys.BUSINESS_MANAGER);
    expectOutOfReach(await put(keys[role], id, { label: 'mine now' }), /personal key/);
  });

  test('a main integration does not change a personal key', async () => {
    const main = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    const { id } = await createKey(keys.ORG_ADMIN);
    expectOutOfReach(await put(main.api_key, id, { label: 'mine now' }), /personal key/);
  });

  test('who made a key for another user does not change it afterwards', async () => {
    const { id } = await createKey(keys.ORG_ADMIN, { user_id: await userOf('PUBLISHER') });
    expectOutOfReach(await put(keys.ORG_ADMIN, id, { label: 'mine still' }), /personal key/);
  });

  test.each(['ORG_ADMIN', 'PROVIDER'] as const)('a %s changes a main integration key', async (role) => {
    const { id } = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    expect((await call(keys[role], `PUT /v2/api_keys/${id}`, { body: { label: 'ours' } })).body.label).toBe('ours');
  });
});

/** A key that can change keys, and is narrow in one way; one that is wider; and a change that would make it narrow. */
const DIMENSIONS: [string, Record<string, unknown>, Record<string, unknown>, RegExp][] = [
  ['permissions', READ_AND_MANAGE, { has_restricted_permissions: false, permissions: [] }, /business_edit/],
  ['networks', OFFICE, { ip_whitelist: [] }, /ip_whitelist/],
  ['expiry', DATED, { expiration_date: null }, /2999-06-15/],
];

describe.each(DIMENSIONS)('a change is measured by %s', (_, narrow, wide, message) => {
  test('before: a wider key is not changed, not even to be narrow', async () => {
    const caller = await createKey(keys.ORG_ADMIN, narrow);
    const target = await createKey(keys.ORG_ADMIN, wide);
    expectOutOfReach(await put(caller.api_key, target.id, narrow), message);
    expectOutOfReach(await put(caller.api_key, target.id, { label: 'renamed' }), message);
  });

  test('after: a narrow key is not made wide', async () => {
    const caller = await createKey(keys.ORG_ADMIN, narrow);
    const target = await createKey(keys.ORG_ADMIN, narrow);
    expectOutOfReach(await put(caller.api_key, target.id, wide), message);
  });

  test('on itself: a key does not widen itself', async () => {
    const caller = await createKey(keys.ORG_ADMIN, narrow);
    expectOutOfReach(await put(caller.api_key, caller.id, wide), message);
  });

  test('for a main integration key too', async () => {
    const caller = await createKey(keys.ORG_ADMIN, narrow);
    const target = await createKey(keys.ORG_ADMIN, { ...wide, user_type: 'bot' });
    expectOutOfReach(await put(caller.api_key, target.id, narrow), message);
  });

  test('and a change within reach is made', async () => {
    const caller = await createKey(keys.ORG_ADMIN, narrow);
    const target = await createKey(keys.ORG_ADMIN, narrow);
    const { body } = await call(caller.api_key, `PUT /v2/api_keys/${target.id}`, { body: { label: 'renamed' } });
    expect(body.label).toBe('renamed');
  });
});

describe('a key narrows itself', () => {
  test.each(DIMENSIONS)('in %s', async (_, narrow) => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    expect((await call(api_key, `PUT /v2/api_keys/${id}`, { body: narrow })).body).toMatchObject(narrow);
  });
});

test('of a key as it stands the effective permissions count, not those stored', async () => {
  const { user_id } = await readCurrent(keys.GROUP_MANAGER);
  const stored = ['api_key_read', 'user_read', 'user_manage'];
  const { id } = await createKey(keys.ORG_ADMIN, { user_id, has_restricted_permissions: true, permissions: stored });
  const { body } = await call(keys.GROUP_MANAGER, `PUT /v2/api_keys/${id}`, { body: { label: 'renamed' } });
  expect(body.label).toBe('renamed');
  expect((await readKey(keys.GROUP_MANAGER, id, '?include_all_permissions=true')).permissions).toEqual(stored);
});

test('a list of permissions put back to a key whose user has risen since is measured by what it is now', async () => {
  const { user_id } = await readCurrent(keys.BUSINESS_MANAGER);
  const stored = ['api_key_read', 'api_key_manage', 'user_read', 'user_manage'];
  const fields = { user_id, has_restricted_permissions: true, permissions: stored };
  const { id } = await createKey(keys.ORG_ADMIN, fields);
  const caller = await createKey(keys.BUSINESS_MANAGER, READ_AND_MANAGE);
  await alter("UPDATE users SET role = 'ORG_MANAGER' WHERE id = ?", user_id);
  const change = { has_restricted_permissions: true, permissions: ['api_key_read', 'api_key_manage', 'user_read'] };
  expectOutOfReach(await put(caller.api_key, id, change), /user_read/);
});
