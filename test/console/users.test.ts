import { beforeAll, describe, expect, test } from 'vitest';
import { type Browser, isSignedIn, openBrowser, signIn } from '../support/browser.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { readPageForm } from '../support/page-form.ts';
import { changeUser, createOrganisation, createPerson, createUser, freshEmail, readUser } from '../support/people.ts';
import { readRows } from '../support/stored.ts';

/*
 * Users, the audit log and organisations, as people work with them in the console.
 */

let keys: RoleKeys;
let admin: Browser;
beforeAll(async () => {
  keys = await deploy();
  admin = await signIn(keys.ORG_ADMIN);
});

const text = (answer: { body: unknown }) => String(answer.body);
const person = (more: Record<string, string> = {}) => ({
  first_name: 'New',
  last_name: 'Person',
  email: freshEmail(),
  role: 'BUSINESS_MANAGER',
  ...more,
});

describe('an administrator', () => {
  test('creates a user with a sign-in link, which signs in once', async () => {
    const created = await admin.post('/console/users', { ...person(), next: 'invite' });
    expect(created.status).toBe(200);
    const [path = ''] = /\/console\/sign-in\/link\?token=[\w.-]+/.exec(text(created)) ?? [];
    expect(path).not.toBe('');
    const guest = openBrowser();
    expect((await guest.open(path)).status).toBe(200);
    expect(await isSignedIn(guest)).toBe(false);
    expect((await guest.post(path)).status).toBe(303);
    expect(await isSignedIn(guest)).toBe(true);
    expect((await openBrowser().post(path)).status).toBe(410);
  });

  test('is told what is wrong with a new user, and nobody is created', async () => {
    const before = await readRows('SELECT count(*) AS n FROM users');
    const answer = await admin.post('/console/users', person({ first_name: '', email: 'nowhere' }));
    expect(answer.status).toBe(400);
    expect(text(answer)).toContain('Nobody was created.');
    expect(await readRows('SELECT count(*) AS n FROM users')).toEqual(before);
  });

  test('changes a role, disables and enables a user, and is told from when that holds', async () => {
    const id = await createUser(keys.ORG_ADMIN);
    const { first_name, last_name, email } = await readUser(keys.ORG_ADMIN, id);
    const values = { first_name: String(first_name), last_name: String(last_name), email: String(email) };
    const changed = await admin.post(`/console/users/${id}`, { ...values, role: 'GROUP_MANAGER', disabled: 'true' });
    expect(changed.status).toBe(303);
    expect(text(await admin.open(changed.headers.get('Location') ?? ''))).toContain(
      'The change is in force everywhere by',
    );
    expect(await readUser(keys.ORG_ADMIN, id)).toMatchObject({ role: 'GROUP_MANAGER', disabled: true });
    await admin.post(`/console/users/${id}`, { ...values, role: 'GROUP_MANAGER', disabled: 'false' });
    expect(await readUser(keys.ORG_ADMIN, id)).toMatchObject({ disabled: false });
  });

  test('sees what a role would change before it is given, and nothing is changed', async () => {
    const id = await createUser(keys.ORG_ADMIN);
    const { first_name, last_name, email } = await readUser(keys.ORG_ADMIN, id);
    const values = { first_name: String(first_name), last_name: String(last_name), email: String(email) };
    const answer = await admin.post(`/console/users/${id}`, { ...values, role: 'PUBLISHER', next: 'rehearse' });
    expect(text(answer)).toMatch(/This change would have refused none of 0\s+calls? of the last 30 days\./);
    expect(await readUser(keys.ORG_ADMIN, id)).toMatchObject({ role: 'BUSINESS_MANAGER' });
  });

  test('sees what goes with a user before deleting it', async () => {
    const id = await createUser(keys.ORG_ADMIN);
    const { api_key } = await createKey(keys.ORG_ADMIN, { label: 'Goes too', user_id: id });
    expect(text(await admin.open(`/console/users/${id}/delete`))).toContain('Goes too');
    expect((await admin.post(`/console/users/${id}/delete`)).status).toBe(303);
    expect((await call(api_key, 'GET /v2/api_keys/current')).body.code).toBe('UNKNOWN_KEY');
    expect((await admin.open(`/console/users/${id}`)).status).toBe(404);
  });

  test('is brought from the page before a deletion to a form that disables the user', async () => {
    const id = await createUser(keys.ORG_ADMIN);
    const [, path = ''] =
      /href="([^"]*disable=true)#disabled"/.exec(text(await admin.open(`/console/users/${id}/delete`))) ?? [];
    const fields = await readPageForm(text(await admin.open(path)), `/console/users/${id}`);
    expect(Object.fromEntries(fields)).toMatchObject({ disabled: 'true' });
    expect((await admin.postRaw(`/console/users/${id}`, fields)).status).toBe(303);
    expect(await readUser(keys.ORG_ADMIN, id)).toMatchObject({ disabled: true });
  });

  test('searches users by words in any order, and sees how many keys each has', async () => {
    const id = await createUser(keys.ORG_ADMIN, { first_name: 'Ludovica', last_name: 'Quist' });
    await createKey(keys.ORG_ADMIN, { label: 'One', user_id: id });
    const page = text(await admin.open('/console/users?query=quist+ludo'));
    expect(page).toContain('Ludovica');
    expect(text(await admin.open('/console/users?query=nobody-at-all'))).not.toContain('Ludovica');
  });

  test('reads the audit log, filtered by what was done, and is told of a filter that cannot be read', async () => {
    await createKey(keys.ORG_ADMIN, { label: 'In the log' });
    const page = text(await admin.open('/console/audit?action=api_key.created'));
    expect(page).toContain('In the log');
    const [, rows = ''] = page.split('<tbody');
    expect(rows).not.toContain('Changed a user');
    expect((await admin.open('/console/audit?api_key_id=x')).status).toBe(400);
  });

  test('has no page of organisations', async () => {
    expect((await admin.open('/console/organisations')).status).toBe(404);
    expect((await admin.post('/console/organisations', { name: 'Mine' })).status).not.toBe(303);
  });
});

