import { beforeAll, describe, expect, test } from 'vitest';
import { call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid, expectOutOfReach } from '../support/expect-error.ts';
import { EFFECTIVE_BY, KEY_FIELDS } from '../support/key-fields.ts';
import { alter, countRows, readRows } from '../support/stored.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

function put(by: string, id: number, body: unknown) {
  return call(by, `PUT /v2/api_keys/${id}`, { body });
}

const FULL = {
  label: 'before',
  description: 'as it was',
  expiration_date: '2999-12-31',
  ip_whitelist: ['10.0.0.0/8'],
  has_restricted_permissions: true,
  permissions: ['review_read', 'review_reply'],
};

test.each<[string, Record<string, unknown>]>([
  ['the label', { label: 'after' }],
  ['the description', { description: 'as it is' }],
  ['the description to none', { description: null }],
  ['the expiration date', { expiration_date: '2998-01-01' }],
  ['the expiration date to none', { expiration_date: null }],
  ['the list', { ip_whitelist: ['192.0.2.7/24', '::1'] }],
  ['the list to none', { ip_whitelist: [] }],
  ['the permissions', { has_restricted_permissions: true, permissions: ['user_read'] }],
  ['the permissions to none', { has_restricted_permissions: true, permissions: [] }],
  ['several fields', { label: 'after', description: null, ip_whitelist: [] }],
])('%s can be changed, and the rest stays', async (_, change) => {
  const { api_key, ...made } = await createKey(keys.ORG_ADMIN, FULL);
  const { status, body } = await put(keys.ORG_ADMIN, made.id, change);
  expect(status).toBe(200);
  expect(body).toEqual({ ...made, ...change, effective_by: EFFECTIVE_BY });
  expect(Object.keys(body)).toEqual([...KEY_FIELDS, 'effective_by']);
  expect(await readKey(keys.ORG_ADMIN, made.id)).toEqual({ ...made, ...change });
});

test('a restriction can be lifted, and the list that comes with it is ignored', async () => {
  const { id } = await createKey(keys.ORG_ADMIN, FULL);
  await put(keys.ORG_ADMIN, id, { has_restricted_permissions: false, permissions: ['review_read'] });
  const { permissions } = await readCurrent(keys.ORG_ADMIN);
  expect(await readKey(keys.ORG_ADMIN, id)).toMatchObject({ has_restricted_permissions: false, permissions });
});

test('repeated permissions are not kept', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  const change = { has_restricted_permissions: true, permissions: ['user_read', 'user_read', 'review_read'] };
  expect((await put(keys.ORG_ADMIN, id, change)).body.permissions).toEqual(['user_read', 'review_read']);
});

test('a change is one row in the feed and one audit event that says what was and what is', async () => {
  const me = await readCurrent(keys.ORG_ADMIN);
  const { id } = await createKey(keys.ORG_ADMIN, FULL);
  const before = await countRows();
  await put(keys.ORG_ADMIN, id, { label: 'after', description: 'as it was' });
  expect(await countRows()).toEqual({
    ...before,
    key_changes: Number(before.key_changes) + 1,
    audit_events: Number(before.audit_events) + 1,
  });
  const [event] = await readRows('SELECT * FROM audit_events ORDER BY id DESC LIMIT 1');
  expect(event).toMatchObject({ action: 'api_key.changed', actor_user_id: me.user_id, api_key_id: id });
  expect(JSON.parse(String(event?.changes))).toEqual({ label: ['before', 'after'] });
});

test('what works with a key changes with it', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  await readCurrent(api_key);
  await put(keys.ORG_ADMIN, id, { ip_whitelist: ['192.0.2.0/24'] });
  expect((await call(api_key, 'GET /v2/api_keys/current')).body.code).toBe('IP_NOT_ALLOWED');
  expect((await call(api_key, 'GET /v2/api_keys/current', { ip: '192.0.2.9' })).status).toBe(200);
});

