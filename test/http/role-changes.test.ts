import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type PermissionName, permissionsOfRole } from '../../src/domain/permissions/permissions.ts';
import { call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectForbidden, expectUnauthenticated } from '../support/expect-error.ts';
import { changeUser, createPerson, newUser, type Person } from '../support/people.ts';
import { readRows } from '../support/stored.ts';

/*
 * What becomes of a user’s keys when the user changes. Everything here happens in one isolate, which has the keys in
 * its memory: nothing waits for anything.
 */

const STORED: PermissionName[] = ['api_key_verify', 'user_read', 'user_manage', 'api_key_read', 'api_key_manage'];
const LEFT: PermissionName[] = ['user_read', 'api_key_read', 'api_key_manage'];

let keys: RoleKeys;
let person: Person;
let restricted: { id: number; api_key: string };
beforeAll(async () => {
  keys = await deploy();
});
beforeEach(async () => {
  const { org_id } = await readCurrent(keys.ORG_ADMIN);
  person = await createPerson(keys.PROVIDER, 'ORG_ADMIN', org_id);
  restricted = await createKey(person.key, { has_restricted_permissions: true, permissions: STORED });
  // In use: this isolate has both keys in memory.
  await readCurrent(person.key);
  await readCurrent(restricted.api_key);
});

const demote = () => changeUser(keys.ORG_ADMIN, person.id, { role: 'BUSINESS_MANAGER' });
const promote = () => changeUser(keys.ORG_ADMIN, person.id, { role: 'ORG_ADMIN' });

describe('when a user’s role goes down', () => {
  test('the very next call of an unrestricted key has the permissions of the new role', async () => {
    await demote();
    expect(await readCurrent(person.key)).toMatchObject({
      user_role: 'BUSINESS_MANAGER',
      permissions: [...permissionsOfRole('BUSINESS_MANAGER')],
    });
  });

  test('the very next call of a restricted key has what is left of its list, in its order', async () => {
    await demote();
    expect(await readCurrent(restricted.api_key)).toMatchObject({ user_role: 'BUSINESS_MANAGER', permissions: LEFT });
  });

  test('the very next call that needs more is refused', async () => {
    expect((await call(person.key, 'POST /v2/user', { body: newUser({ role: 'PUBLISHER' }) })).status).toBe(200);
    await demote();
    const answer = await call(person.key, 'POST /v2/user', { body: newUser({ role: 'PUBLISHER' }) });
    expectForbidden(answer, 'PERMISSION_DENIED');
  });

  test('the very next call no longer has the reach of the role either', async () => {
    const { id } = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    expect((await call(person.key, `GET /v2/api_keys/${id}`)).status).toBe(200);
    await demote();
    expect((await call(person.key, `GET /v2/api_keys/${id}`)).status).toBe(404);
  });

  test('its keys are shown with the new role and with what they can do', async () => {
    await demote();
    const shown = { user_role: 'BUSINESS_MANAGER', has_restricted_permissions: true, permissions: LEFT };
    expect(await readKey(keys.ORG_ADMIN, restricted.id)).toMatchObject(shown);
    const { body } = await call(person.key, 'GET /v2/api_keys');
    expect(body.api_keys[0]).toMatchObject({ id: restricted.id, ...shown });
    expect(body.api_keys[1]).toMatchObject({
      id: person.keyId,
      has_restricted_permissions: false,
      permissions: [...permissionsOfRole('BUSINESS_MANAGER')],
    });
  });

  test('include_all_permissions still shows what was stored', async () => {
    await demote();
    const all = '?include_all_permissions=true';
    expect((await readKey(person.key, restricted.id, all)).permissions).toEqual(STORED);
    const { body } = await call(person.key, `GET /v2/api_keys${all}`);
    expect(body.api_keys[0]).toMatchObject({ id: restricted.id, permissions: STORED });
    // What it can do is what it says of itself, whatever is stored.
    expect((await readCurrent(restricted.api_key)).permissions).toEqual(LEFT);
  });

  test('further down, nothing may be left', async () => {
    const none: PermissionName[] = ['api_key_verify', 'user_read'];
    const key = await createKey(person.key, { has_restricted_permissions: true, permissions: none });
    await changeUser(keys.ORG_ADMIN, person.id, { role: 'PUBLISHER' });
    expect((await readCurrent(key.api_key)).permissions).toEqual([]);
    expect((await readKey(keys.ORG_ADMIN, key.id, '?include_all_permissions=1')).permissions).toEqual(none);
  });

  test('it is one row in the feed, and one audit event that says from what to what', async () => {
    const [before] = await readRows('SELECT max(seq) AS seq FROM key_changes');
    await demote();
    const feed = await readRows('SELECT api_key_id, user_id FROM key_changes WHERE seq > ?', Number(before?.seq));
    expect(feed).toEqual([{ api_key_id: null, user_id: person.id }]);
    const events = await readRows(
      "SELECT org_id, changes FROM audit_events WHERE user_id = ? AND action = 'user.changed'",
      person.id,
    );
    expect(events).toEqual([{ org_id: person.orgId, changes: '{"role":["ORG_ADMIN","BUSINESS_MANAGER"]}' }]);
  });
});

