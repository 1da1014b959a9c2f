import { beforeAll, expect, test } from 'vitest';
import { PERMISSION_NAMES, type PermissionName } from '../../src/domain/permissions/permissions.ts';
import { type CallOptions, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectForbidden, expectOutOfReach } from '../support/expect-error.ts';
import { form } from '../support/form.ts';
import { createUser, newUser } from '../support/people.ts';

/*
 * Which permission each call needs: with the widest key that lacks it the call is refused, and with the narrowest one
 * that has it the call goes through. What is made or changed can do nothing, or no more than a PUBLISHER, so that
 * reach has no say.
 */

let keys: RoleKeys;
let orgId: number;
beforeAll(async () => {
  keys = await deploy();
  orgId = (await readCurrent(keys.ORG_ADMIN)).org_id;
});

/** What each permission has to come with. */
const NEEDED: Record<string, PermissionName[]> = {
  api_key_read: ['api_key_read'],
  api_key_manage: ['api_key_read', 'api_key_manage'],
  api_key_verify: ['api_key_verify'],
  user_read: ['user_read'],
  user_manage: ['user_read', 'user_manage'],
};
/** What a key needs besides to make and change a PUBLISHER. */
const OF_PUBLISHER: string[] = ['review_read', 'api_key_read'];

const CALLS: Record<string, () => Promise<{ path: string } & CallOptions>> = {
  'GET /v2/api_keys': async () => ({ path: '' }),
  'GET /v2/api_keys/{id}': async () => ({ path: `/${(await narrowKey([])).id}` }),
  'POST /v2/api_keys/find': async () => ({ path: '', body: { api_key: (await narrowKey([])).api_key } }),
  'POST /v2/api_keys': async () => ({
    path: '',
    body: { label: 'a key', has_restricted_permissions: true, permissions: [] },
  }),
  'PUT /v2/api_keys/{id}': async () => ({ path: `/${(await narrowKey([])).id}`, body: { label: 'renamed' } }),
  'POST /v2/api_keys/revoke/{id}': async () => ({ path: `/${(await narrowKey([])).id}` }),
  'POST /v2/api_keys/pause/{id}': async () => ({ path: `/${(await narrowKey([])).id}` }),
  'POST /v2/api_keys/resume/{id}': async () => ({ path: `/${(await narrowKey([])).id}` }),
  'GET /v2/api_keys/key/{id}': async () => ({ path: `/${(await narrowKey([])).id}` }),
  'POST /v2/api_keys/rotate/{id}': async () => ({ path: `/${(await narrowKey([])).id}`, body: {} }),
  'POST /v2/api_keys/overlap/{id}': async () => {
    const { id } = await narrowKey([]);
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { body: { overlap_seconds: 3600 } });
    return { path: `/${id}`, body: { overlap_seconds: 7200 } };
  },
  'POST /v2/api_keys/explain/{id}': async () => ({ path: `/${(await narrowKey([])).id}`, body: {} }),
  'POST /v2/api_keys/rehearse/{id}': async () => ({
    path: `/${(await narrowKey([])).id}`,
    body: { revoke: true },
  }),
  'POST /v2/api_keys/verify': async () => ({ path: '', body: { api_key: (await narrowKey([])).api_key } }),
  'POST /v2/introspect': async () => ({ path: '', ...form({ token: (await narrowKey([])).api_key }) }),
  'GET /v2/user/search': async () => ({ path: '' }),
  'GET /v2/user/search/count': async () => ({ path: '' }),
  'GET /v2/user/{id}': async () => ({ path: `/${await publisher()}` }),
  'POST /v2/user': async () => ({ path: '', body: newUser({ role: 'PUBLISHER' }) }),
  'POST /v2/user/{id}': async () => ({ path: `/${await publisher()}`, body: { first_name: 'Renamed' } }),
  'POST /v2/user/{id}/rehearse': async () => ({ path: `/${await publisher()}/rehearse`, body: { disabled: true } }),
  'DELETE /v2/user/{id}': async () => ({ path: `/${await publisher()}` }),
};

