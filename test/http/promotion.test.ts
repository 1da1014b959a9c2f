import { beforeAll, describe, expect, test } from 'vitest';
import type { Role } from '../../src/domain/permissions/roles.ts';
import { type Answer, call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { eventsOf } from '../support/events.ts';
import { expectOutOfReach } from '../support/expect-error.ts';
import { EFFECTIVE_BY } from '../support/key-fields.ts';
import { openIsolate } from '../support/own-isolate.ts';
import { changeUser, createOrganisation, createPerson, createUser, type Person } from '../support/people.ts';
import { countRows, writingNothing } from '../support/stored.ts';

/*
 * Who makes a key for someone else knows its secret. When that one is raised, the maker must not have made more of itself
 * than it could give.
 */

let keys: RoleKeys;
let orgId: number;
let admin: Person;
beforeAll(async () => {
  keys = await deploy();
});

/** An administrator in an organisation, and someone with a key that the administrator made, still as it was given out. */
async function madeFor(role: Role, inOwnOrganisation = true) {
  orgId = inOwnOrganisation ? await createOrganisation(keys.PROVIDER) : (await readCurrent(keys.PROVIDER)).org_id;
  // One more, so that the first can be demoted or disabled.
  await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId);
  admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId);
  const userId = await createUser(admin.key, { role });
  const made = await createKey(admin.key, { user_id: userId });
  await readCurrent(made.api_key);
  return { userId, keyId: made.id, key: made.api_key };
}

const raise = (by: string, userId: string, role: Role) => call(by, `POST /v2/user/${userId}`, { body: { role } });
const codeOf = async (key: string) => (await call(key, 'GET /v2/api_keys/current')).body.code ?? 'VALID';

describe('when a user is raised beyond what the maker of its key could give', () => {
  test('the key is revoked in the same transaction, named in the answer, and on record', async () => {
    const { userId, keyId, key } = await madeFor('BUSINESS_MANAGER', false);
    const { result, events } = await eventsOf(keys.PROVIDER, () => raise(keys.PROVIDER, userId, 'PROVIDER'));
    expect(result).toMatchObject({
      status: 200,
      body: { id: userId, status: 'success', revoked_api_keys: [{ id: keyId, label: 'a key' }] },
    });
    expect(await codeOf(key)).toBe('REVOKED');
    expect(await readKey(keys.PROVIDER, keyId)).toMatchObject({ status: 'disabled', revoked_by_name: 'Demo Provider' });
    expect(events.map(({ action }) => action)).toEqual(['user.changed', 'api_key.revoked']);
    expect(events[1]).toMatchObject({ api_key_id: keyId, user_id: userId, actor_name: 'Demo Provider' });
  });

  test.each<[string, () => Promise<unknown>]>([
    ['was demoted since', () => changeUser(keys.PROVIDER, admin.id, { role: 'ORG_MANAGER' })],
    ['was disabled since', () => changeUser(keys.PROVIDER, admin.id, { disabled: true })],
    ['was deleted since', () => call(keys.PROVIDER, `DELETE /v2/user/${admin.id}`)],
  ])('a maker that %s could give nothing', async (_, change) => {
    const { userId, keyId, key } = await madeFor('BUSINESS_MANAGER');
    await change();
    const answer = await raise(keys.PROVIDER, userId, 'ORG_ADMIN');
    expect(answer.body.revoked_api_keys).toEqual([{ id: keyId, label: 'a key' }]);
    expect(await codeOf(key)).toBe('REVOKED');
  });

  test('a key that its user has rotated since stays, and the secret that the maker knows ends', async () => {
    const { userId, keyId, key } = await madeFor('BUSINESS_MANAGER', false);
    const rotated = await call(key, `POST /v2/api_keys/rotate/${keyId}`, { body: { overlap_seconds: 3600 } });
    expect(await codeOf(key)).toBe('VALID');
    const answer = await raise(keys.PROVIDER, userId, 'PROVIDER');
    expect(answer.body).toEqual({ id: userId, status: 'success', effective_by: EFFECTIVE_BY });
    expect(await codeOf(key)).toBe('REVOKED');
    expect(await codeOf(rotated.body.api_key)).toBe('VALID');
  });

  test('a key that someone revoked in the same millisecond has one event, and is not named', async () => {
    const { userId, keyId } = await madeFor('BUSINESS_MANAGER', false);
    const other = await createKey(admin.key, { user_id: userId });
    const isolate = openIsolate();
    const { result, events } = await eventsOf(keys.PROVIDER, async () => {
      expect((await isolate.call(keys.PROVIDER, `POST /v2/api_keys/revoke/${other.id}`)).status).toBe(200);
      return isolate.call(keys.PROVIDER, `POST /v2/user/${userId}`, { body: { role: 'PROVIDER' } });
    });
    expect(result.body.revoked_api_keys).toEqual([{ id: keyId, label: 'a key' }]);
    expect(events.map(({ action, api_key_id }) => [action, api_key_id])).toEqual([
      ['api_key.revoked', other.id],
      ['user.changed', null],
      ['api_key.revoked', keyId],
    ]);
  });

  test('a change that revokes nothing names nothing, whatever was revoked in the same millisecond', async () => {
    const { userId, keyId } = await madeFor('BUSINESS_MANAGER');
    const isolate = openIsolate();
    await isolate.call(keys.PROVIDER, `POST /v2/api_keys/revoke/${keyId}`);
    const answer = await isolate.call(keys.PROVIDER, `POST /v2/user/${userId}`, { body: { first_name: 'Other' } });
    expect(answer.body).toEqual({ id: userId, status: 'success', effective_by: EFFECTIVE_BY });
  });

  test('a key that its user made itself stays', async () => {
    const { userId, key } = await madeFor('BUSINESS_MANAGER', false);
    const own = await createKey(key);
    await raise(keys.PROVIDER, userId, 'PROVIDER');
    expect(await codeOf(own.api_key)).toBe('VALID');
  });

  test('nothing is revoked when the raise is refused', async () => {
    const { userId, key } = await madeFor('BUSINESS_MANAGER', false);
    expectOutOfReach(await writingNothing(() => raise(admin.key, userId, 'PROVIDER')), /PROVIDER/);
    const taken = { role: 'PROVIDER', email: admin.email };
    const before = await countRows();
    expect((await call(keys.PROVIDER, `POST /v2/user/${userId}`, { body: taken })).status).toBe(400);
    expect(await countRows()).toEqual(before);
    expect(await codeOf(key)).toBe('VALID');
  });
});

