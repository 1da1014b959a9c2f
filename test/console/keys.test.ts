import { beforeAll, describe, expect, test } from 'vitest';
import { type Browser, openClock, signIn } from '../support/browser.ts';
import { call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { readPageForm } from '../support/page-form.ts';
import { createUser } from '../support/people.ts';
import { readRows } from '../support/stored.ts';

/*
 * The tasks of the help article on keys, as an administrator and as a business manager does them in the console.
 */

let keys: RoleKeys;
let admin: Browser;
let manager: Browser;
beforeAll(async () => {
  keys = await deploy();
  admin = await signIn(keys.ORG_ADMIN);
  manager = await signIn(keys.BUSINESS_MANAGER);
});

const text = (answer: { body: unknown }) => String(answer.body);
const secretIn = (page: string) => /lk_[0-9A-Za-z]{49}/.exec(page)?.[0] ?? '';
const newKey = (label: string, more: Record<string, string> = {}) => ({
  label,
  user_type: 'user',
  expiry: 'never',
  restricted: 'false',
  ...more,
});

describe.each<['an administrator' | 'a business manager', () => Browser]>([
  ['an administrator', () => admin],
  ['a business manager', () => manager],
])('%s', (_, browserOf) => {
  test('sees the list of its keys, and creates one whose secret is shown once and works', async () => {
    const browser = browserOf();
    const list = await browser.open('/console/keys?type=user');
    expect(list.status).toBe(200);
    expect(text(list)).toContain('Create a new key');
    const created = await browser.post('/console/keys', newKey('Store locator'));
    expect(created.status).toBe(201);
    const secret = secretIn(text(created));
    expect((await readCurrent(secret)).label).toBe('Store locator');
    expect(text(await browser.open('/console/keys?type=user'))).not.toContain(secret);
  });

  test('opens the page of a key, changes it, and is told from when that holds', async () => {
    const browser = browserOf();
    const created = text(await browser.post('/console/keys', newKey('Before')));
    const { id } = await readCurrent(secretIn(created));
    const changed = await browser.post(
      `/console/keys/${id}/change`,
      newKey('After', { ip_whitelist: '198.51.100.0/24\r\n2001:db8::/48' }),
    );
    expect(changed.status).toBe(303);
    const page = text(await browser.open(changed.headers.get('Location') ?? ''));
    expect(page).toContain('After');
    expect(page).toContain('The new list is in force everywhere by');
    expect(page).toContain('2001:db8::/48');
    const back = await browser.post(`/console/keys/${id}/allowlist`, { ip_whitelist: '203.0.113.7' });
    const [, old] =
      /name="ip_whitelist" value="([^"]*)"/.exec(text(await browser.open(back.headers.get('Location') ?? ''))) ?? [];
    expect(old?.split('\n')).toEqual(['198.51.100.0/24', '2001:db8::/48']);
  });

  test('sees the secret of its own key again, and that is in the history', async () => {
    const browser = browserOf();
    const secret = secretIn(text(await browser.post('/console/keys', newKey('Looked at'))));
    const { id } = await readCurrent(secret);
    expect(text(await browser.open(`/console/keys/${id}/see`))).not.toContain(secret);
    expect(secretIn(text(await browser.post(`/console/keys/${id}/see`)))).toBe(secret);
    expect(text(await browser.open(`/console/keys/${id}`))).toContain('Seen');
  });

  test('pauses a key and resumes it', async () => {
    const browser = browserOf();
    const secret = secretIn(text(await browser.post('/console/keys', newKey('Paused'))));
    const { id } = await readCurrent(secret);
    expect((await browser.open(`/console/keys/${id}/pause`)).status).toBe(200);
    const paused = await browser.post(`/console/keys/${id}/pause`);
    expect(text(await browser.open(paused.headers.get('Location') ?? ''))).toContain('The pause is in force');
    expect((await call(secret, 'GET /v2/api_keys/current')).body.code).toBe('PAUSED');
    await browser.post(`/console/keys/${id}/resume`);
    expect((await call(secret, 'GET /v2/api_keys/current')).status).toBe(200);
  });

  test('rotates a key with an overlap, gives the old secret longer, and ends it', async () => {
    const browser = browserOf();
    const old = secretIn(text(await browser.post('/console/keys', newKey('Rotated'))));
    const { id } = await readCurrent(old);
    expect((await browser.open(`/console/keys/${id}/rotate`)).status).toBe(200);
    const fresh = secretIn(text(await browser.post(`/console/keys/${id}/rotate`, { overlap_seconds: '3600' })));
    expect(fresh).not.toBe(old);
    expect((await readCurrent(old)).id).toBe(id);
    const again = await browser.post(`/console/keys/${id}/rotate`, { overlap_seconds: '3600' });
    expect(again.status).toBe(400);
    expect((await browser.post(`/console/keys/${id}/overlap`, { overlap: '+86400' })).status).toBe(303);
    expect(text(await browser.open(`/console/keys/${id}`))).toContain('Rotation under way');
    expect((await browser.post(`/console/keys/${id}/overlap`, { overlap: '0' })).status).toBe(303);
    expect((await call(old, 'GET /v2/api_keys/current')).body.code).toBe('REVOKED');
    expect((await readCurrent(fresh)).id).toBe(id);
  });

  test('revokes a key, and is told from when nobody gets in', async () => {
    const browser = browserOf();
    const secret = secretIn(text(await browser.post('/console/keys', newKey('Ended'))));
    const { id } = await readCurrent(secret);
    expect(text(await browser.open(`/console/keys/${id}/revoke`))).toContain('Revoke this key');
    expect(text(await browser.post(`/console/keys/${id}/revoke`))).toContain('In force everywhere by');
    expect((await call(secret, 'GET /v2/api_keys/current')).body.code).toBe('REVOKED');
    expect((await browser.open(`/console/keys/${id}`)).status).toBe(200);
  });

  test('asks whether a call would be allowed, and is told which check fails', async () => {
    const browser = browserOf();
    const created = await browser.post('/console/keys', newKey('Asked', { ip_whitelist: '198.51.100.0/24' }));
    const [, id] = /\/console\/keys\/(\d+)"/.exec(text(created)) ?? [];
    const asked = text(await browser.open(`/console/keys/${id}?ip=192.0.2.1&permission=&at=`));
    expect(asked).toContain('IP_NOT_ALLOWED');
    expect(text(await browser.open(`/console/keys/${id}?ip=198.51.100.9&permission=&at=`))).toContain('Allowed.');
    expect(text(await browser.open(`/console/keys/${id}?ip=010.0.0.1&permission=&at=`))).toContain(
      'Must be an IPv4 or IPv6 address',
    );
  });

  test('is told of every wrong field, and nothing is created', async () => {
    const before = await readRows('SELECT count(*) AS n FROM api_keys');
    const answer = await browserOf().post(
      '/console/keys',
      newKey('', { ip_whitelist: '010.0.0.1', expiry: 'date', expiration_date: '2020-01-01' }),
    );
    expect(answer.status).toBe(400);
    expect(text(answer)).toContain('Three things to mend. Nothing was created.');
    expect(await readRows('SELECT count(*) AS n FROM api_keys')).toEqual(before);
  });
});

