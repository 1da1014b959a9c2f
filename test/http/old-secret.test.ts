import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectOutOfReach } from '../support/expect-error.ts';
import { createUser, newUser } from '../support/people.ts';
import { writingNothing } from '../support/stored.ts';

/*
 * A secret that was rotated out goes on working for the overlap, so that what carries it can move over. Whoever stole it
 * must not get further by it: it calls and reads, and changes nothing but that it can end.
 */

let keys: RoleKeys;
let keyId: number;
let old: string;
let fresh: string;
let another: number;
let userId: string;

beforeAll(async () => {
  keys = await deploy();
});

beforeEach(async () => {
  const made = await createKey(keys.ORG_ADMIN);
  const rotated = await call(made.api_key, `POST /v2/api_keys/rotate/${made.id}`, { body: { overlap_seconds: 3600 } });
  expect(rotated.status).toBe(200);
  keyId = made.id;
  old = made.api_key;
  fresh = rotated.body.api_key;
  another = (await createKey(keys.ORG_ADMIN)).id;
  userId = await createUser(keys.ORG_ADMIN, { role: 'PUBLISHER' });
});

const WRITES: [string, () => [route: string, body?: unknown]][] = [
  ['see the new secret', () => [`GET /v2/api_keys/key/${keyId}`]],
  ['rotate its key again', () => [`POST /v2/api_keys/rotate/${keyId}`, { end_previous: true }]],
  ['rotate another key', () => [`POST /v2/api_keys/rotate/${another}`, {}]],
  ['make a key', () => ['POST /v2/api_keys', { label: 'next' }]],
  ['change its key', () => [`PUT /v2/api_keys/${keyId}`, { label: 'next' }]],
  ['revoke another key', () => [`POST /v2/api_keys/revoke/${another}`]],
  ['make a user', () => ['POST /v2/user', newUser()]],
  ['change a user', () => [`POST /v2/user/${userId}`, { first_name: 'Other' }]],
  ['invite a user', () => [`POST /v2/user/${userId}/invite`]],
  ['delete a user', () => [`DELETE /v2/user/${userId}`]],
];

function make(key: string, [route, body]: [route: string, body?: unknown]): Promise<Answer> {
  return call(key, route, body === undefined ? {} : { body });
}

describe('a secret within its overlap', () => {
  test.each(WRITES)('does not %s, and the new one does', async (_, attempt) => {
    const tried = attempt();
    expectOutOfReach(await writingNothing(() => make(old, tried)), /Use the new one/);
    expect((await make(fresh, tried)).status).toBeLessThan(300);
  });

  test('makes no organisation, as a PROVIDER’s new one does', async () => {
    const { id, api_key } = await createKey(keys.PROVIDER);
    const rotated = await call(api_key, `POST /v2/api_keys/rotate/${id}`, { body: { overlap_seconds: 3600 } });
    const tried = (by: string) => make(by, ['POST /v2/org', { name: 'Next' }]);
    expectOutOfReach(await writingNothing(() => tried(api_key)), /Use the new one/);
    expect((await tried(rotated.body.api_key)).status).toBe(200);
  });

  test('gives itself up, and the new one goes on', async () => {
    expect((await call(old, 'POST /v2/api_keys/revoke_current')).status).toBe(200);
    expect((await call(old, 'GET /v2/api_keys/current')).body.code).toBe('REVOKED');
    expect(await readCurrent(fresh)).toMatchObject({ id: keyId });
  });

  test('calls and reads as before', async () => {
    expect(await readCurrent(old)).toMatchObject({ id: keyId });
    expect((await call(old, `GET /v2/api_keys/${another}`)).status).toBe(200);
    expect((await call(old, 'GET /v2/api_keys')).status).toBe(200);
    expect((await call(old, 'POST /v2/api_keys/verify', { body: { api_key: fresh } })).body.valid).toBe(true);
    expect((await call(old, 'POST /v2/api_keys/find', { body: { api_key: old } })).body.id).toBe(keyId);
  });
});
