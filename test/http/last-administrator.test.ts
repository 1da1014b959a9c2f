import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid } from '../support/expect-error.ts';
import {
  changeUser,
  countInOffice,
  createOrganisation,
  createPerson,
  deleteUser,
  type Person,
} from '../support/people.ts';
import { readRows, writingNothing } from '../support/stored.ts';

/*
 * An organisation keeps one enabled ORG_ADMIN, and the deployment one enabled PROVIDER.
 */

/** The ways in which an administrator can stop being one. */
const WAYS: [string, (by: string, id: string) => Promise<Answer>][] = [
  ['demoted', (by, id) => call(by, `POST /v2/user/${id}`, { body: { role: 'PUBLISHER' } })],
  ['disabled', (by, id) => call(by, `POST /v2/user/${id}`, { body: { disabled: true } })],
  [
    'demoted and disabled',
    (by, id) => call(by, `POST /v2/user/${id}`, { body: { role: 'PUBLISHER', disabled: true } }),
  ],
  ['deleted', (by, id) => call(by, `DELETE /v2/user/${id}`)],
];

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

function expectRefused(answer: Answer): void {
  expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 400, code: 'INVALID_REQUEST' });
}

describe('the last ORG_ADMIN of an organisation', () => {
  let orgId: number;
  let admin: Person;
  beforeEach(async () => {
    orgId = await createOrganisation(keys.PROVIDER);
    admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId);
  });

  test.each(WAYS)('is not %s', async (_, remove) => {
    expectRefused(await writingNothing(() => remove(keys.PROVIDER, admin.id)));
  });

  test('does not step down', async () => {
    expectInvalid(await call(admin.key, `POST /v2/user/${admin.id}`, { body: { role: 'ORG_MANAGER' } }), ['role']);
    expect(await countInOffice('ORG_ADMIN', orgId)).toBe(1);
  });

  test.each(WAYS)('is not %s when there are others who do not count', async (_, remove) => {
    await createKey(admin.key, { user_type: 'bot' });
    const disabled = await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId);
    await changeUser(admin.key, disabled.id, { disabled: true });
    await createPerson(keys.PROVIDER, 'ORG_MANAGER', orgId);
    await createPerson(keys.PROVIDER, 'ORG_ADMIN', await createOrganisation(keys.PROVIDER));
    expectRefused(await remove(keys.PROVIDER, admin.id));
    expect(await countInOffice('ORG_ADMIN', orgId)).toBe(1);
  });

  test.each(WAYS)('is %s once there is another one', async (_, remove) => {
    const another = await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId);
    expect((await remove(keys.PROVIDER, admin.id)).status).toBe(200);
    expectRefused(await remove(keys.PROVIDER, another.id));
    expect(await countInOffice('ORG_ADMIN', orgId)).toBe(1);
  });

  test('is renamed all the same', async () => {
    await changeUser(admin.key, admin.id, { first_name: 'Renamed', role: 'ORG_ADMIN', disabled: false });
    expect(await readRows('SELECT first_name FROM users WHERE id = ?', admin.id)).toEqual([{ first_name: 'Renamed' }]);
  });

  test('who is disabled already may be demoted and deleted', async () => {
    const another = await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId);
    const third = await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId);
    for (const { id } of [another, third]) await changeUser(admin.key, id, { disabled: true });
    await changeUser(admin.key, another.id, { role: 'PUBLISHER' });
    await deleteUser(admin.key, third.id);
    expect(await countInOffice('ORG_ADMIN', orgId)).toBe(1);
  });

  test('others go freely', async () => {
    const manager = await createPerson(keys.PROVIDER, 'ORG_MANAGER', orgId);
    await deleteUser(admin.key, manager.id);
    expect(await countInOffice('ORG_MANAGER', orgId)).toBe(0);
  });
});

describe('the last PROVIDER of the deployment', () => {
  let orgId: number;
  let ownId: string;
  beforeAll(async () => {
    const own = await readCurrent(keys.PROVIDER);
    orgId = own.org_id;
    ownId = own.user_id;
    const disabled = await createPerson(keys.PROVIDER, 'PROVIDER');
    await changeUser(keys.PROVIDER, disabled.id, { disabled: true });
    await createPerson(keys.PROVIDER, 'ORG_ADMIN');
    await createKey(keys.PROVIDER, { user_type: 'bot' });
  });

  test.each(WAYS)('is not %s, though there is a disabled one', async (_, remove) => {
    expectRefused(await writingNothing(() => remove(keys.PROVIDER, ownId)));
    expect(await countInOffice('PROVIDER', orgId)).toBe(1);
  });

  test('is told that it is the last when it steps down', async () => {
    const answer = await call(keys.PROVIDER, `POST /v2/user/${ownId}`, { body: { role: 'ORG_ADMIN' } });
    expectInvalid(answer, ['role']);
    expect(answer.body.errors.json.role).toMatch(/PROVIDER/);
  });

  test.each(WAYS)('is left when another one is %s', async (_, remove) => {
    const another = await createPerson(keys.PROVIDER, 'PROVIDER');
    expect(await countInOffice('PROVIDER', orgId)).toBe(2);
    expect((await remove(keys.PROVIDER, another.id)).status).toBe(200);
    expect(await countInOffice('PROVIDER', orgId)).toBe(1);
  });

  test('steps down once there is another one, who calls it back', async () => {
    const another = await createPerson(keys.PROVIDER, 'PROVIDER');
    await changeUser(keys.PROVIDER, ownId, { role: 'ORG_ADMIN' });
    expect(await countInOffice('PROVIDER', orgId)).toBe(1);
    await changeUser(another.key, ownId, { role: 'PROVIDER' });
    await deleteUser(keys.PROVIDER, another.id);
    expect(await countInOffice('PROVIDER', orgId)).toBe(1);
  });
});
