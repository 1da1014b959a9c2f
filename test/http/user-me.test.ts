import { beforeAll, expect, test } from 'vitest';
import { ROLES } from '../../src/domain/permissions/roles.ts';
import { call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

test.each(ROLES)('a %s learns who it is', async (role) => {
  const me = await readCurrent(keys[role]);
  const { status, body } = await call(keys[role], 'GET /v2/user/me');
  expect(status).toBe(200);
  expect(body).toEqual({
    id: me.user_id,
    org_id: me.org_id,
    first_name: 'Demo',
    last_name: expect.stringMatching(/\S/),
    email: expect.stringMatching(/^\S+@demo\.example$/),
    role,
    status: 'invited',
    disabled: false,
    created_at: expect.any(Number),
  });
  expect(body.id).toMatch(/^[0-9a-f]{24}$/);
});

test('the fields are in the contract’s order, the moment in whole seconds', async () => {
  const { body } = await call(keys.PUBLISHER, 'GET /v2/user/me');
  expect(Object.keys(body)).toEqual([
    'id',
    'org_id',
    'first_name',
    'last_name',
    'email',
    'role',
    'status',
    'disabled',
    'created_at',
  ]);
  // Milliseconds would have three digits more.
  expect(String(body.created_at)).toMatch(/^[0-9]{10}$/);
});

test('no permission is needed', async () => {
  const { api_key } = await createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions: [] });
  expect((await call(api_key, 'GET /v2/user/me')).status).toBe(200);
});
