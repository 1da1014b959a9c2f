import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Browser, isSignedIn, openBrowser, openClock, signIn } from '../support/browser.ts';
import { call } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { createPerson, type Person } from '../support/people.ts';
import { readRows } from '../support/stored.ts';

/*
 * Forms that a page of another site makes a browser send, with the cookie and without what only a page of the session has.
 */

const SIGN_OUT = '/console/sign-out';

let keys: RoleKeys;
let person: Person;
let browser: Browser;
beforeAll(async () => {
  keys = await deploy();
});
beforeEach(async () => {
  person = await createPerson(keys.PROVIDER, 'ORG_MANAGER');
  browser = await signIn(person.key);
});

async function expectForeign(answer: Promise<{ status: number; body: unknown }>): Promise<void> {
  const { status, body } = await answer;
  expect(status).toBe(403);
  expect(body).toMatch(/did not come from the console/);
  expect(await isSignedIn(browser)).toBe(true);
}

describe('a form of a session is refused', () => {
  test('without its token', () => expectForeign(browser.postRaw(SIGN_OUT, {})));
  test('with an empty token', () => expectForeign(browser.postRaw(SIGN_OUT, { csrf: '' })));

  test('with the token of another session, of the same user too', async () => {
    const other = await signIn(person.key);
    await expectForeign(browser.postRaw(SIGN_OUT, { csrf: await other.csrfToken() }));
  });

  test('with what the database holds of its session', async () => {
    for (const { hash } of await readRows('SELECT hash FROM sessions WHERE user_id = ?', person.id)) {
      await expectForeign(browser.postRaw(SIGN_OUT, { csrf: String(hash) }));
    }
  });

  test.each<[string, Record<string, string | null>]>([
    ['from another site', { Origin: 'https://evil.example' }],
    ['from another site, as the browser says', { Origin: null, 'Sec-Fetch-Site': 'cross-site' }],
    ['from another host of the same domain', { Origin: null, 'Sec-Fetch-Site': 'same-site' }],
    ['from nowhere that can be told', { Origin: null }],
    ['from a sandboxed frame', { Origin: 'null', 'Sec-Fetch-Site': 'cross-site' }],
  ])('%s, with its own token too', async (_, headers) => {
    const csrf = await browser.csrfToken();
    await expectForeign(browser.postRaw(SIGN_OUT, { csrf }, { headers }));
  });

  test.each(['text/plain', 'multipart/form-data; boundary=x', 'application/json', ''])(
    'that is sent as “%s”',
    async (type) => {
      const csrf = await browser.csrfToken();
      const body = type === 'application/json' ? JSON.stringify({ csrf }) : `csrf=${csrf}`;
      await expectForeign(browser.postRaw(SIGN_OUT, {}, { body, headers: { 'Content-Type': type || null } }));
    },
  );

  test('that is larger than any form', async () => {
    const csrf = await browser.csrfToken();
    await expectForeign(browser.postRaw(SIGN_OUT, { csrf, more: 'x'.repeat(70_000) }));
  });

  test('that is not whole in time', async () => {
    const csrf = await browser.csrfToken();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode(`csrf=${csrf}`)),
    });
    const { app } = openClock({
      after(milliseconds, callBack) {
        const timer = setTimeout(callBack, milliseconds === 10_000 ? 0 : milliseconds);
        return () => clearTimeout(timer);
      },
    });
    await expectForeign(browser.postRaw(SIGN_OUT, {}, { body, app }));
  });

  test('whose body is not even read without a cookie that holds', async () => {
    let isRead = false;
    const body = new ReadableStream<Uint8Array>(
      {
        pull() {
          isRead = true;
        },
      },
      { highWaterMark: 0 },
    );
    const stranger = openBrowser();
    stranger.cookie = '__Host-latchkey_session=v1.test.AAAA.AAAA';
    expect((await stranger.postRaw(SIGN_OUT, {}, { body })).status).toBe(401);
    expect(isRead).toBe(false);
  });
});

test.each<Record<string, string | null>>([
  { Origin: 'https://latchkey.example' },
  { Origin: null, 'Sec-Fetch-Site': 'same-origin' },
  { Origin: 'null', 'Sec-Fetch-Site': 'same-origin' },
])('a form from a page of the session is taken: %o', async (headers) => {
  const csrf = await browser.csrfToken();
  expect((await browser.postRaw(SIGN_OUT, { csrf }, { headers })).status).toBe(303);
  expect(await isSignedIn(browser)).toBe(false);
});

test('another site cannot sign a browser in with a key of its own', async () => {
  const victim = openBrowser();
  const headers = { Origin: 'https://evil.example' };
  const answer = await victim.postRaw('/console/sign-in', { api_key: person.key }, { headers });
  expect(answer.status).toBe(403);
  expect(victim.cookie).toBe(null);
  expect((await victim.postRaw('/console/sign-in', { api_key: person.key })).status).toBe(303);
});

test('a page that is read changes nothing, whatever its address', async () => {
  for (const path of ['/console/sign-out', '/console/sign-out/everywhere', '/console/sign-in/access']) {
    await browser.open(path);
  }
  expect(await isSignedIn(browser)).toBe(true);
});

test('the API takes no session, and the console no key in a header', async () => {
  const answer = await call(null, 'GET /v2/user/me', { headers: { Cookie: browser.cookie } });
  expect([answer.status, answer.body.code]).toEqual([401, 'MISSING_KEY']);
  const page = await call(person.key, 'GET /console/keys');
  expect([page.status, page.headers.get('Location')]).toEqual([303, '/console/sign-in']);
});
