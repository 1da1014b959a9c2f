import { beforeAll, describe, expect, test } from 'vitest';
import { ROLES } from '../../src/domain/permissions/roles.ts';
import { call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectNotFound } from '../support/expect-error.ts';
import { EFFECTIVE_BY } from '../support/key-fields.ts';
import { changeUser, createOrganisation, createUser, deleteUser, newUser, readUser } from '../support/people.ts';
import { alter, readRows, writingNothing } from '../support/stored.ts';

/** Fields of the published API that are not kept, of the types that it names, of its older ones, and of none. */
const NOT_KEPT: [string, unknown][] = [
  ['lang', 'fr'],
  ['lang', null],
  ['phone', '+33302060628'],
  ['phone', 33302060628],
  ['business_ids', ['5409c35a97bbc544d8e26737']],
  ['business_ids', []],
  ['group_ids', [1, 2]],
  ['sidebar_products', ['review_management']],
  ['sidebar_products', { any: [{ thing: null }] }],
];

let keys: RoleKeys;
let deploymentId: number;
let orgId: number;
beforeAll(async () => {
  keys = await deploy();
  deploymentId = (await readCurrent(keys.PROVIDER)).org_id;
  orgId = (await readCurrent(keys.ORG_ADMIN)).org_id;
});

describe('creating', () => {
  test('the answer is the id and nothing else', async () => {
    const answer = await call(keys.ORG_ADMIN, 'POST /v2/user', { body: newUser() });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ id: expect.stringMatching(/^[0-9a-f]{24}$/), status: 'success' });
  });

  test('what was given is what is read, with the least role by default', async () => {
    const id = await createUser(keys.ORG_ADMIN, { email: 'First.Last@test.example', first_name: 'É', last_name: '名' });
    const [stored] = await readRows('SELECT created_at FROM users WHERE id = ?', id);
    const user = await readUser(keys.ORG_ADMIN, id);
    expect(user).toEqual({
      id,
      org_id: orgId,
      first_name: 'É',
      last_name: '名',
      email: 'First.Last@test.example',
      role: 'BUSINESS_MANAGER',
      status: 'invited',
      disabled: false,
      created_at: Math.floor(Number(stored?.created_at) / 1000),
    });
  });

  test('the fields of a user are in the contract’s order', async () => {
    const user = await readUser(keys.ORG_ADMIN, await createUser(keys.ORG_ADMIN));
    expect(Object.keys(user).join()).toBe('id,org_id,first_name,last_name,email,role,status,disabled,created_at');
  });

  test.each(ROLES)('a PROVIDER makes a %s in its own organisation', async (role) => {
    const id = await createUser(keys.PROVIDER, { role });
    expect(await readUser(keys.PROVIDER, id)).toMatchObject({ role, org_id: deploymentId });
  });

  test('a PROVIDER makes users in the organisation that it names', async () => {
    const id = await createUser(keys.PROVIDER, { org_id: orgId });
    expect(await readUser(keys.ORG_ADMIN, id)).toMatchObject({ org_id: orgId, role: 'BUSINESS_MANAGER' });
  });

  test('text is trimmed', async () => {
    const fields = { first_name: ' First\t', last_name: '\nLast ', email: ' trimmed@test.example ' };
    const id = await createUser(keys.ORG_ADMIN, fields);
    expect(await readUser(keys.ORG_ADMIN, id)).toMatchObject({
      first_name: 'First',
      last_name: 'Last',
      email: 'trimmed@test.example',
    });
  });

  test.each([...NOT_KEPT, ['send_invitation', true], ['send_invitation', 'False']] as [string, unknown][])(
    '%s as %j is accepted and not kept',
    async (field, value) => {
      const plain = await readUser(keys.ORG_ADMIN, await createUser(keys.ORG_ADMIN));
      const id = await createUser(keys.ORG_ADMIN, { [field]: value });
      expect(Object.keys(await readUser(keys.ORG_ADMIN, id))).toEqual(Object.keys(plain));
      const events = await readRows('SELECT changes FROM audit_events WHERE user_id = ?', id);
      expect(events).toHaveLength(1);
      expect(JSON.stringify(events)).not.toContain(field);
    },
  );

  test('all that the published API takes but a password makes a user', async () => {
    const id = await createUser(keys.ORG_ADMIN, {
      role: 'BUSINESS_MANAGER',
      ...Object.fromEntries(NOT_KEPT),
      send_invitation: true,
    });
    expect(await readUser(keys.ORG_ADMIN, id)).toMatchObject({ role: 'BUSINESS_MANAGER', status: 'invited' });
  });

  test('a main key makes users, too', async () => {
    const main = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    const id = await createUser(main.api_key, { role: 'ORG_ADMIN' });
    expect(await readUser(keys.ORG_ADMIN, id)).toMatchObject({ org_id: orgId, role: 'ORG_ADMIN' });
  });
});

