import { createExecutionContext, createScheduledController, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import worker from '../../src/worker.ts';
import { noteQueries } from '../support/asked-queries.ts';
import { type Browser, invite, isSignedIn, openBrowser, openClock, signIn, signInByLink } from '../support/browser.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { readEvents } from '../support/events.ts';
import { createPerson, freshEmail, type Person } from '../support/people.ts';
import { alter, readRows } from '../support/stored.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let keys: RoleKeys;
let person: Person;
beforeAll(async () => {
  keys = await deploy();
});
beforeEach(async () => {
  person = await createPerson(keys.PROVIDER, 'ORG_MANAGER');
});

const changeUser = (body: unknown) => call(keys.PROVIDER, `POST /v2/user/${person.id}`, { body });

async function expectEnded(browser: Browser, text: RegExp): Promise<void> {
  const { cookie } = browser;
  const page = await browser.open('/console/nowhere');
  expect(page.status).toBe(401);
  expect(page.body).toMatch(/Your session has ended/);
  expect(page.body).toMatch(text);
  // Whoever kept the cookie is told the same of a form: nothing was changed.
  browser.cookie = cookie;
  const form = await browser.postRaw('/console/sign-out', {});
  expect(form.status).toBe(401);
  expect(form.body).toMatch(/Nothing was changed/);
}

describe('without a session', () => {
  test('a page leads to the sign-in page', async () => {
    const answer = await openBrowser().open('/console/keys');
    expect([answer.status, answer.headers.get('Location')]).toEqual([303, '/console/sign-in']);
  });

  test.each(['', 'nonsense', 'v1.test.AAAA.AAAA', `v1.none.${'A'.repeat(16)}.${'A'.repeat(108)}`])(
    'a cookie that this deployment did not seal is dropped, and no session is looked for: %s',
    async (value) => {
      const { DB, queries } = noteQueries();
      const browser = openBrowser({ env: { DB } });
      browser.cookie = `__Host-latchkey_session=${value}`;
      expect((await browser.open('/console/keys')).status).toBe(303);
      expect(queries.filter((query) => query.includes('"sessions"'))).toEqual([]);
    },
  );

  test('a cookie with one character changed is nobody’s', async () => {
    const browser = await signIn(person.key);
    browser.cookie = (browser.cookie ?? '').replace(
      /.{9}$/,
      (end) => `${end.startsWith('A') ? 'B' : 'A'}${end.slice(1)}`,
    );
    expect(await isSignedIn(browser)).toBe(false);
  });

  test('what a link carries is no session', async () => {
    const link = await invite(keys.PROVIDER, person.id);
    const browser = openBrowser();
    browser.cookie = `__Host-latchkey_session=${link.split('token=')[1]}`;
    expect(await isSignedIn(browser)).toBe(false);
  });
});

describe('a session goes on', () => {
  test('for 12 hours, when it is used each hour, and no longer', async () => {
    const { clock, app } = openClock();
    const browser = await signIn(person.key, { app });
    const start = clock.now;
    for (let minutes = 59; minutes < 12 * 60; minutes += 59) {
      clock.now = start + minutes * MINUTE_MS;
      expect(await isSignedIn(browser)).toBe(true);
    }
    clock.now = start + 12 * HOUR_MS - 1;
    expect(await isSignedIn(browser)).toBe(true);
    clock.now = start + 12 * HOUR_MS;
    await expectEnded(browser, /12 hours at most/);
  });

  test('for an hour without use, and no longer', async () => {
    const { clock, app } = openClock();
    const browser = await signIn(person.key, { app });
    clock.now += HOUR_MS - 1;
    expect(await isSignedIn(browser)).toBe(true);
    clock.now += HOUR_MS;
    await expectEnded(browser, /Nobody used it/);
  });

  test('and its use is written down once a minute at most', async () => {
    const { clock, app } = openClock();
    const { DB, queries } = noteQueries();
    const browser = await signIn(person.key, { app, env: { DB } });
    const notes = () => queries.filter((query) => query.startsWith('update "sessions"')).length;
    for (let n = 0; n < 5; n++) await browser.open('/console/nowhere');
    expect(notes()).toBe(0);
    clock.now += MINUTE_MS;
    for (let n = 0; n < 5; n++) await browser.open('/console/nowhere');
    expect(notes()).toBe(1);
  });

  test('when its user gets another name', async () => {
    const browser = await signInByLink(keys.PROVIDER, person.id);
    await changeUser({ first_name: 'Renamed' });
    expect(await isSignedIn(browser)).toBe(true);
  });

  test('when another session of its user is signed out', async () => {
    const [one, other] = [await signIn(person.key), await signIn(person.key)];
    await one.post('/console/sign-out');
    expect([await isSignedIn(one), await isSignedIn(other)]).toEqual([false, true]);
  });
});

describe.each<[string, () => Promise<Browser>]>([
  ['by key', () => signIn(person.key)],
  ['by link', () => signInByLink(keys.PROVIDER, person.id)],
])('a session %s ends at once when its user', (_, start) => {
  test.each<[string, () => Promise<unknown>]>([
    ['gets another email', () => changeUser({ email: freshEmail() })],
    ['is promoted', () => changeUser({ role: 'ORG_ADMIN' })],
    ['is demoted', () => changeUser({ role: 'PUBLISHER' })],
    ['is disabled', () => changeUser({ disabled: true })],
    ['is deleted', () => call(keys.PROVIDER, `DELETE /v2/user/${person.id}`)],
    ['gets a new sign-in link', () => invite(keys.PROVIDER, person.id)],
  ])('%s', async (__, change) => {
    const browser = await start();
    expect(await isSignedIn(browser)).toBe(true);
    await change();
    await expectEnded(browser, /no session that is still open/);
  });

  test('is disabled, also once it is enabled again', async () => {
    const browser = await start();
    await changeUser({ disabled: true });
    await changeUser({ disabled: false });
    expect(await isSignedIn(browser)).toBe(false);
  });
});

test('a deleted user leaves no row of a session', async () => {
  await signIn(person.key);
  await call(keys.PROVIDER, `DELETE /v2/user/${person.id}`);
  expect(await readRows('SELECT 1 FROM sessions WHERE user_id = ?', person.id)).toEqual([]);
});

describe('a session by key ends at once when its key', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['is revoked', () => call(keys.PROVIDER, `POST /v2/api_keys/revoke/${person.keyId}`)],
    [
      'is rotated, within the overlap too',
      () => call(person.key, `POST /v2/api_keys/rotate/${person.keyId}`, { body: { overlap_seconds: 3600 } }),
    ],
    ['expires', () => alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", person.keyId)],
    [
      'may not be used from its address any more',
      () => call(person.key, `PUT /v2/api_keys/${person.keyId}`, { body: { ip_whitelist: ['192.0.2.1'] } }),
    ],
  ])('%s', async (_, change) => {
    const browser = await signIn(person.key);
    expect(await isSignedIn(browser)).toBe(true);
    await change();
    await expectEnded(browser, /key that you signed in with/);
  });

  test('a session by link goes on when a key of its user is revoked', async () => {
    const browser = await signInByLink(keys.PROVIDER, person.id);
    await call(keys.PROVIDER, `POST /v2/api_keys/revoke/${person.keyId}`);
    expect(await isSignedIn(browser)).toBe(true);
  });

  test('used from another address than its list has, it is refused there and goes on here', async () => {
    const { api_key } = await createKey(keys.PROVIDER, { ip_whitelist: ['192.0.2.1'] });
    const browser = openBrowser();
    browser.ip = '192.0.2.1';
    await browser.post('/console/sign-in', { api_key });
    browser.ip = '203.0.113.7';
    expect(await isSignedIn(browser)).toBe(false);
    browser.ip = '192.0.2.1';
    expect(await isSignedIn(browser)).toBe(true);
  });
});