test.each([
  ['GET /v2/api_keys', 'api_key_read'],
  ['GET /v2/api_keys/{id}', 'api_key_read'],
  ['POST /v2/api_keys/find', 'api_key_read'],
  ['POST /v2/api_keys/explain/{id}', 'api_key_read'],
  ['POST /v2/api_keys/rehearse/{id}', 'api_key_read'],
  ['POST /v2/api_keys/verify', 'api_key_verify'],
  ['POST /v2/introspect', 'api_key_verify'],
  ['POST /v2/api_keys', 'api_key_manage'],
  ['PUT /v2/api_keys/{id}', 'api_key_manage'],
  ['POST /v2/api_keys/revoke/{id}', 'api_key_manage'],
  ['POST /v2/api_keys/pause/{id}', 'api_key_manage'],
  ['POST /v2/api_keys/resume/{id}', 'api_key_manage'],
  ['GET /v2/api_keys/key/{id}', 'api_key_manage'],
  ['POST /v2/api_keys/rotate/{id}', 'api_key_manage'],
  ['POST /v2/api_keys/overlap/{id}', 'api_key_manage'],
  ['GET /v2/user/search', 'user_read'],
  ['GET /v2/user/search/count', 'user_read'],
  ['GET /v2/user/{id}', 'user_read'],
  ['POST /v2/user/{id}', 'user_manage'],
  ['POST /v2/user/{id}/rehearse', 'user_manage'],
  ['DELETE /v2/user/{id}', 'user_manage'],
])('%s needs %s', async (route, permission) => {
  const dependents = Object.keys(NEEDED).filter((name) => NEEDED[name]?.some((needed) => needed === permission));
  const without = await narrowKey(PERMISSION_NAMES.filter((name) => !dependents.includes(name)));
  expectForbidden(await make(route, without.api_key), 'PERMISSION_DENIED');

  const needed = [...new Set([...(NEEDED[permission] ?? []), ...(permission === 'user_manage' ? OF_PUBLISHER : [])])];
  const justWith = await narrowKey(needed);
  expect((await make(route, justWith.api_key)).status).toBeLessThan(300);
});

test('POST /v2/user needs user_manage, and a key that nothing narrows', async () => {
  const without = await narrowKey(PERMISSION_NAMES.filter((name) => name !== 'user_manage'));
  expectForbidden(await make('POST /v2/user', without.api_key), 'PERMISSION_DENIED');
  const withAll = await narrowKey(PERMISSION_NAMES);
  expectOutOfReach(await make('POST /v2/user', withAll.api_key), /nothing narrows/);
  expect((await make('POST /v2/user', keys.ORG_ADMIN)).status).toBe(200);
});

test('POST /v2/user/{id}/invite needs user_manage, and a key that nothing narrows', async () => {
  const route = `POST /v2/user/${await publisher()}/invite`;
  const without = await narrowKey(PERMISSION_NAMES.filter((name) => name !== 'user_manage'));
  expectForbidden(await call(without.api_key, route), 'PERMISSION_DENIED');
  const withAll = await narrowKey(PERMISSION_NAMES);
  expectOutOfReach(await call(withAll.api_key, route), /nothing narrows/);
  expect((await call(keys.ORG_ADMIN, route)).status).toBe(200);
});

test.each(['GET /v2/api_keys/current', 'GET /v2/user/me', 'GET /v2/permissions'])(
  '%s needs no permission',
  async (route) => {
    const { api_key } = await narrowKey([]);
    expect((await call(api_key, route)).status).toBe(200);
  },
);

test('giving up the key that calls needs no permission', async () => {
  const { api_key } = await narrowKey([]);
  expect((await call(api_key, 'POST /v2/api_keys/revoke_current')).status).toBe(200);
});

test('reading one’s own organisation needs no permission', async () => {
  const { api_key } = await narrowKey([]);
  expect((await call(api_key, `GET /v2/org/${orgId}`)).status).toBe(200);
});

async function make(route: string, key: string) {
  const { path, ...options } = (await CALLS[route]?.()) ?? { path: '' };
  return call(key, route.replace(/\/\{id\}.*/, '') + path, options);
}

function narrowKey(permissions: readonly string[]) {
  return createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions });
}

function publisher(): Promise<string> {
  return createUser(keys.ORG_ADMIN, { role: 'PUBLISHER' });
}