describe('changing', () => {
  test('the answer is the id and nothing else', async () => {
    const id = await createUser(keys.ORG_ADMIN);
    const answer = await call(keys.ORG_ADMIN, `POST /v2/user/${id}`, { body: { first_name: 'Renamed' } });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ id, status: 'success', effective_by: EFFECTIVE_BY });
  });

  test.each<[string, Record<string, unknown>]>([
    ['the first name', { first_name: 'Renamed' }],
    ['the last name', { last_name: 'Renamed' }],
    ['the email', { email: 'renamed@test.example' }],
    ['the letter case of its own email', { email: 'CASE@test.example' }],
    ['the role', { role: 'GROUP_MANAGER' }],
    ['that it is disabled', { disabled: true }],
    ['several fields at once', { first_name: 'Renamed', role: 'ORG_MANAGER', disabled: true }],
    ['nothing', {}],
  ])('only what is given changes: %s', async (_, fields) => {
    const id = await createUser(keys.ORG_ADMIN, { email: 'case@test.example' });
    const before = await readUser(keys.ORG_ADMIN, id);
    await changeUser(keys.ORG_ADMIN, id, fields);
    expect(await readUser(keys.ORG_ADMIN, id)).toEqual({ ...before, ...fields });
    await deleteUser(keys.ORG_ADMIN, id);
  });

  test.each(NOT_KEPT)('%s as %j is accepted and not kept', async (field, value) => {
    const id = await createUser(keys.ORG_ADMIN);
    const before = await readUser(keys.ORG_ADMIN, id);
    await changeUser(keys.ORG_ADMIN, id, { [field]: value, first_name: 'Renamed' });
    expect(await readUser(keys.ORG_ADMIN, id)).toEqual({ ...before, first_name: 'Renamed' });
  });

  describe('a user as it was read can be sent back', () => {
    test.each<[string, (id: string) => Promise<unknown>]>([
      ['as it was made', async () => {}],
      ['once it is disabled', (id) => changeUser(keys.ORG_ADMIN, id, { disabled: true })],
      ['once it has signed in', (id) => alter('UPDATE users SET signed_in_at = 1700000000000 WHERE id = ?', id)],
      ['made within a second', (id) => alter('UPDATE users SET created_at = 1700000000999 WHERE id = ?', id)],
    ])('%s: nothing changes, and nothing is written', async (_, happen) => {
      const id = await createUser(keys.ORG_ADMIN, { role: 'ORG_MANAGER' });
      await happen(id);
      const read = await readUser(keys.ORG_ADMIN, id);
      const answer = await writingNothing(() => call(keys.ORG_ADMIN, `POST /v2/user/${id}`, { body: read }));
      expect([answer.status, answer.body]).toEqual([200, { id, status: 'success', effective_by: EFFECTIVE_BY }]);
      expect(await readUser(keys.ORG_ADMIN, id)).toEqual(read);
    });

    test('with a change, which is made', async () => {
      const id = await createUser(keys.ORG_ADMIN);
      const changed = { ...(await readUser(keys.ORG_ADMIN, id)), last_name: 'Changed', role: 'PUBLISHER' };
      await changeUser(keys.ORG_ADMIN, id, changed);
      expect(await readUser(keys.ORG_ADMIN, id)).toEqual(changed);
    });

    test('by a PROVIDER from elsewhere, as a search found it', async () => {
      const id = await createUser(keys.ORG_ADMIN, { email: 'sent-back@test.example' });
      const { users } = (await call(keys.PROVIDER, `GET /v2/user/search?org_id=${orgId}&email=sent-back@test.example`))
        .body;
      await changeUser(keys.PROVIDER, id, users[0]);
      expect(await readUser(keys.ORG_ADMIN, id)).toEqual(users[0]);
    });
  });

  test('a user is enabled again', async () => {
    const id = await createUser(keys.ORG_ADMIN);
    await changeUser(keys.ORG_ADMIN, id, { disabled: true });
    await changeUser(keys.ORG_ADMIN, id, { disabled: false });
    expect(await readUser(keys.ORG_ADMIN, id)).toMatchObject({ disabled: false });
  });

  test('one may change oneself', async () => {
    const { user_id } = await readCurrent(keys.ORG_ADMIN);
    await changeUser(keys.ORG_ADMIN, user_id, { last_name: 'Renamed' });
    expect((await call(keys.ORG_ADMIN, 'GET /v2/user/me')).body).toMatchObject({ last_name: 'Renamed' });
  });

  test('a new name is the name on the user’s keys', async () => {
    const id = await createUser(keys.ORG_ADMIN);
    const key = await createKey(keys.ORG_ADMIN, { user_id: id });
    expect(key.user_name).toBe('First Last');
    await changeUser(keys.ORG_ADMIN, id, { first_name: 'Renamed' });
    expect((await call(keys.ORG_ADMIN, `GET /v2/api_keys/${key.id}`)).body.user_name).toBe('Renamed Last');
  });

  test('two changes of different fields at the same time both stay', async () => {
    const id = await createUser(keys.ORG_ADMIN);
    await Promise.all([
      changeUser(keys.ORG_ADMIN, id, { first_name: 'One' }),
      changeUser(keys.ORG_ADMIN, id, { last_name: 'Other' }),
    ]);
    expect(await readUser(keys.ORG_ADMIN, id)).toMatchObject({ first_name: 'One', last_name: 'Other' });
  });
});