test('a restored database brings no session back', async () => {
  const browser = await signIn(person.key);
  const [state] = await readRows('SELECT epoch FROM feed_state');
  await alter("UPDATE feed_state SET epoch = 'another history'");
  const { cookie } = browser;
  expect(await isSignedIn(browser)).toBe(false);
  await alter('UPDATE feed_state SET epoch = ?', String(state?.epoch));
  browser.cookie = cookie;
  expect(await isSignedIn(browser)).toBe(true);
});

test('a database that does not answer ends no session', async () => {
  const browser = await signIn(person.key);
  const DB = new Proxy(env.DB, {
    get(database, name) {
      if (name === 'withSession') throw new Error('Out of reach');
      const value: unknown = Reflect.get(database, name);
      return typeof value === 'function' ? value.bind(database) : value;
    },
  });
  const answer = await browser.open('/console/nowhere', { env: { DB } });
  expect(answer.status).toBe(503);
  expect(await isSignedIn(browser)).toBe(true);
});

test('without MASTER_KEYS nobody is signed in or out', async () => {
  const browser = await signIn(person.key);
  const without = { env: { MASTER_KEYS: '' } };
  expect((await browser.open('/console/nowhere', without)).status).toBe(503);
  expect((await openBrowser(without).post('/console/sign-in', { api_key: person.key })).status).toBe(503);
  expect(await isSignedIn(browser)).toBe(true);
});

