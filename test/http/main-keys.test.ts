import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { permissionsOfRole } from '../../src/domain/permissions/permissions.ts';
import { call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid, expectNotFound, expectUnauthenticated } from '../support/expect-error.ts';
import { changeUser, createOrganisation, createPerson, type Person } from '../support/people.ts';
import { readRows, writingNothing } from '../support/stored.ts';

/*
 * Keys that are not the maker’s own: main integration keys, linked to their organisation’s bot user, and keys that an
 * administrator makes for another user.
 */

let keys: RoleKeys;
let admin: Person;
let colleague: Person;
beforeAll(async () => {
  keys = await deploy();
});
beforeEach(async () => {
  const orgId = await createOrganisation(keys.PROVIDER);
  admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId);
  colleague = await createPerson(keys.PROVIDER, 'GROUP_MANAGER', orgId);
});

const botsOf = (orgId: number) => readRows("SELECT id, role FROM users WHERE org_id = ? AND type = 'bot'", orgId);

describe('a main integration key', () => {
  test('belongs to the organisation’s bot, and was created by who called', async () => {
    const key = await createKey(admin.key, { user_type: 'bot' });
    expect(key).toMatchObject({
      user_name: null,
      user_role: 'ORG_ADMIN',
      user_type: 'bot',
      org_id: admin.orgId,
      created_by: admin.id,
      created_by_name: 'First Last',
      has_restricted_permissions: false,
      permissions: [...permissionsOfRole('ORG_ADMIN')],
    });
    expect(key.user_id).not.toBe(admin.id);
    expect(await botsOf(admin.orgId)).toEqual([{ id: key.user_id, role: 'ORG_ADMIN' }]);
  });

  test('works as an ORG_ADMIN of its organisation', async () => {
    const key = await createKey(admin.key, { user_type: 'bot' });
    expect(await readCurrent(key.api_key)).toMatchObject({
      user_id: key.user_id,
      user_role: 'ORG_ADMIN',
      user_type: 'bot',
      org_id: admin.orgId,
    });
  });

  test('there is no bot before the first, and the second has the same', async () => {
    expect(await botsOf(admin.orgId)).toEqual([]);
    const first = await createKey(admin.key, { user_type: 'bot' });
    const second = await createKey(keys.PROVIDER, { user_type: 'bot', org_id: admin.orgId });
    expect(second.user_id).toBe(first.user_id);
    expect(await botsOf(admin.orgId)).toHaveLength(1);
  });

  test('twenty first ones at the same time make one bot and twenty keys', async () => {
    const made = await Promise.all(Array.from({ length: 20 }, () => createKey(admin.key, { user_type: 'bot' })));
    const [bot, ...others] = await botsOf(admin.orgId);
    expect(others).toEqual([]);
    expect(new Set(made.map((key) => key.user_id))).toEqual(new Set([bot?.id]));
    expect(new Set(made.map((key) => key.id)).size).toBe(20);
    expect(new Set(made.map((key) => key.api_key)).size).toBe(20);
    for (const { id, api_key } of made) expect((await readCurrent(api_key)).id).toBe(id);
  });

  test('each organisation has its own bot', async () => {
    const here = await createKey(admin.key, { user_type: 'bot' });
    const there = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    expect(there.user_id).not.toBe(here.user_id);
    expect(there.org_id).not.toBe(here.org_id);
  });

  test('a PROVIDER makes one for its own organisation unless it names another', async () => {
    const key = await createKey(keys.PROVIDER, { user_type: 'bot' });
    expect(key.org_id).toBe((await readCurrent(keys.PROVIDER)).org_id);
  });

  test('makes further main keys, by default', async () => {
    const first = await createKey(admin.key, { user_type: 'bot' });
    for (const fields of [{}, { user_type: 'bot' }]) {
      expect(await createKey(first.api_key, fields)).toMatchObject({
        user_id: first.user_id,
        user_type: 'bot',
        created_by: first.user_id,
      });
    }
  });

  test('outlives who made it', async () => {
    const key = await createKey(admin.key, { user_type: 'bot' });
    await createPerson(keys.PROVIDER, 'ORG_ADMIN', admin.orgId);
    await changeUser(keys.PROVIDER, admin.id, { disabled: true });
    expect((await readCurrent(key.api_key)).id).toBe(key.id);
    await call(keys.PROVIDER, `DELETE /v2/user/${admin.id}`);
    expect((await readCurrent(key.api_key)).id).toBe(key.id);
    expectUnauthenticated(await call(admin.key, 'GET /v2/api_keys/current'), 'UNKNOWN_KEY');
  });

  test('its bot does not count as an administrator', async () => {
    await createKey(admin.key, { user_type: 'bot' });
    const body = { role: 'ORG_MANAGER' };
    expectInvalid(await call(keys.PROVIDER, `POST /v2/user/${admin.id}`, { body }), ['role']);
  });

  test('its bot is in no list of users', async () => {
    const { user_id } = await createKey(admin.key, { user_type: 'bot' });
    const { body } = await call(admin.key, 'GET /v2/user/search');
    expect(body.count).toBe(2);
    expect(JSON.stringify(body)).not.toContain(user_id);
  });

  test.each<[string, () => Record<string, unknown>, string[]]>([
    ['a user', () => ({ user_type: 'bot', user_id: colleague.id }), ['user_id']],
    ['oneself', () => ({ user_type: 'bot', user_id: admin.id }), ['user_id']],
  ])('is for no person: %s is refused', async (_, fields, wrong) => {
    expectInvalid(
      await writingNothing(() => call(admin.key, 'POST /v2/api_keys', { body: { label: 'a key', ...fields() } })),
      wrong,
    );
  });

  test('is not made for an organisation that does not exist', async () => {
    const body = { label: 'a key', user_type: 'bot', org_id: 999_999 };
    expectNotFound(await writingNothing(() => call(keys.PROVIDER, 'POST /v2/api_keys', { body })));
  });

  test('a refused first one leaves no bot behind', async () => {
    const narrow = await createKey(admin.key, {
      has_restricted_permissions: true,
      permissions: ['api_key_read', 'api_key_manage'],
    });
    await call(narrow.api_key, 'POST /v2/api_keys', { body: { label: 'a key', user_type: 'bot' } });
    expect(await botsOf(admin.orgId)).toEqual([]);
  });
});