describe('deleting', () => {
  test('the answer is the id and nothing else', async () => {
    const id = await createUser(keys.ORG_ADMIN);
    const answer = await call(keys.ORG_ADMIN, `DELETE /v2/user/${id}`);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ id, status: 'success', effective_by: EFFECTIVE_BY });
  });

  test('a user who is gone is not found', async () => {
    const id = await createUser(keys.ORG_ADMIN);
    await deleteUser(keys.ORG_ADMIN, id);
    expectNotFound(await call(keys.ORG_ADMIN, `GET /v2/user/${id}`));
    expectNotFound(await call(keys.ORG_ADMIN, `POST /v2/user/${id}`, { body: { first_name: 'Renamed' } }));
    expectNotFound(await call(keys.ORG_ADMIN, `DELETE /v2/user/${id}`));
  });

  test('the email of a user who is gone is free', async () => {
    await deleteUser(keys.ORG_ADMIN, await createUser(keys.ORG_ADMIN, { email: 'again@test.example' }));
    const id = await createUser(keys.ORG_ADMIN, { email: 'AGAIN@test.example' });
    expect(await readUser(keys.ORG_ADMIN, id)).toMatchObject({ email: 'AGAIN@test.example' });
  });

  test('of two who delete the same user, both are answered, and it happens once', async () => {
    const id = await createUser(keys.ORG_ADMIN);
    const answers = await Promise.all([1, 2].map(() => call(keys.ORG_ADMIN, `DELETE /v2/user/${id}`)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 404]);
    const deletions = await readRows("SELECT id FROM audit_events WHERE action = 'user.deleted' AND user_id = ?", id);
    expect(deletions).toHaveLength(1);
  });
});

describe('“me”', () => {
  test('for a main key is the bot user', async () => {
    const main = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    const { status, body } = await call(main.api_key, 'GET /v2/user/me');
    expect(status).toBe(200);
    expect(body).toEqual({
      id: main.user_id,
      org_id: orgId,
      first_name: null,
      last_name: null,
      email: null,
      role: 'ORG_ADMIN',
      status: expect.stringMatching(/^(active|invited)$/),
      disabled: false,
      created_at: expect.any(Number),
    });
  });
});

test('a user of a new organisation is read by its administrator', async () => {
  const org = await createOrganisation(keys.PROVIDER);
  const admin = await createUser(keys.PROVIDER, { org_id: org, role: 'ORG_ADMIN' });
  const { api_key } = await createKey(keys.PROVIDER, { user_id: admin });
  expect(await readUser(api_key, admin)).toMatchObject({ id: admin, org_id: org });
});
