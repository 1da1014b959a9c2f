import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PERMISSION_NAMES } from '../../src/domain/permissions/permissions.ts';
import { type Answer, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectNotFound, expectOutOfReach } from '../support/expect-error.ts';
import { createPerson, freshEmail, newUser, type Person, readUser } from '../support/people.ts';
import { writingNothing } from '../support/stored.ts';

/*
 * The ways in which a user or a key could get at more than it has through users: a role, another's key, a change of
 * who someone is. As in escalation.test.ts, each attempt is then made by who may, and works.
 */

interface Attempt {
  route: string;
  body?: Record<string, unknown>;
}

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

const make = (key: string, { route, body }: Attempt): Promise<Answer> =>
  call(key, route, body === undefined ? {} : { body });

async function expectRefused(key: string, attempt: Attempt, message: RegExp): Promise<void> {
  expectOutOfReach(await writingNothing(() => make(key, attempt)), message);
}

const createUser = (fields: Record<string, unknown>): Attempt => ({ route: 'POST /v2/user', body: newUser(fields) });
const createKeyOf = (userId: string): Attempt => ({
  route: 'POST /v2/api_keys',
  body: { label: 'a key', user_id: userId },
});
const changeUser = ({ id }: { id: string }, body: Record<string, unknown>): Attempt => ({
  route: `POST /v2/user/${id}`,
  body,
});
/** What is done to a key by who reaches it. */
const ON_KEYS: [string, (keyId: number) => Attempt][] = [
  ['change', (id) => ({ route: `PUT /v2/api_keys/${id}`, body: { label: 'renamed' } })],
  ['see', (id) => ({ route: `GET /v2/api_keys/key/${id}` })],
  ['rotate', (id) => ({ route: `POST /v2/api_keys/rotate/${id}`, body: {} })],
];
const deleteUser = ({ id }: { id: string }): Attempt => ({ route: `DELETE /v2/user/${id}` });

describe('an ORG_ADMIN beside a PROVIDER, in the deployment’s own organisation', () => {
  let provider: Person;
  let colleague: Person;
  let admin: Person;
  let mainKey: string;
  beforeEach(async () => {
    provider = await createPerson(keys.PROVIDER, 'PROVIDER');
    colleague = await createPerson(keys.PROVIDER, 'PUBLISHER');
    admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN');
    mainKey = (await createKey(keys.PROVIDER, { user_type: 'bot' })).api_key;
  });

  const ATTEMPTS: [string, () => Attempt][] = [
    ['makes no key for the PROVIDER', () => createKeyOf(provider.id)],
    ['makes no PROVIDER', () => createUser({ role: 'PROVIDER' })],
    ['makes no PROVIDER of a colleague', () => changeUser(colleague, { role: 'PROVIDER' })],
    ['makes no PROVIDER of itself', () => changeUser(admin, { role: 'PROVIDER' })],
    ['does not take over the PROVIDER’s email', () => changeUser(provider, { email: freshEmail() })],
    ['does not take the PROVIDER’s role away', () => changeUser(provider, { role: 'ORG_ADMIN' })],
    ['does not disable the PROVIDER', () => changeUser(provider, { disabled: true })],
    ['does not delete the PROVIDER', () => deleteUser(provider)],
  ];

  test.each(ATTEMPTS)('%s', async (_, attempt) => {
    const tried = attempt();
    await expectRefused(admin.key, tried, /PROVIDER/);
    expect((await make(keys.PROVIDER, tried)).status).toBeLessThan(300);
  });

  test.each(ATTEMPTS)('%s with a main key', async (_, attempt) => {
    await expectRefused(mainKey, attempt(), /PROVIDER/);
  });

  test.each(ON_KEYS)('does not %s a key of the PROVIDER', async (_, attempt) => {
    const tried = attempt(provider.keyId);
    for (const key of [admin.key, mainKey]) await expectRefused(key, tried, /personal key/);
    expect((await make(provider.key, tried)).status).toBe(200);
  });

  test('gets a main key that is an ORG_ADMIN, whoever makes it', async () => {
    for (const by of [admin.key, provider.key, mainKey]) {
      const main = await createKey(by, { user_type: 'bot' });
      expect(await readCurrent(main.api_key)).toMatchObject({ user_type: 'bot', user_role: 'ORG_ADMIN' });
      expectNotFound(await call(main.api_key, `GET /v2/org/${(await readCurrent(keys.ORG_ADMIN)).org_id}`));
    }
  });

  test('does not revoke keys of the PROVIDER, the only one of the deployment included', async () => {
    for (const id of [provider.keyId, (await readCurrent(keys.PROVIDER)).id]) {
      for (const key of [admin.key, mainKey]) {
        await expectRefused(key, { route: `POST /v2/api_keys/revoke/${id}` }, /PROVIDER only/);
      }
    }
    // A PROVIDER does, and an ORG_ADMIN revokes the keys of everyone else.
    const ofColleague = await createKey(keys.PROVIDER, { user_id: colleague.id });
    expect((await make(admin.key, { route: `POST /v2/api_keys/revoke/${ofColleague.id}` })).status).toBe(200);
    expect((await make(keys.PROVIDER, { route: `POST /v2/api_keys/revoke/${provider.keyId}` })).status).toBe(200);
  });

  test('makes keys for colleagues and for other ORG_ADMINs, and changes them', async () => {
    const another = await createPerson(keys.PROVIDER, 'ORG_ADMIN');
    for (const tried of [
      createKeyOf(colleague.id),
      createKeyOf(another.id),
      changeUser(colleague, { role: 'ORG_ADMIN' }),
      deleteUser(another),
    ]) {
      expect((await make(admin.key, tried)).status).toBeLessThan(300);
    }
  });
});