describe('a key for another user', () => {
  test.each<[string, () => string]>([
    ['an ORG_ADMIN', () => admin.key],
    ['a PROVIDER', () => keys.PROVIDER],
  ])('belongs to that user, and was created by %s', async (_, by) => {
    const maker = (await call(by(), 'GET /v2/user/me')).body;
    const key = await createKey(by(), { user_id: colleague.id });
    expect(key).toMatchObject({
      user_id: colleague.id,
      user_name: 'First Last',
      user_role: 'GROUP_MANAGER',
      user_type: 'user',
      org_id: admin.orgId,
      created_by: maker.id,
      created_by_name: `${maker.first_name} ${maker.last_name}`,
      permissions: [...permissionsOfRole('GROUP_MANAGER')],
    });
    expect(await readCurrent(key.api_key)).toMatchObject({ user_id: colleague.id, user_role: 'GROUP_MANAGER' });
    expect(await readKey(colleague.key, key.id)).toMatchObject({ id: key.id, created_by: maker.id });
  });

  test('is made by a main key, too', async () => {
    const main = await createKey(admin.key, { user_type: 'bot' });
    const key = await createKey(main.api_key, { user_id: colleague.id });
    expect(key).toMatchObject({ user_id: colleague.id, user_type: 'user', created_by: main.user_id });
  });

  test('is changed by that user, as its own', async () => {
    const { id } = await createKey(admin.key, { user_id: colleague.id });
    const body = { label: 'renamed', has_restricted_permissions: true, permissions: [] };
    expect((await call(colleague.key, `PUT /v2/api_keys/${id}`, { body })).status).toBe(200);
  });

  test('may be for who calls, by any role that makes keys', async () => {
    const key = await createKey(colleague.key, { user_id: colleague.id });
    expect(key).toMatchObject({ user_id: colleague.id, created_by: colleague.id });
  });

  test('may carry what that user has, and not what only the maker has', async () => {
    const list = { has_restricted_permissions: true, permissions: ['user_read', 'user_manage'] };
    const key = await createKey(admin.key, { user_id: colleague.id, ...list });
    expect((await readCurrent(key.api_key)).permissions).toEqual(['user_read']);
  });

  test.each<[string, () => string]>([
    ['that does not exist', () => '0123456789abcdef01234567'],
    ['of another organisation', () => elsewhere],
    ['that is the bot', () => bot],
  ])('is not made for a user %s', async (_, id) => {
    bot = (await createKey(admin.key, { user_type: 'bot' })).user_id;
    elsewhere = (await readCurrent(keys.PUBLISHER)).user_id;
    expectNotFound(
      await writingNothing(() => call(admin.key, 'POST /v2/api_keys', { body: { label: 'a key', user_id: id() } })),
    );
  });
  let bot: string;
  let elsewhere: string;
});