test('a form that does not say for how long ends no secret', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN, { label: 'Held' });
  for (const overlap_seconds of ['', ' ', '-1', '1e3', 'soon']) {
    expect((await admin.post(`/console/keys/${id}/rotate`, { overlap_seconds })).status).toBe(400);
  }
  await admin.post(`/console/keys/${id}/rotate`, { overlap_seconds: '3600' });
  for (const fields of [{}, { overlap: '' }, { overlap: '+' }, { overlap: 'none' }]) {
    const answer = await admin.post(`/console/keys/${id}/overlap`, fields);
    expect(answer.status).toBe(400);
    expect(answer.body).toContain('This cannot be done');
  }
  expect((await readCurrent(api_key)).id).toBe(id);
});

describe('a new key', () => {
  const ownerOf = async (browser: Browser, path: string) =>
    Object.fromEntries(await readPageForm(text(await browser.open(path)), '/console/keys'));

  test('is offered for the user that it was to be made for, however many users there are', async () => {
    const id = await createUser(keys.ORG_ADMIN, { first_name: 'Old', last_name: 'Hand' });
    for (let count = 0; count < 101; count++) await createUser(keys.ORG_ADMIN);
    expect(await ownerOf(admin, `/console/keys/create?user_id=${id}`)).toMatchObject({
      user_type: 'user',
      user_id: id,
    });
    expect((await ownerOf(admin, '/console/keys/create')).user_type).toBe('user');
  });

  test('is a main integration key for who signed in by one', async () => {
    const main = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    const browser = await signIn(main.api_key);
    expect(await ownerOf(browser, '/console/keys/create')).toMatchObject({ user_type: 'bot' });
  });
});

