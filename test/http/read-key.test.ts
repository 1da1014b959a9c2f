import { beforeAll, expect, test } from 'vitest';
import { call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { KEY_FIELDS } from '../support/key-fields.ts';
import { alter } from '../support/stored.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

test('reading gives what creating gave, less the secret', async () => {
  const { api_key, ...made } = await createKey(keys.ORG_ADMIN, {
    label: 'Reviews',
    expiration_date: '2999-12-31',
    ip_whitelist: ['172.16.5.4/12'],
    has_restricted_permissions: true,
    permissions: ['review_read'],
  });
  const read = await readKey(keys.ORG_ADMIN, made.id);
  expect(read).toEqual(made);
  expect(Object.keys(read)).toEqual(KEY_FIELDS);
});

test.each<[string, string, string[]]>([
  ['are those that its user has', '', ['review_read']],
  ['are those that its user has when asked so', '?include_all_permissions=false', ['review_read']],
  ['are those stored when all are asked for', '?include_all_permissions=true', ['review_reply', 'review_read']],
])('the permissions of a restricted key %s', async (_, query, permissions) => {
  const { user_id } = await readCurrent(keys.PUBLISHER);
  const { id } = await createKey(keys.ORG_ADMIN, {
    user_id,
    has_restricted_permissions: true,
    permissions: ['review_reply', 'review_read'],
  });
  expect((await readKey(keys.PUBLISHER, id, query)).permissions).toEqual(permissions);
});

test('the permissions of a restricted key follow its user’s role', async () => {
  const { user_id } = await readCurrent(keys.GROUP_MANAGER);
  const { id } = await createKey(keys.ORG_ADMIN, {
    user_id,
    has_restricted_permissions: true,
    permissions: ['user_read', 'user_manage'],
  });
  expect((await readKey(keys.ORG_ADMIN, id)).permissions).toEqual(['user_read']);
  await alter("UPDATE users SET role = 'ORG_MANAGER' WHERE id = ?", user_id);
  expect(await readKey(keys.ORG_ADMIN, id)).toMatchObject({
    user_role: 'ORG_MANAGER',
    permissions: ['user_read', 'user_manage'],
  });
});

test.each(['', '?include_all_permissions=true'])(
  'the permissions of an unrestricted key are its user’s, in catalogue order, with the query %j',
  async (query) => {
    const me = await readCurrent(keys.PUBLISHER);
    expect((await readKey(keys.PUBLISHER, me.id, query)).permissions).toEqual(['review_read', 'api_key_read']);
  },
);

test.each<[string, string | null, boolean, string]>([
  ['a key without a date is active', null, false, 'active'],
  ['a key with a date to come is active', '2999-12-31', false, 'active'],
  ['a key whose date has come is expired, and not disabled', '2020-01-01', false, 'expired'],
  ['a revoked key is disabled', null, true, 'disabled'],
  ['a revoked key whose date has come is disabled', '2020-01-01', true, 'disabled'],
])('%s', async (_, date, revoked, status) => {
  const { id } = await createKey(keys.ORG_ADMIN);
  await alter('UPDATE api_keys SET expiration_date = ? WHERE id = ?', date, id);
  if (revoked) await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
  expect(await readKey(keys.ORG_ADMIN, id)).toMatchObject({ status, disabled: revoked, expiration_date: date });
});