describe('what reading gave', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['of a plain key', {}, ''],
    ['of a key with everything', FULL, ''],
    ['of a key with everything, all permissions included', FULL, '?include_all_permissions=true'],
    ['of a main integration key', { user_type: 'bot' }, ''],
  ])('%s can be put back, and changes nothing', async (_, fields, query) => {
    const { id } = await createKey(keys.ORG_ADMIN, fields);
    const read = await readKey(keys.ORG_ADMIN, id, query);
    const before = await countRows();
    const { status, body } = await put(keys.ORG_ADMIN, id, read);
    expect(status).toBe(200);
    expect(body).toEqual({ ...(await readKey(keys.ORG_ADMIN, id)), effective_by: EFFECTIVE_BY });
    expect(await readKey(keys.ORG_ADMIN, id, query)).toEqual(read);
    expect(await countRows()).toEqual(before);
  });

  test('can be put back of a key whose date has come, and so other fields changed', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", id);
    const read = await readKey(keys.ORG_ADMIN, id);
    const { status, body } = await put(keys.ORG_ADMIN, id, { ...read, label: 'kept for the record' });
    expect(status).toBe(200);
    expect(body).toEqual({ ...read, label: 'kept for the record', effective_by: EFFECTIVE_BY });
  });

  test('holds read-only fields, which are ignored whatever they say', async () => {
    const { api_key, ...made } = await createKey(keys.ORG_ADMIN);
    const readOnly = {
      id: -1,
      user_id: 5,
      user_name: [],
      user_role: 'PROVIDER',
      user_type: 'bot',
      disabled: true,
      last_used_at: 'never',
      created_by: null,
      created_by_name: {},
      created_at: 0,
      revoked_by: 'someone',
      revoked_by_name: 'someone',
      revoked_at: 'yesterday',
      org_id: 1,
      key_hint: 'lk_…',
      status: 'disabled',
      paused_at: 'now',
      effective_by: 'tomorrow',
    };
    const { status, body } = await put(keys.ORG_ADMIN, made.id, { ...readOnly, label: 'after' });
    expect(status).toBe(200);
    expect(body).toEqual({ ...made, label: 'after', effective_by: EFFECTIVE_BY });
  });
});