describe('an ORG_ADMIN of another organisation', () => {
  test('finds no PROVIDER to make a key for', async () => {
    const { user_id } = await readCurrent(keys.PROVIDER);
    expectNotFound(await writingNothing(() => make(keys.ORG_ADMIN, createKeyOf(user_id))));
  });

  test('makes no PROVIDER', async () => {
    await expectRefused(keys.ORG_ADMIN, createUser({ role: 'PROVIDER' }), /PROVIDER/);
    const { user_id } = await readCurrent(keys.PUBLISHER);
    await expectRefused(keys.ORG_ADMIN, changeUser({ id: user_id }, { role: 'PROVIDER' }), /PROVIDER/);
  });

  test('makes no main key and no user in the deployment’s own organisation', async () => {
    const { org_id } = await readCurrent(keys.PROVIDER);
    const mainKey = { route: 'POST /v2/api_keys', body: { label: 'a key', user_type: 'bot', org_id } };
    for (const attempt of [mainKey, createUser({ org_id })]) {
      await expectRefused(keys.ORG_ADMIN, attempt, /PROVIDER/);
      expect((await make(keys.PROVIDER, attempt)).status).toBeLessThan(300);
    }
  });
});

describe('an ORG_MANAGER', () => {
  let equal: Person;
  let below: Person;
  beforeEach(async () => {
    const { org_id } = await readCurrent(keys.ORG_MANAGER);
    equal = await createPerson(keys.PROVIDER, 'ORG_MANAGER', org_id);
    below = await createPerson(keys.PROVIDER, 'GROUP_MANAGER', org_id);
  });

  test.each<[string, () => Attempt, RegExp]>([
    ['makes no ORG_ADMIN', () => createUser({ role: 'ORG_ADMIN' }), /ORG_ADMIN/],
    ['makes no equal', () => createUser({ role: 'ORG_MANAGER' }), /ORG_MANAGER/],
    ['raises no one to an equal', () => changeUser(below, { role: 'ORG_MANAGER' }), /ORG_MANAGER/],
    ['lowers no equal', () => changeUser(equal, { role: 'PUBLISHER' }), /ORG_MANAGER/],
    ['renames no equal', () => changeUser(equal, { first_name: 'Renamed' }), /ORG_MANAGER/],
    ['deletes no equal', () => deleteUser(equal), /ORG_MANAGER/],
    ['makes no key for those below', () => createKeyOf(below.id), /ORG_ADMIN/],
    [
      'makes no main key',
      () => ({ route: 'POST /v2/api_keys', body: { label: 'a key', user_type: 'bot' } }),
      /ORG_ADMIN/,
    ],
  ])('%s', async (_, attempt, message) => {
    const tried = attempt();
    await expectRefused(keys.ORG_MANAGER, tried, message);
    expect((await make(keys.ORG_ADMIN, tried)).status).toBeLessThan(300);
  });
});

