import { beforeAll, expect, test } from 'vitest';
import { call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { countRows } from '../support/stored.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

test('a key learns what it is and what it may do', async () => {
  const made = await createKey(keys.ORG_ADMIN, {
    label: 'mine',
    ip_whitelist: ['10.0.0.0/8'],
    expiration_date: '2999-12-31',
    has_restricted_permissions: true,
    permissions: ['review_reply', 'review_read'],
  });
  const answer = await call(made.api_key, 'GET /v2/api_keys/current', { ip: '10.1.2.3' });
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({
    id: made.id,
    label: 'mine',
    org_id: made.org_id,
    user_id: made.user_id,
    user_role: 'ORG_ADMIN',
    user_type: 'user',
    expiration_date: '2999-12-31',
    ip_whitelist: ['10.0.0.0/8'],
    permissions: ['review_reply', 'review_read'],
    client_ip: '10.1.2.3',
  });
});

test('its fields are in the contract’s order', async () => {
  expect(Object.keys(await readCurrent(keys.PUBLISHER))).toEqual([
    'id',
    'label',
    'org_id',
    'user_id',
    'user_role',
    'user_type',
    'expiration_date',
    'ip_whitelist',
    'permissions',
    'client_ip',
  ]);
});

test.each([
  ['an IPv6 address', '2001:db8::7'],
  ['no address', null],
])('the client’s address is told as seen: %s', async (_, ip) => {
  const answer = await call(keys.ORG_ADMIN, 'GET /v2/api_keys/current', { ip });
  expect(answer.body.client_ip).toBe(ip);
});

test('no permission is needed', async () => {
  const { api_key } = await createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions: [] });
  expect((await call(api_key, 'GET /v2/api_keys/current')).status).toBe(200);
});

test('a change of the key is seen by its next call', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  await readCurrent(api_key);
  await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, {
    body: { label: 'renamed', has_restricted_permissions: true, permissions: ['user_read'] },
  });
  expect(await readCurrent(api_key)).toMatchObject({ label: 'renamed', permissions: ['user_read'] });
});

test('asking writes nothing', async () => {
  const before = await countRows();
  await readCurrent(keys.ORG_ADMIN);
  expect(await countRows()).toEqual(before);
});
