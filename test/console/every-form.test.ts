import { beforeAll, describe, expect, test } from 'vitest';
import { compose } from '../../src/compose.ts';
import { createConsole } from '../../src/console/app.tsx';
import { type Browser, openBrowser, signIn } from '../support/browser.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { changeUser, createPerson, createUser } from '../support/people.ts';
import { writingNothing } from '../support/stored.ts';

/*
 * What holds for each page and each form that is mounted, so that a new one is covered by itself.
 */

let keys: RoleKeys;
let admin: Browser;
let keyId: number;
let userId: string;
beforeAll(async () => {
  keys = await deploy();
  admin = await signIn(keys.ORG_ADMIN);
  keyId = (await createKey(keys.ORG_ADMIN, { label: 'Target' })).id;
  userId = await createUser(keys.ORG_ADMIN);
});

/** The paths that take this method, without those of signing in, which have tests of their own. */
function pathsOf(method: 'GET' | 'POST'): string[] {
  const paths = createConsole(compose)
    .routes.filter((route) => route.method === method)
    .map(({ path }) => path)
    .filter((path) => !path.startsWith('/sign-in') && !path.endsWith('/*'));
  return [...new Set(paths)];
}

const addressOf = (path: string) =>
  `/console${path.replace(':id{[0-9a-f]{24}}', userId).replace(':id{[1-9][0-9]*}', String(keyId))}`;

const FORMS = pathsOf('POST');
const PAGES = pathsOf('GET');

test('the table has every page and every form', () => {
  expect(FORMS.length).toBeGreaterThanOrEqual(17);
  expect(PAGES.length).toBeGreaterThanOrEqual(14);
});

describe.each(FORMS)('the form %s', (path) => {
  test('is not taken without a session, and writes nothing', async () => {
    const answer = await writingNothing(() => openBrowser().postRaw(addressOf(path), {}));
    expect(answer.status).toBe(401);
    expect(answer.body).toMatch(/Sign in/);
  });

  test.each<[string, () => Promise<string>]>([
    ['without the token of the session', async () => ''],
    ['with the token of another session', async () => (await signIn(keys.ORG_MANAGER)).csrfToken()],
  ])('is not taken %s, and writes nothing', async (_, tokenOf) => {
    const csrf = await tokenOf();
    const answer = await writingNothing(() => admin.postRaw(addressOf(path), { csrf }));
    expect(answer.status).toBe(403);
    expect(answer.body).toMatch(/did not come from the console/);
  });

  test('is not taken from another site, and writes nothing', async () => {
    const csrf = await admin.csrfToken();
    const headers = { Origin: 'https://evil.example' };
    const answer = await writingNothing(() => admin.postRaw(addressOf(path), { csrf }, { headers }));
    expect(answer.status).toBe(403);
  });

  test('is not taken once the key of the session was revoked, and writes nothing', async () => {
    const person = await createPerson(keys.PROVIDER, 'ORG_ADMIN');
    const browser = await signIn(person.key);
    const csrf = await browser.csrfToken();
    await call(person.key, `POST /v2/api_keys/revoke/${person.keyId}`);
    const answer = await writingNothing(() => browser.postRaw(addressOf(path), { csrf }));
    expect(answer.status).toBe(401);
    expect(answer.body).toMatch(/Sign in/);
  });
});

describe.each(PAGES)('the page %s', (path) => {
  test('is opened without a write', async () => {
    const answer = await writingNothing(() => admin.open(addressOf(path)));
    expect([200, 303, 404]).toContain(answer.status);
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    expect(answer.headers.get('Content-Security-Policy')).toContain("default-src 'none'");
  });

  test('is not opened without a session', async () => {
    const answer = await openBrowser().open(addressOf(path));
    expect(answer.headers.get('Location') ?? '/console/sign-in').toBe('/console/sign-in');
    expect([303, 404]).toContain(answer.status);
  });
});

test('a session whose user was demoted a moment ago is over', async () => {
  const person = await createPerson(keys.PROVIDER, 'ORG_ADMIN');
  const browser = await signIn(person.key);
  expect((await browser.open('/console/users')).status).toBe(200);
  await changeUser(keys.PROVIDER, person.id, { role: 'BUSINESS_MANAGER' });
  const answer = await browser.open('/console/users');
  expect(answer.status).toBe(401);
  expect(answer.body).toMatch(/session/i);
});

describe('what someone stored', () => {
  const HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}';

  test('is text on every page that shows it', async () => {
    const { id } = await createKey(keys.ORG_ADMIN, { label: HOSTILE, description: HOSTILE });
    const user = await createUser(keys.ORG_ADMIN, { first_name: HOSTILE, last_name: HOSTILE });
    await createKey(keys.ORG_ADMIN, { label: HOSTILE, user_id: user });
    const provider = await signIn(keys.PROVIDER);
    await provider.post('/console/organisations', { name: HOSTILE.slice(0, 60) });
    const pages: [Browser, string][] = [
      ...['', '/change', '/see', '/rotate', '/pause', '/revoke'].map((act): [Browser, string] => [
        admin,
        `/console/keys/${id}${act}`,
      ]),
      [admin, '/console/keys?type=user'],
      [admin, `/console/keys?type=user&search_text=${encodeURIComponent(HOSTILE)}`],
      [admin, `/console/keys/create?like=${id}`],
      [admin, '/console/users'],
      [admin, `/console/users/${user}`],
      [admin, `/console/users/${user}/delete`],
      [admin, '/console/audit'],
      [admin, `/console/audit?action=${encodeURIComponent(HOSTILE)}`],
      [provider, '/console/organisations'],
    ];
    for (const [browser, path] of pages) {
      const page = String((await browser.open(path)).body);
      expect(page, path).not.toMatch(/<script>alert|<img/);
      if (!path.includes('action=')) expect(page, path).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    }
  });
});