test('who may make no keys for others is offered none, and told why', async () => {
  const id = await createUser(keys.ORG_ADMIN);
  const link = `/console/keys/create?user_id=${id}`;
  expect(text(await admin.open('/console/users'))).toContain(link);
  const manager = text(await (await signIn(keys.ORG_MANAGER)).open('/console/users'));
  expect(manager).not.toContain(link);
  expect(manager).toContain('Administrators only');
});

test('a PROVIDER creates an organisation and finds it', async () => {
  const provider = await signIn(keys.PROVIDER);
  expect((await provider.post('/console/organisations', { name: 'Quillfeather Ltd' })).status).toBe(303);
  expect(text(await provider.open('/console/organisations?query=quillf'))).toContain('Quillfeather Ltd');
  expect((await provider.post('/console/organisations', { name: ' ' })).status).toBe(400);
});

describe('a refusal', () => {
  test('names an administrator who can help to whoever may read users, and what one can do', async () => {
    const manager = await signIn(keys.BUSINESS_MANAGER);
    const lacking = await manager.open('/console/users/create');
    expect(lacking.status).toBe(403);
    expect(text(lacking)).toMatch(/Who can help.*Demo Org Admin.*mailto:/s);
    const refused = await manager.post('/console/keys', {
      label: 'Main',
      user_type: 'bot',
      expiry: 'never',
      restricted: 'false',
    });
    expect(refused.status).toBe(403);
    expect(text(refused)).toMatch(/What is missing.*Who can help.*Demo Org Admin.*create a personal key/s);
    expect(text(await (await signIn(keys.PUBLISHER)).open('/console/users'))).not.toContain('Demo Org Admin');
  });

  test('names nobody to the only administrator there is, nor one who is disabled or elsewhere', async () => {
    const orgId = await createOrganisation(keys.PROVIDER, 'Elsewhere');
    const alone = await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId);
    const { api_key } = await createKey(alone.key, { has_restricted_permissions: true, permissions: ['user_read'] });
    const browser = await signIn(api_key);
    const page = async () => text(await browser.open('/console/users/create'));
    expect(await page()).not.toContain('Who can help');
    const other = await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId);
    expect(await page()).toContain(other.email);
    await changeUser(keys.PROVIDER, other.id, { disabled: true });
    expect(await page()).not.toContain('Who can help');
  });

  test('of what nobody can do says why, with a status of its own', async () => {
    const { id } = await createKey(keys.ORG_ADMIN, { label: 'Gone' });
    await admin.post(`/console/keys/${id}/revoke`);
    const answer = await admin.post(`/console/keys/${id}/pause`);
    expect(answer.status).toBe(400);
    expect(text(answer)).toMatch(/This cannot be done.*Why.*revoked/s);
  });
});

test('a publisher, who may see no users, is told what is missing', async () => {
  const publisher = await signIn(keys.PUBLISHER);
  const answer = await publisher.open('/console/users');
  expect(answer.status).toBe(403);
  expect(text(answer)).toContain('user_read');
});