describe('signing out', () => {
  test('ends the session at the server, drops the cookie, and is on record', async () => {
    const browser = await signIn(person.key);
    const { cookie } = browser;
    const answer = await browser.post('/console/sign-out');
    expect([answer.status, answer.headers.get('Location')]).toEqual([303, '/console/sign-in']);
    expect(answer.headers.get('Set-Cookie')).toMatch(/^__Host-latchkey_session=; Max-Age=0; Path=\/; .*Secure/);
    expect(browser.cookie).toBe(null);
    browser.cookie = cookie;
    expect(await isSignedIn(browser)).toBe(false);
    const { audit_events } = await readEvents(keys.PROVIDER, `?user_id=${person.id}&per_page=1`);
    expect(audit_events).toMatchObject([
      { action: 'user.signed_out', actor_user_id: person.id, actor_api_key_id: person.keyId },
    ]);
  });

  test('everywhere, by link, ends all sessions and links of the user, and of nobody else', async () => {
    const stranger = await signIn(keys.PROVIDER);
    const here = await signInByLink(keys.PROVIDER, person.id);
    const there = await signIn(person.key);
    await here.post('/console/sign-out/everywhere');
    expect(await Promise.all([here, there, stranger].map(isSignedIn))).toEqual([false, false, true]);
    const { audit_events } = await readEvents(keys.PROVIDER, `?user_id=${person.id}&per_page=1`);
    expect(audit_events).toMatchObject([{ action: 'user.signed_out_everywhere', actor_api_key_id: null }]);
  });

  test('everywhere ends links that were not used yet', async () => {
    const here = await signIn(person.key);
    const link = await invite(keys.PROVIDER, person.id);
    expect(await isSignedIn(here)).toBe(false);
    const again = await openBrowser();
    await again.post(link);
    // A link that was made by somebody who could read the first one.
    await alter('UPDATE sign_in_links SET used_at = NULL WHERE user_id = ?', person.id);
    await again.post('/console/sign-out/everywhere');
    expect((await openBrowser().post(link)).status).toBe(410);
  });

  test('everywhere, by a key, does not keep its user out: only the sessions of that key end', async () => {
    const { api_key: leaked } = await createKey(person.key, { label: 'leaked' });
    const member = await signInByLink(keys.PROVIDER, person.id);
    const byOtherKey = await signIn(person.key);
    const [thief, accomplice] = [await signIn(leaked), await signIn(leaked)];
    await thief.post('/console/sign-out/everywhere');
    expect(await Promise.all([thief, accomplice, member, byOtherKey].map(isSignedIn))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });
});

test('the hourly job forgets sessions after 12 hours, and links a week after they expired', async () => {
  await signIn(person.key);
  const link = await invite(keys.PROVIDER, person.id);
  const rows = () =>
    readRows(
      `SELECT (SELECT count(*) FROM sessions WHERE user_id = ?1) AS sessions,
         (SELECT count(*) FROM sign_in_links WHERE user_id = ?1) AS links`,
      person.id,
    );
  const runCron = async () => {
    const context = createExecutionContext();
    await worker.scheduled(createScheduledController(), env, context);
    await waitOnExecutionContext(context);
  };
  await runCron();
  expect(await rows()).toEqual([{ sessions: 1, links: 1 }]);
  expect((await openBrowser().open(link)).status).toBe(200);
  await alter('UPDATE sessions SET started_at = started_at - ?', 12 * HOUR_MS + 1);
  await alter('UPDATE sign_in_links SET expires_at = expires_at - ?', 8 * 24 * HOUR_MS + 1);
  await runCron();
  expect(await rows()).toEqual([{ sessions: 0, links: 0 }]);
});

describe('past its limit', () => {
  const refuse = (names: string[]) => ({
    limit: async ({ key }: { key: string }) => {
      names.push(key);
      return { success: false };
    },
  });

  test('a session reads nothing, and is told to come back in a minute', async () => {
    const { DB, queries } = noteQueries();
    const browser = await signIn(person.key);
    const names: string[] = [];
    const answer = await browser.open('/console/nowhere', {
      env: { RATE_LIMIT: 'on', DB, TAKING_AWAY_RATE_LIMIT: refuse(names) },
    });
    expect([answer.status, answer.headers.get('Retry-After')]).toEqual([429, '60']);
    expect(names).toEqual([expect.stringMatching(/^session [0-9a-f]{64}$/)]);
    expect(queries.filter((query) => query.includes('"sessions"'))).toEqual([]);
  });

  test('a user gets no page, but may sign out', async () => {
    const browser = await signIn(person.key);
    const csrf = await browser.csrfToken();
    const names: string[] = [];
    const env = { RATE_LIMIT: 'on', USER_RATE_LIMIT: refuse(names) };
    expect((await browser.open('/console/nowhere', { env })).status).toBe(429);
    expect(names).toEqual([`user ${person.id}`]);
    expect((await browser.postRaw('/console/sign-out', { csrf }, { env })).status).toBe(303);
  });
});