describe('a key of an ORG_ADMIN with restricted permissions', () => {
  const USERS_ONLY: string[] = ['user_read', 'user_manage'];
  const PUBLISHERS: string[] = [...USERS_ONLY, 'review_read', 'api_key_read'];

  let usersOnly: string;
  let publishers: string;
  let orgAdmin: Person;
  let publisher: Person;
  beforeEach(async () => {
    const { org_id } = await readCurrent(keys.ORG_ADMIN);
    usersOnly = await keyWith(USERS_ONLY);
    publishers = await keyWith(PUBLISHERS);
    orgAdmin = await createPerson(keys.PROVIDER, 'ORG_ADMIN', org_id);
    publisher = await createPerson(keys.PROVIDER, 'PUBLISHER', org_id);
  });

  async function keyWith(permissions: string[]): Promise<string> {
    return (await createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions })).api_key;
  }

  test.each<[string, () => Attempt]>([
    ['makes no ORG_ADMIN', () => createUser({ role: 'ORG_ADMIN' })],
    ['makes no BUSINESS_MANAGER, not by default either', () => createUser({})],
    ['makes no ORG_ADMIN of a PUBLISHER', () => changeUser(publisher, { role: 'ORG_ADMIN' })],
    ['makes no PUBLISHER of an ORG_ADMIN', () => changeUser(orgAdmin, { role: 'PUBLISHER' })],
    ['does not take over an ORG_ADMIN’s email', () => changeUser(orgAdmin, { email: freshEmail() })],
    ['does not disable an ORG_ADMIN', () => changeUser(orgAdmin, { disabled: true })],
    ['does not delete an ORG_ADMIN', () => deleteUser(orgAdmin)],
  ])('%s, whatever it may do with users', async (_, attempt) => {
    const tried = attempt();
    await expectRefused(usersOnly, tried, /review_read/);
    await expectRefused(publishers, tried, /business_edit/);
    expect((await make(keys.ORG_ADMIN, tried)).status).toBeLessThan(300);
  });

  test.each<[string, () => Attempt]>([
    ['change', () => changeUser(publisher, { first_name: 'Renamed' })],
    ['disable', () => changeUser(publisher, { disabled: true })],
    ['delete', () => deleteUser(publisher)],
  ])('needs all that a PUBLISHER can do to %s one', async (_, attempt) => {
    const tried = attempt();
    await expectRefused(usersOnly, tried, /review_read/);
    expect((await make(publishers, tried)).status).toBe(200);
  });

  test.each<[string, () => Attempt]>([
    ['makes no PUBLISHER', () => createUser({ role: 'PUBLISHER' })],
    ['gives a PUBLISHER no other email', () => changeUser(publisher, { email: freshEmail() })],
  ])('%s, though it has all that one can do: the user’s own keys would be unrestricted', async (_, attempt) => {
    const tried = attempt();
    await expectRefused(publishers, tried, /list of permissions/);
    expect((await make(keys.ORG_ADMIN, tried)).status).toBe(200);
  });

  test('enables no PUBLISHER that was disabled', async () => {
    expect((await make(publishers, changeUser(publisher, { disabled: true }))).status).toBe(200);
    const enable = changeUser(publisher, { disabled: false });
    await expectRefused(publishers, enable, /list of permissions/);
    expect((await make(keys.ORG_ADMIN, enable)).status).toBe(200);
  });

  test('reads users, whoever they are', async () => {
    expect(await readUser(usersOnly, orgAdmin.id)).toMatchObject({ role: 'ORG_ADMIN' });
  });
});

describe.each<[string, Record<string, unknown>, RegExp]>([
  ['a list of all permissions', { has_restricted_permissions: true, permissions: PERMISSION_NAMES }, /has a list/],
  ['an allowlist', { ip_whitelist: ['203.0.113.0/24'] }, /restricted to addresses/],
  ['an expiry', { expiration_date: '2999-12-31' }, /expires/],
])('a key of an ORG_ADMIN with %s and nothing else that narrows it', (_, fields, message) => {
  test.each<[string, (userId: string) => Attempt]>([
    ['makes no user', () => createUser({ role: 'PUBLISHER' })],
    ['raises no one', (id) => changeUser({ id }, { role: 'BUSINESS_MANAGER' })],
    ['gives no one another email', (id) => changeUser({ id }, { email: freshEmail() })],
    ['enables no one', (id) => changeUser({ id }, { disabled: false })],
  ])('%s, and an open one does', async (__, attempt) => {
    const { api_key } = await createKey(keys.ORG_ADMIN, fields);
    const { body } = await make(keys.ORG_ADMIN, createUser({ role: 'PUBLISHER' }));
    expect((await make(api_key, changeUser(body, { disabled: true }))).status).toBe(200);
    const tried = attempt(body.id);
    await expectRefused(api_key, tried, message);
    expect((await make(keys.ORG_ADMIN, tried)).status).toBe(200);
  });
});

describe('who makes a key for another', () => {
  test.each(ON_KEYS)('does not get to %s it afterwards', async (_, attempt) => {
    const { user_id } = await readCurrent(keys.GROUP_MANAGER);
    const { id } = await createKey(keys.ORG_ADMIN, { user_id });
    for (const by of [keys.ORG_ADMIN, keys.PROVIDER]) await expectRefused(by, attempt(id), /personal key/);
    expect((await make(keys.GROUP_MANAGER, attempt(id))).status).toBe(200);
  });
});