describe('a key that someone else made stays when', () => {
  test('the maker could give the new role too', async () => {
    const { userId, key } = await madeFor('BUSINESS_MANAGER');
    expect((await raise(admin.key, userId, 'ORG_ADMIN')).body).toEqual({
      id: userId,
      status: 'success',
      effective_by: EFFECTIVE_BY,
    });
    expect(await codeOf(key)).toBe('VALID');
  });

  test('the user is lowered, or only renamed', async () => {
    const { userId, key } = await madeFor('ORG_ADMIN');
    await changeUser(keys.PROVIDER, admin.id, { role: 'ORG_MANAGER' });
    await changeUser(keys.PROVIDER, userId, { first_name: 'Renamed' });
    await changeUser(keys.PROVIDER, userId, { role: 'PUBLISHER' });
    expect(await codeOf(key)).toBe('VALID');
  });
});

describe('a key with a list and an expiry that holds the open key of a user', () => {
  async function narrowKey(): Promise<string> {
    const made = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['203.0.113.0/24'], expiration_date: '2999-01-01' });
    return made.api_key;
  }

  test.each<[string, Record<string, unknown>]>([
    ['raise', { role: 'ORG_ADMIN' }],
    ['give another email to', { email: 'taken-over@test.example' }],
  ])('does not %s it', async (_, body) => {
    const { user_id } = await readCurrent(keys.GROUP_MANAGER);
    const tried = (by: string): Promise<Answer> => call(by, `POST /v2/user/${user_id}`, { body });
    const narrow = await narrowKey();
    expectOutOfReach(await writingNothing(() => tried(narrow)), /nothing narrows/);
  });

  test('does rename, lower, disable and delete one', async () => {
    const narrow = await narrowKey();
    const userId = await createUser(keys.ORG_ADMIN, { role: 'ORG_MANAGER' });
    await changeUser(narrow, userId, { first_name: 'Renamed', role: 'PUBLISHER' });
    await changeUser(narrow, userId, { disabled: true });
    expectOutOfReach(await call(narrow, `POST /v2/user/${userId}`, { body: { disabled: false } }), /nothing narrows/);
    expect((await call(narrow, `DELETE /v2/user/${userId}`)).status).toBe(200);
  });
});
