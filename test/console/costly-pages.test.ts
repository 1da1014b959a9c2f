import { beforeAll, describe, expect, test } from 'vitest';
import { type Browser, signIn } from '../support/browser.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { createUser, readUser } from '../support/people.ts';

/*
 * What goes through thousands of rows in the console has the limit that it has in the API, and nothing else waits for
 * that limit: least of all what takes rights away.
 */

let keys: RoleKeys;
let admin: Browser;
beforeAll(async () => {
  keys = await deploy();
  admin = await signIn(keys.ORG_ADMIN);
});

const refusing = { limit: async () => ({ success: false }) };
/** Someone who has used up the limit of costly reads. */
const USED_UP = { env: { RATE_LIMIT: 'on', READ_RATE_LIMIT: refusing } } as const;

async function makeUser() {
  const id = await createUser(keys.ORG_ADMIN);
  const { first_name, last_name, email, role } = await readUser(keys.ORG_ADMIN, id);
  const values = { first_name: String(first_name), last_name: String(last_name), email: String(email) };
  return { id, values: { ...values, role: String(role) } };
}

describe('who has used up the limit of costly reads', () => {
  test.each([
    '/console/audit',
    '/console/keys?search_text=x',
    '/console/users?query=x',
    '/console/keys/:key',
    '/console/keys/:key/see',
    '/console/keys/:key/change?suggested=true',
  ])('does not get %s', async (path) => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const answer = await admin.open(path.replace(':key', id), USED_UP);
    expect(answer.status).toBe(429);
    expect(answer.headers.get('Retry-After')).toBe('60');
  });

  test('rehearses nothing', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    for (const next of ['rehearse', 'keep:192.0.2.0/24']) {
      const answer = await admin.post(`/console/keys/${id}/change`, { label: 'a', next }, USED_UP);
      expect(answer.status).toBe(429);
    }
    const user = await makeUser();
    for (const disabled of ['true', 'false']) {
      const fields = { ...user.values, disabled, next: 'rehearse' };
      expect((await admin.post(`/console/users/${user.id}`, fields, USED_UP)).status).toBe(429);
    }
  });

  test('still opens the pages of acts, without the numbers, and changes, pauses, rotates and revokes', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    for (const act of ['change', 'rotate', 'pause', 'revoke']) {
      expect((await admin.open(`/console/keys/${id}/${act}`, USED_UP)).status).toBe(200);
    }
    expect((await admin.post(`/console/keys/${id}/change`, { label: 'Renamed' }, USED_UP)).status).toBe(303);
    expect((await admin.post(`/console/keys/${id}/pause`, {}, USED_UP)).status).toBe(303);
    expect((await admin.post(`/console/keys/${id}/revoke`, {}, USED_UP)).status).toBe(200);
    expect((await call(api_key, 'GET /v2/api_keys/current')).body.code).toBe('REVOKED');
    const user = await makeUser();
    expect((await admin.post(`/console/users/${user.id}`, { ...user.values, disabled: 'true' }, USED_UP)).status).toBe(
      303,
    );
  });
});

describe('who has used up the general limit', () => {
  const NO_CALLS = { env: { RATE_LIMIT: 'on', USER_RATE_LIMIT: refusing } } as const;

  test('rehearses no disabling, and looks up no key that is pasted', async () => {
    const user = await makeUser();
    const csrf = await admin.csrfToken();
    const fields = { csrf, ...user.values, disabled: 'true', next: 'rehearse' };
    expect((await admin.postRaw(`/console/users/${user.id}`, fields, NO_CALLS)).status).toBe(429);
    const { api_key } = await createKey(keys.ORG_ADMIN);
    const search = { csrf, search_text: api_key };
    expect((await admin.postRaw('/console/keys/search', search, NO_CALLS)).status).toBe(429);
  });

  test('still revokes and pauses keys, ends an overlap, disables and deletes users', async () => {
    const user = await makeUser();
    const { id } = await createKey(keys.ORG_ADMIN);
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { body: { overlap_seconds: 3600 } });
    const csrf = await admin.csrfToken();
    const post = (path: string, fields = {}) => admin.postRaw(path, { csrf, ...fields }, NO_CALLS);
    expect((await post(`/console/keys/${id}/overlap`, { overlap: '0' })).status).toBe(303);
    expect((await post(`/console/keys/${id}/pause`)).status).toBe(303);
    expect((await post(`/console/keys/${id}/revoke`)).status).toBe(200);
    expect((await post(`/console/users/${user.id}`, { ...user.values, disabled: 'true' })).status).toBe(303);
    expect((await post(`/console/users/${user.id}/delete`)).status).toBe(303);
    expect((await post('/console/users', user.values)).status).toBe(429);
  });
});
