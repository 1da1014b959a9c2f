import { beforeAll, describe, expect, test } from 'vitest';
import { type Browser, signIn } from '../support/browser.ts';
import { createKey, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { readPageForm } from '../support/page-form.ts';
import { changeUser, createPerson, createUser, readUser } from '../support/people.ts';
import { alter } from '../support/stored.ts';

/*
 * Someone opens the form of a key or a user, changes one field or none, and saves. What was not touched stays as it is,
 * also what the form cannot show.
 */

let keys: RoleKeys;
let admin: Browser;
beforeAll(async () => {
  keys = await deploy();
  admin = await signIn(keys.ORG_ADMIN);
});

async function save(browser: Browser, path: string, changes: [string, string][] = []): Promise<number> {
  const fields = await readPageForm(String((await browser.open(path)).body), path);
  const changed = fields.map(([name, value]): [string, string] => [
    name,
    changes.find(([other]) => other === name)?.[1] ?? value,
  ]);
  return (await browser.postRaw(path, changed)).status;
}

const ALL = '?include_all_permissions=true';

describe('the form of a key that was not touched', () => {
  const KEYS: [string, Record<string, unknown>][] = [
    ['with addresses of both families', { ip_whitelist: ['172.16.5.4/12', '2001:db8::/48', '::ffff:192.0.2.1'] }],
    ['with a description of several lines', { description: 'One line\n\n\tand another, with a tab' }],
    ['without a description, without an end', {}],
    ['with a date', { expiration_date: '2999-12-31' }],
    [
      'with permissions in an order of its own',
      { has_restricted_permissions: true, permissions: ['user_read', 'review_reply', 'api_key_read', 'review_read'] },
    ],
    ['that may do nothing', { has_restricted_permissions: true, permissions: [] }],
    ['with text that looks like markup', { label: '"><b>&amp;</textarea>', description: "</textarea>'&lt;" }],
  ];

  test.each(KEYS)('changes nothing of a key %s', async (_, fields) => {
    const { id } = await createKey(keys.ORG_ADMIN, fields);
    const before = await readKey(keys.ORG_ADMIN, id, ALL);
    expect(await save(admin, `/console/keys/${id}/change`)).toBe(303);
    expect(await readKey(keys.ORG_ADMIN, id, ALL)).toEqual(before);
  });

  test('changes nothing of a key that has expired', async () => {
    const { id } = await createKey(keys.ORG_ADMIN, { expiration_date: '2999-12-31' });
    await alter("UPDATE api_keys SET expiration_date = '2026-01-02' WHERE id = ?", id);
    expect(await save(admin, `/console/keys/${id}/change`, [['label', 'Renamed']])).toBe(303);
    expect(await readKey(keys.ORG_ADMIN, id)).toMatchObject({ label: 'Renamed', expiration_date: '2026-01-02' });
  });

  test('keeps permissions that its user has lost, and may be given again', async () => {
    const person = await createPerson(keys.PROVIDER, 'ORG_MANAGER');
    const permissions = ['user_read', 'user_manage', 'review_read'];
    const { id } = await createKey(person.key, { has_restricted_permissions: true, permissions });
    await changeUser(keys.PROVIDER, person.id, { role: 'BUSINESS_MANAGER' });
    const shown = await readKey(person.key, id);
    expect(shown.permissions).not.toEqual(permissions);
    const browser = await signIn(person.key);
    expect(await save(browser, `/console/keys/${id}/change`, [['label', 'Renamed']])).toBe(303);
    expect(await readKey(person.key, id, ALL)).toMatchObject({ label: 'Renamed', permissions });
  });

  test('keeps what a form without some of its fields does not say', async () => {
    const narrow = {
      description: 'Kept',
      expiration_date: '2999-12-31',
      ip_whitelist: ['198.51.100.0/24'],
      has_restricted_permissions: true,
      permissions: ['review_read'],
    };
    const { id } = await createKey(keys.ORG_ADMIN, narrow);
    expect((await admin.post(`/console/keys/${id}/change`, { label: 'Renamed' })).status).toBe(303);
    const after = await readKey(keys.ORG_ADMIN, id, ALL);
    expect(after).toMatchObject({ ...narrow, permissions: after.permissions, label: 'Renamed' });
    // Boxes that are not ticked are not sent, so none is what such a form says.
    expect(after.permissions).toEqual([]);
  });
});

describe('the form of a user that was not touched', () => {
  test.each(['ORG_ADMIN', 'ORG_MANAGER', 'GROUP_MANAGER', 'BUSINESS_MANAGER', 'PUBLISHER'])(
    'changes nothing of a user with the role %s',
    async (role) => {
      const id = await createUser(keys.ORG_ADMIN, { role, first_name: '"><b>', last_name: "O'Neill" });
      const before = await readUser(keys.ORG_ADMIN, id);
      expect(await save(admin, `/console/users/${id}`)).toBe(303);
      expect(await readUser(keys.ORG_ADMIN, id)).toEqual(before);
    },
  );

  test('gives no other role when the form names none, or one that there is not', async () => {
    const id = await createUser(keys.ORG_ADMIN, { role: 'ORG_MANAGER', first_name: 'A', last_name: 'B' });
    const { email } = await readUser(keys.ORG_ADMIN, id);
    const values = { first_name: 'A', last_name: 'C', email: String(email), disabled: 'false' };
    expect((await admin.post(`/console/users/${id}`, values)).status).toBe(303);
    expect((await admin.post(`/console/users/${id}`, { ...values, role: 'EMPEROR' })).status).toBe(400);
    expect(await readUser(keys.ORG_ADMIN, id)).toMatchObject({ role: 'ORG_MANAGER', last_name: 'C' });
  });

  test('enables nobody when the form does not say so', async () => {
    const id = await createUser(keys.ORG_ADMIN, { first_name: 'A', last_name: 'B' });
    await changeUser(keys.ORG_ADMIN, id, { disabled: true });
    const { email } = await readUser(keys.ORG_ADMIN, id);
    const values = { first_name: 'A', last_name: 'C', email: String(email), role: 'BUSINESS_MANAGER' };
    expect((await admin.post(`/console/users/${id}`, values)).status).toBe(303);
    expect(await readUser(keys.ORG_ADMIN, id)).toMatchObject({ disabled: true, last_name: 'C' });
  });
});