describe('when the role goes up again', () => {
  test('the very next calls have everything back', async () => {
    await demote();
    await readCurrent(person.key);
    await readCurrent(restricted.api_key);
    await promote();
    expect((await readCurrent(person.key)).permissions).toEqual([...permissionsOfRole('ORG_ADMIN')]);
    expect((await readCurrent(restricted.api_key)).permissions).toEqual(STORED);
    expect((await readKey(person.key, restricted.id)).permissions).toEqual(STORED);
  });

  test('a key that was unused in between has everything back, too', async () => {
    await demote();
    await promote();
    expect((await readCurrent(restricted.api_key)).permissions).toEqual(STORED);
  });
});

describe('a demoted user', () => {
  beforeEach(demote);

  const put = (id: number, body: unknown) => call(person.key, `PUT /v2/api_keys/${id}`, { body });
  const stored = async () =>
    (await readKey(keys.ORG_ADMIN, restricted.id, '?include_all_permissions=true')).permissions;

  test('renames its key, and what was stored stays', async () => {
    const { status, body } = await put(restricted.id, { label: 'renamed' });
    expect(status).toBe(200);
    expect(body).toMatchObject({ label: 'renamed', permissions: LEFT });
    expect(await stored()).toEqual(STORED);
  });

  test.each([
    ['filtered', ''],
    ['whole', '?include_all_permissions=true'],
  ])('puts back what it read, %s, and what was stored stays', async (_, query) => {
    const read = await readKey(person.key, restricted.id, query);
    const { status, body } = await put(restricted.id, { ...read, label: 'renamed' });
    expect(status).toBe(200);
    expect(body).toMatchObject({ label: 'renamed', permissions: LEFT });
    expect(await stored()).toEqual(STORED);
    await promote();
    expect((await readCurrent(restricted.api_key)).permissions).toEqual(STORED);
  });

  test('puts back its unrestricted key, and it stays unrestricted', async () => {
    const read = await readKey(person.key, person.keyId);
    expect((await put(person.keyId, read)).status).toBe(200);
    await promote();
    expect((await readCurrent(person.key)).permissions).toEqual([...permissionsOfRole('ORG_ADMIN')]);
  });

  test('may give the key a new list, and then that is what is stored', async () => {
    const list = { has_restricted_permissions: true, permissions: ['api_key_read'] };
    expect((await put(restricted.id, list)).status).toBe(200);
    expect(await stored()).toEqual(['api_key_read']);
    await promote();
    expect((await readCurrent(restricted.api_key)).permissions).toEqual(['api_key_read']);
  });

  test('adds nothing to the list that its role lacks', async () => {
    const list = { has_restricted_permissions: true, permissions: [...LEFT, 'api_key_verify'] };
    expectForbidden(await put(restricted.id, list), 'PERMISSION_DENIED');
    expect(await stored()).toEqual(STORED);
  });
});

describe('when a user is disabled', () => {
  const disable = () => changeUser(keys.ORG_ADMIN, person.id, { disabled: true });
  const enable = () => changeUser(keys.ORG_ADMIN, person.id, { disabled: false });

  test('all its keys are refused at once', async () => {
    await disable();
    for (const key of [person.key, restricted.api_key]) {
      expectUnauthenticated(await call(key, 'GET /v2/api_keys/current'), 'USER_DISABLED');
    }
  });

  test('a key that is revoked says that first', async () => {
    await call(person.key, `POST /v2/api_keys/revoke/${restricted.id}`);
    await disable();
    expectUnauthenticated(await call(restricted.api_key, 'GET /v2/api_keys/current'), 'REVOKED');
  });

  test('its keys work again when it is enabled, at once', async () => {
    await disable();
    await call(person.key, 'GET /v2/api_keys/current');
    await enable();
    expect((await readCurrent(person.key)).permissions).toEqual([...permissionsOfRole('ORG_ADMIN')]);
    expect((await readCurrent(restricted.api_key)).permissions).toEqual(STORED);
  });

  test('its keys are shown as they were: it is not they that were disabled', async () => {
    await disable();
    expect(await readKey(keys.ORG_ADMIN, restricted.id)).toMatchObject({ disabled: false, status: 'active' });
  });

  test('the keys of others, and those that it made for them, go on working', async () => {
    const { user_id } = await readCurrent(keys.PUBLISHER);
    const given = await createKey(person.key, { user_id });
    const main = await createKey(person.key, { user_type: 'bot' });
    await disable();
    for (const key of [given.api_key, main.api_key, keys.PUBLISHER]) {
      expect((await call(key, 'GET /v2/api_keys/current')).status).toBe(200);
    }
  });

  test('a key that is made for it meanwhile is refused, and works when it is enabled', async () => {
    await disable();
    const { api_key } = await createKey(keys.ORG_ADMIN, { user_id: person.id });
    expectUnauthenticated(await call(api_key, 'GET /v2/api_keys/current'), 'USER_DISABLED');
    await enable();
    expect((await readCurrent(api_key)).user_id).toBe(person.id);
  });

  test('it is one row in the feed', async () => {
    const [before] = await readRows('SELECT max(seq) AS seq FROM key_changes');
    await disable();
    const feed = await readRows('SELECT api_key_id, user_id FROM key_changes WHERE seq > ?', Number(before?.seq));
    expect(feed).toEqual([{ api_key_id: null, user_id: person.id }]);
  });
});
