import { beforeAll, describe, expect, test } from 'vitest';
import { call, createKey, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { openLocation } from '../support/location.ts';

/*
 * A location that has not heard yet of a change to the key that calls there. Its verdicts may be as old as the bound;
 * what it lets a key write, or see, would outlive that.
 */

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

const WIDE = { has_restricted_permissions: true, permissions: ['api_key_read', 'api_key_manage', 'review_read'] };
const NARROW = { has_restricted_permissions: true, permissions: ['api_key_read', 'api_key_manage'] };

/** A key that a location has in memory as it was, and that has been changed elsewhere since. */
async function changedBehind(location: ReturnType<typeof openLocation>, change: (id: number) => Promise<unknown>) {
  const made = await createKey(keys.ORG_ADMIN, { label: 'stale', ...WIDE });
  expect((await location.current(made.api_key)).status).toBe(200);
  await change(made.id);
  // The location has not heard: it verifies by what it knew.
  expect((await location.current(made.api_key)).body.permissions).toEqual(WIDE.permissions);
  return made;
}

const narrow = (id: number) => call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: NARROW });
const revoke = (id: number) => call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);

test('a key that was narrowed does not take back what it had where that is not known yet', async () => {
  const location = openLocation();
  const made = await changedBehind(location, narrow);
  const answer = await location.call(made.api_key, `PUT /v2/api_keys/${made.id}`, { body: WIDE });
  expect(answer).toMatchObject({ status: 403, body: { code: 'PERMISSION_DENIED' } });
  expect((await readKey(keys.ORG_ADMIN, made.id)).permissions).toEqual(NARROW.permissions);
});

test('nor does it make a key with what it had', async () => {
  const location = openLocation();
  const made = await changedBehind(location, narrow);
  const answer = await location.call(made.api_key, 'POST /v2/api_keys', { body: { label: 'next', ...WIDE } });
  expect(answer).toMatchObject({ status: 403, body: { code: 'PERMISSION_DENIED' } });
});

describe('a key that was revoked, where that is not known yet,', () => {
  test.each([
    ['makes no key', 'POST /v2/api_keys', { label: 'next', ...NARROW }],
    ['changes no key', 'PUT /v2/api_keys/{id}', { label: 'next' }],
    ['rotates no key', 'POST /v2/api_keys/rotate/{id}', {}],
    ['sees no key', 'GET /v2/api_keys/key/{id}', undefined],
    ['revokes no key', 'POST /v2/api_keys/revoke/{id}', undefined],
    ['makes no user', 'POST /v2/user', { email: 'next@stale.example', first_name: 'Next', last_name: 'User' }],
  ])('%s', async (_, route, body) => {
    const location = openLocation();
    const made = await changedBehind(location, revoke);
    const another = await createKey(keys.ORG_ADMIN, NARROW);
    const answer = await location.call(made.api_key, route.replace('{id}', another.id), { body });
    expect(answer).toMatchObject({ status: 401, body: { code: 'REVOKED' } });
  });
});

test('without the primary nothing is written, and nothing seen', async () => {
  const location = openLocation();
  const made = await createKey(keys.ORG_ADMIN, WIDE);
  expect((await location.current(made.api_key)).status).toBe(200);
  location.d1 = 'rejects';
  const answer = await location.call(made.api_key, `GET /v2/api_keys/key/${made.id}`);
  expect(answer).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
});