describe('of a restricted key whose user lacks some of its permissions', () => {
  const STORED = ['user_manage', 'user_read', 'api_key_read'];
  const SHOWN = ['user_read', 'api_key_read'];

  async function makeKey() {
    const { user_id } = await readCurrent(keys.GROUP_MANAGER);
    const fields = { user_id, has_restricted_permissions: true, permissions: STORED };
    return createKey(keys.ORG_ADMIN, fields);
  }

  async function storedOf(id: number) {
    return (await readKey(keys.GROUP_MANAGER, id, '?include_all_permissions=true')).permissions;
  }

  test('the filtered list put back leaves what was stored alone', async () => {
    const { id } = await makeKey();
    const read = await readKey(keys.GROUP_MANAGER, id);
    expect(read.permissions).toEqual(SHOWN);
    const { status, body } = await put(keys.GROUP_MANAGER, id, { ...read, label: 'after' });
    expect(status).toBe(200);
    expect(body.permissions).toEqual(SHOWN);
    expect(await storedOf(id)).toEqual(STORED);
  });

  test('the whole list put back leaves what was stored alone', async () => {
    const { id } = await makeKey();
    const read = await readKey(keys.GROUP_MANAGER, id, '?include_all_permissions=true');
    expect((await put(keys.GROUP_MANAGER, id, read)).status).toBe(200);
    expect(await storedOf(id)).toEqual(STORED);
  });

  test('another list takes the place of what was stored', async () => {
    const { id } = await makeKey();
    await put(keys.GROUP_MANAGER, id, { has_restricted_permissions: true, permissions: ['user_read'] });
    expect(await storedOf(id)).toEqual(['user_read']);
  });

  test('another list is measured by all that would be stored', async () => {
    const { id } = await makeKey();
    const permissions = [...STORED, 'review_read'];
    const answer = await put(keys.GROUP_MANAGER, id, { has_restricted_permissions: true, permissions });
    expectOutOfReach(answer, /user_manage/);
    expect(await storedOf(id)).toEqual(STORED);
  });

  test('what has left the catalogue stays stored when what is shown is put back', async () => {
    const { id } = await makeKey();
    await alter('UPDATE api_keys SET permissions = ? WHERE id = ?', JSON.stringify(['retired', ...STORED]), id);
    const read = await readKey(keys.GROUP_MANAGER, id);
    expect((await put(keys.GROUP_MANAGER, id, read)).status).toBe(200);
    expect(await storedOf(id)).toEqual(['retired', ...STORED]);
  });

  test('what has left the catalogue can be put back with the whole list', async () => {
    const { id } = await makeKey();
    await alter('UPDATE api_keys SET permissions = ? WHERE id = ?', JSON.stringify(['retired', ...STORED]), id);
    const read = await readKey(keys.GROUP_MANAGER, id, '?include_all_permissions=true');
    expect((await put(keys.GROUP_MANAGER, id, read)).status).toBe(200);
    expect(await storedOf(id)).toEqual(['retired', ...STORED]);
  });

  test('what depends on something only since it was stored can be put back, shown or whole, and not on another key', async () => {
    const { id } = await makeKey();
    const stored = ['user_manage', 'business_edit_name'];
    await alter('UPDATE api_keys SET permissions = ? WHERE id = ?', JSON.stringify(stored), id);
    for (const query of ['', '?include_all_permissions=true']) {
      const read = await readKey(keys.GROUP_MANAGER, id, query);
      expect((await put(keys.GROUP_MANAGER, id, { ...read, label: 'after' })).status).toBe(200);
      expect(await storedOf(id)).toEqual(stored);
    }
    const whole = await makeKey();
    const without = { has_restricted_permissions: true, permissions: ['user_manage', 'api_key_read'] };
    expectInvalid(await put(keys.GROUP_MANAGER, whole.id, without), ['permissions.0']);
  });
});

test('nothing to change changes nothing', async () => {
  const { api_key, ...made } = await createKey(keys.ORG_ADMIN, FULL);
  const before = await countRows();
  const { status, body } = await put(keys.ORG_ADMIN, made.id, {});
  expect(status).toBe(200);
  expect(body).toEqual({ ...made, effective_by: EFFECTIVE_BY });
  expect(await countRows()).toEqual(before);
});

test('a revoked key cannot be changed', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
  const read = await readKey(keys.ORG_ADMIN, id);
  const answer = await put(keys.ORG_ADMIN, id, { label: 'back again' });
  expect(answer.status).toBe(400);
  expect(answer.body.code).toBe('INVALID_REQUEST');
  expectInvalid(answer, Object.keys(answer.body.errors.json));
  expect(await readKey(keys.ORG_ADMIN, id)).toEqual(read);
});

test('a revoked key cannot be changed by putting back what reading gave', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
  expect((await put(keys.ORG_ADMIN, id, await readKey(keys.ORG_ADMIN, id))).status).toBe(400);
});

test.each(['2020-01-02', '2019-12-31'])('a key whose date has come is not given another past one, %s', async (date) => {
  const { id } = await createKey(keys.ORG_ADMIN);
  await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", id);
  expectInvalid(await put(keys.ORG_ADMIN, id, { expiration_date: date }), ['expiration_date']);
});

test('a key whose date has come works again with a date to come', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", id);
  expect((await call(api_key, 'GET /v2/api_keys/current')).body.code).toBe('EXPIRED');
  expect((await put(keys.ORG_ADMIN, id, { expiration_date: '2999-12-31' })).body.status).toBe('active');
  expect((await call(api_key, 'GET /v2/api_keys/current')).status).toBe(200);
});
