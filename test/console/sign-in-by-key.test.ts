import { beforeAll, describe, expect, test } from 'vitest';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { isSignedIn, openBrowser, signIn } from '../support/browser.ts';
import { call, createKey, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { eventsOf, readEvents } from '../support/events.ts';
import { createPerson, readUser } from '../support/people.ts';
import { alter, dumpDatabase, readRows } from '../support/stored.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

const SIGN_IN = '/console/sign-in';

describe('a good key', () => {
  test('signs in, and the cookie is for this host, https and no script', async () => {
    const browser = openBrowser();
    const answer = await browser.post(SIGN_IN, { api_key: keys.ORG_ADMIN });
    expect(answer.status).toBe(303);
    expect(answer.headers.get('Location')).toBe('/console/keys');
    expect(answer.headers.get('Set-Cookie')).toMatch(
      /^__Host-latchkey_session=v1\.test\.[\w-]+\.[\w-]+; Max-Age=43200; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    expect(await isSignedIn(browser)).toBe(true);
  });

  test('with white space around it signs in', async () => {
    const { status } = await openBrowser().post(SIGN_IN, { api_key: `  ${keys.ORG_ADMIN}\n` });
    expect(status).toBe(303);
  });

  test('on plain http of one’s own machine gets a cookie that browsers take there', async () => {
    const { app } = await import('../support/browser.ts').then(({ openClock }) => openClock());
    const onLocalhost = (request: Request, env: Env, context: ExecutionContext) => {
      const local = new Request(request.url.replace('https://latchkey.example', 'http://localhost:8787'), request);
      local.headers.set('Origin', 'http://localhost:8787');
      return app.fetch(local, env, context);
    };
    const browser = openBrowser({ app: { fetch: onLocalhost } });
    const answer = await browser.post(SIGN_IN, { api_key: keys.ORG_ADMIN });
    expect(answer.headers.get('Set-Cookie')).toMatch(
      /^latchkey_session=[^;]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    expect(await isSignedIn(browser)).toBe(true);
  });

  test('of a main integration signs in', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    expect(await isSignedIn(await signIn(api_key))).toBe(true);
  });

  test('ends the status `invited` of its user, and is on record', async () => {
    const person = await createPerson(keys.PROVIDER, 'ORG_MANAGER');
    expect((await readUser(keys.PROVIDER, person.id)).status).toBe('invited');
    const { events } = await eventsOf(keys.PROVIDER, () => signIn(person.key));
    expect((await readUser(keys.PROVIDER, person.id)).status).toBe('active');
    expect(events).toMatchObject([
      {
        action: 'user.signed_in',
        actor_user_id: person.id,
        actor_api_key_id: person.keyId,
        client_ip: '203.0.113.7',
        user_id: person.id,
        changes: { by: 'key' },
      },
    ]);
  });

  test('is not counted as used by signing in or by a page', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const browser = await signIn(api_key, { env: { USAGE: 'on' } });
    await browser.open('/console/nowhere');
    expect((await readKey(keys.ORG_ADMIN, id)).last_used_at).toBe(null);
  });
});

describe('no session is made by a key that', () => {
  async function refuse(apiKey: string, status: number, text: RegExp, ip = '203.0.113.7') {
    const [before] = await readRows('SELECT count(*) AS n FROM sessions');
    const browser = openBrowser();
    browser.ip = ip;
    const answer = await browser.post(SIGN_IN, { api_key: apiKey });
    expect(answer.status).toBe(status);
    expect(answer.body).toMatch(text);
    expect(answer.body).not.toContain(apiKey === '' ? 'never' : apiKey);
    expect(answer.headers.get('Set-Cookie')).toBe(null);
    expect(await readRows('SELECT count(*) AS n FROM sessions')).toEqual([before]);
  }

  test('is missing', () => refuse('', 400, /Paste an API key/));
  test('is mistyped', () => refuse(`${keys.ORG_ADMIN.slice(0, -1)}!`, 400, /checksum/));
  test('does not exist', () => refuse(generateApiKey('lk'), 401, /no such key/));

  test('is revoked', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
    await refuse(api_key, 401, /was revoked/);
  });

  test('has expired', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", id);
    await refuse(api_key, 401, /has expired/);
  });

  test('may not be used from this address', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['192.0.2.1'] });
    await refuse(api_key, 403, /your address/);
    const browser = openBrowser();
    browser.ip = '192.0.2.1';
    expect((await browser.post(SIGN_IN, { api_key })).status).toBe(303);
  });

  test('was rotated out, although it still calls', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const rotated = await call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { body: { overlap_seconds: 3600 } });
    expect((await call(api_key, 'GET /v2/api_keys/current')).status).toBe(200);
    await refuse(api_key, 403, /Use the new one/);
    expect(await isSignedIn(await signIn(rotated.body.api_key))).toBe(true);
  });

  test('has a disabled user', async () => {
    const person = await createPerson(keys.PROVIDER, 'ORG_MANAGER');
    await call(keys.PROVIDER, `POST /v2/user/${person.id}`, { body: { disabled: true } });
    await refuse(person.key, 401, /disabled/);
  });
});

test('a refused key that is known is on record, ten times a minute at most', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['192.0.2.1'] });
  for (let n = 0; n < 15; n++) await openBrowser().post(SIGN_IN, { api_key });
  const { audit_events } = await readEvents(keys.PROVIDER, `?api_key_id=${id}&action=user.sign_in_refused`);
  expect(audit_events.length).toBeGreaterThanOrEqual(10);
  // A minute may have ended meanwhile.
  expect(audit_events.length).toBeLessThan(15);
  expect(audit_events[0]).toMatchObject({
    actor_user_id: null,
    actor_api_key_id: null,
    client_ip: '203.0.113.7',
    changes: { by: 'key', why: 'IP_NOT_ALLOWED' },
  });
});

test('one key signs in 20 times a minute, and others go on', { retry: 2 }, async () => {
  const { api_key } = await createKey(keys.ORG_ADMIN);
  const env = { RATE_LIMIT: 'on' };
  const statuses: number[] = [];
  for (let n = 0; n < 22; n++) statuses.push((await openBrowser({ env }).post(SIGN_IN, { api_key })).status);
  expect(statuses.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 303));
  expect(statuses.slice(20)).toEqual([429, 429]);
  const other = await createKey(keys.ORG_ADMIN);
  expect((await openBrowser({ env }).post(SIGN_IN, { api_key: other.api_key })).status).toBe(303);
});

test('whoever tries keys here spends the same budget as at the API', { retry: 2 }, async () => {
  const browser = openBrowser();
  browser.ip = `198.51.100.${1 + Math.floor(Math.random() * 254)}`;
  for (let n = 0; n < 100; n++) await call(generateApiKey('lk'), 'GET /v2/api_keys/current', { ip: browser.ip });
  expect((await browser.post(SIGN_IN, { api_key: generateApiKey('lk') })).status).toBe(429);
});

test('the database holds nothing to sign in with', async () => {
  const browser = await signIn(keys.ORG_ADMIN);
  const [, sealed = ''] = browser.cookie?.split('=') ?? [];
  const dump = JSON.stringify(await dumpDatabase());
  expect(dump).not.toContain(sealed);
  // Every hash of a session, as the id that a cookie would carry.
  for (const { hash } of await readRows('SELECT hash FROM sessions')) {
    const thief = openBrowser();
    thief.cookie = `__Host-latchkey_session=${hash}`;
    expect(await isSignedIn(thief)).toBe(false);
  }
});