describe('a business manager', () => {
  test('sees no main keys, and no key of someone else', async () => {
    const main = await createKey(keys.ORG_ADMIN, { label: 'Main one', user_type: 'bot' });
    const list = text(await manager.open('/console/keys?type=bot'));
    expect(list).toContain('administrators only');
    expect(list).not.toContain('Main one');
    for (const path of ['', '/change', '/see', '/rotate', '/pause', '/revoke']) {
      expect((await manager.open(`/console/keys/${main.id}${path}`)).status).toBe(404);
    }
    expect((await manager.post(`/console/keys/${main.id}/revoke`)).status).toBe(404);
    expect((await readCurrent(main.api_key)).id).toBe(main.id);
  });
});

describe('what takes rights away waits for nothing that its page only shows', () => {
  /** An app whose replicas of D1, which lists are read from, give no answer. */
  const { app } = openClock({ readList: () => Promise.reject(new Error('No replica answers')) });

  test('a key is revoked', async () => {
    const made = await createKey(keys.ORG_ADMIN);
    const csrf = await admin.csrfToken();
    await admin.postRaw(`/console/keys/${made.id}/revoke`, { csrf }, { app });
    expect((await call(made.api_key, 'GET /v2/api_keys/current')).body.code).toBe('REVOKED');
  });

  test('an old secret is ended', async () => {
    const made = await createKey(keys.ORG_ADMIN);
    const body = { overlap_seconds: 3600 };
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${made.id}`, { body });
    const csrf = await admin.csrfToken();
    await admin.postRaw(`/console/keys/${made.id}/overlap`, { csrf, overlap: '0' }, { app });
    const [old] = await readRows(
      'SELECT retires_at FROM api_key_secrets WHERE key_id = ? AND retires_at IS NOT NULL',
      made.id,
    );
    expect(Number(old?.retires_at)).toBeLessThanOrEqual(Date.now());
  });
});

describe('the search', () => {
  test('finds a key by its label, and puts a whole key that is pasted into no address', async () => {
    const made = await createKey(keys.ORG_ADMIN, { label: 'Needle' });
    const found = await admin.post('/console/keys/search', { search_text: 'needle', type: 'user' });
    expect(found.headers.get('Location')).toContain('search_text=needle');
    expect(text(await admin.open(found.headers.get('Location') ?? ''))).toContain('Needle');
    const pasted = await admin.post('/console/keys/search', { search_text: ` ${made.api_key} ` });
    expect(pasted.headers.get('Location')).toBe(`/console/keys/${made.id}`);
    const unknown = await admin.post('/console/keys/search', {
      search_text: `${made.api_key.slice(0, -1)}${made.api_key.endsWith('x') ? 'y' : 'x'}`,
    });
    expect(unknown.status).toBe(404);
  });
});
