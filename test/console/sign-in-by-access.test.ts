import { env } from 'cloudflare:workers';
import { sign } from 'hono/jwt';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { compose } from '../../src/compose.ts';
import { newIsolate } from '../../src/domain/isolate.ts';
import type { AccessKey } from '../../src/storage/access-keys.ts';
import { type Browser, invite, isSignedIn, openBrowser } from '../support/browser.ts';
import { type Answer, call } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { readEvents } from '../support/events.ts';
import { createUser, freshEmail, readUser } from '../support/people.ts';
import { readRows } from '../support/stored.ts';
import { watchDatabase } from '../support/watched-database.ts';

const TEAM = 'acme.cloudflareaccess.com';
const AUDIENCE = 'a'.repeat(64);
const SETTINGS = { ACCESS_TEAM_DOMAIN: TEAM, ACCESS_AUD: AUDIENCE };
const PATH = '/console/sign-in/access';

/** A key pair as Access has one: the private half signs here, in the place of Access. */
interface Pair {
  privateKey: JsonWebKey & { kid: string; alg: 'RS256' };
  publicKey: AccessKey;
}

async function makePair(kid: string): Promise<Pair> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  const pair = await crypto.subtle.generateKey({ ...algorithm, hash: 'SHA-256' }, true, ['sign', 'verify']);
  if (!('privateKey' in pair)) throw new Error('This is no pair');
  const [privateKey, publicKey] = await Promise.all([exportKey(pair.privateKey), exportKey(pair.publicKey)]);
  return {
    privateKey: { ...privateKey, kid, alg: 'RS256' },
    publicKey: { kid, kty: 'RSA', alg: 'RS256', use: 'sig', n: publicKey.n ?? '', e: publicKey.e ?? '' },
  };
}

async function exportKey(key: CryptoKey): Promise<JsonWebKey> {
  const exported = await crypto.subtle.exportKey('jwk', key);
  if (exported instanceof ArrayBuffer) throw new Error('This is no JWK');
  return exported;
}

let keys: RoleKeys;
let pair: Pair;
let email: string;
let userId: string;
beforeAll(async () => {
  keys = await deploy();
  pair = await makePair('first');
});
beforeEach(async () => {
  email = freshEmail();
  userId = await createUser(keys.PROVIDER, { email, role: 'ORG_MANAGER' });
});

/** What Access says of the person, with some claims in place of the usual ones. Undefined: the claim is left out. */
function claimsOf(claims: Record<string, unknown> = {}): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000);
  return {
    type: 'app',
    iss: `https://${TEAM}`,
    aud: [AUDIENCE],
    sub: `sub of ${email}`,
    email,
    iat: now - 60,
    nbf: now - 60,
    exp: now + 3_600,
    identity_nonce: 'a nonce',
    country: 'FR',
    ...claims,
  };
}

const tokenOf = (claims: Record<string, unknown> = {}, by = pair) =>
  sign(JSON.parse(JSON.stringify(claimsOf(claims))), by.privateKey, 'RS256');

/** An isolate with its own memory of Access's keys. */
function openAccess(publish: () => AccessKey[] = () => [pair.publicKey]) {
  const isolate = newIsolate();
  const own = { fetches: 0, now: Date.now(), browser: () => openBrowser({ app, env: SETTINGS }) };
  const app = createApp((bound, context) => ({
    ...compose(bound, context, isolate),
    now: () => own.now,
    fetchAccessKeys: async (teamDomain) => {
      own.fetches += 1;
      expect(teamDomain).toBe(TEAM);
      return publish();
    },
  }));
  return own;
}

function signInWith(token: string | null, browser: Browser = openAccess().browser(), settings = {}): Promise<Answer> {
  const headers = { 'Cf-Access-Jwt-Assertion': token };
  return browser.post(PATH, {}, { headers, env: { ...SETTINGS, ...settings } });
}

test('whoever Access has let through is signed in as the user with that email', async () => {
  const browser = openAccess().browser();
  expect((await signInWith(await tokenOf(), browser)).status).toBe(303);
  expect(await isSignedIn(browser)).toBe(true);
  expect((await readUser(keys.PROVIDER, userId)).status).toBe('active');
  const { audit_events } = await readEvents(keys.PROVIDER, `?user_id=${userId}&per_page=1`);
  expect(audit_events).toMatchObject([
    { action: 'user.signed_in', actor_user_id: userId, actor_api_key_id: null, changes: { by: 'access' } },
  ]);
});

test('the email is compared whatever its case', async () => {
  expect((await signInWith(await tokenOf({ email: email.toUpperCase() }))).status).toBe(303);
});

describe('nobody is signed in', () => {
  async function refuse(token: string | null, text: RegExp, browser?: Browser, settings = {}) {
    const [before] = await readRows('SELECT count(*) AS n FROM sessions');
    const answer = await signInWith(token, browser, settings);
    expect(answer.status).toBe(403);
    expect(answer.body).toMatch(text);
    expect(answer.headers.get('Set-Cookie')).toBe(null);
    expect(await readRows('SELECT count(*) AS n FROM sessions')).toEqual([before]);
  }

  test('where it is not set up', async () =>
    refuse(await tokenOf(), /not set up/, undefined, { ACCESS_TEAM_DOMAIN: '', ACCESS_AUD: '' }));
  test('without a token', () => refuse(null, /No account came/));
  test.each(['', 'nonsense', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.'])('by what is no token: %s', (token) =>
    refuse(token, /No account came/),
  );

  test.each<[string, Record<string, unknown>]>([
    ['of another team', { iss: 'https://other.cloudflareaccess.com' }],
    ['for another application', { aud: ['b'.repeat(64)] }],
    ['for no application', { aud: undefined }],
    ['whose time is over', { exp: Math.floor(Date.now() / 1000) - 1 }],
    ['without an end', { exp: undefined }],
    ['whose time has not come', { nbf: Math.floor(Date.now() / 1000) + 600 }],
    ['of a service, which is no person', { sub: '', email: undefined, common_name: 'a service' }],
    ['of the team itself, not of the application', { type: 'org' }],
    ['whose email was not verified', { email_verified: false }],
  ])('by a token %s', async (_, claims) => refuse(await tokenOf(claims), /No account came/));

  test('by a token that someone else has signed under the same key id', async () =>
    refuse(await tokenOf({}, await makePair('first')), /No account came/));

  test('by a token that is signed with the public key as if it were a shared secret', async () => {
    const forged = await sign(claimsOf(), JSON.stringify(pair.publicKey), 'HS256');
    await refuse(forged, /No account came/);
    const [, ...rest] = forged.split('.');
    const header = btoa(JSON.stringify({ alg: 'HS256', typ: 'JWT', kid: 'first' })).replaceAll('=', '');
    await refuse([header, ...rest].join('.'), /No account came/);
  });

  test('by a token that was changed', async () => {
    const [header, , signature] = (await tokenOf()).split('.');
    const payload = btoa(JSON.stringify(claimsOf({ email: 'org-admin@demo.example' }))).replaceAll('=', '');
    await refuse([header, payload, signature].join('.'), /No account came/);
  });

  test('whose email is nobody’s here', async () =>
    refuse(await tokenOf({ email: 'nobody@test.example' }), /No user here/));

  test('whose email only looks like that of a user', async () => {
    // Full-width letters, which fold to the plain ones. They are another mailbox.
    const lookAlike = email.replace('user', 'ｕｓｅｒ');
    expect(lookAlike).not.toBe(email);
    await refuse(await tokenOf({ email: lookAlike }), /No user here/);
  });

  test('whose user is disabled', async () => {
    await call(keys.PROVIDER, `POST /v2/user/${userId}`, { body: { disabled: true } });
    await refuse(await tokenOf(), /disabled/);
  });

  test('who is another identity than the one that the user is bound to, and it is on record', async () => {
    expect((await signInWith(await tokenOf())).status).toBe(303);
    await refuse(await tokenOf({ sub: 'who got the address later' }), /another account/);
    expect((await signInWith(await tokenOf())).status).toBe(303);
    const { audit_events } = await readEvents(keys.PROVIDER, `?user_id=${userId}&action=user.sign_in_refused`);
    expect(audit_events).toMatchObject([{ actor_user_id: null, changes: { by: 'access', why: 'another_identity' } }]);
  });

  test('whose user is disabled just before the transaction', async () => {
    let isFirst = true;
    const DB = watchDatabase(async () => {
      if (!isFirst) return;
      isFirst = false;
      await call(keys.PROVIDER, `POST /v2/user/${userId}`, { body: { disabled: true } });
    });
    expect((await signInWith(await tokenOf(), undefined, { DB })).status).toBe(503);
    expect(await readRows('SELECT 1 FROM sessions WHERE user_id = ?', userId)).toEqual([]);
  });

  test('by an identity that is bound just after another one', async () => {
    let isFirst = true;
    const DB = watchDatabase(async () => {
      if (!isFirst) return;
      isFirst = false;
      expect((await signInWith(await tokenOf({ sub: 'the first' }))).status).toBe(303);
    });
    const answer = await signInWith(await tokenOf({ sub: 'the second' }), undefined, { DB });
    expect(answer.status).toBe(503);
    expect(await readRows('SELECT access_sub FROM users WHERE id = ?', userId)).toEqual([{ access_sub: 'the first' }]);
  });
});

test('a user with a new email is bound anew', async () => {
  expect((await signInWith(await tokenOf())).status).toBe(303);
  email = freshEmail();
  await call(keys.PROVIDER, `POST /v2/user/${userId}`, { body: { email } });
  expect((await signInWith(await tokenOf())).status).toBe(303);
});

test('a session by Access ends with a new link', async () => {
  const browser = openAccess().browser();
  await signInWith(await tokenOf(), browser);
  await invite(keys.PROVIDER, userId);
  expect(await isSignedIn(browser)).toBe(false);
});

describe('the keys of Access', () => {
  test('are fetched once an hour', async () => {
    const here = openAccess();
    for (let n = 0; n < 3; n++) expect((await signInWith(await tokenOf(), here.browser())).status).toBe(303);
    expect(here.fetches).toBe(1);
    here.now += 3_600_000;
    expect((await signInWith(await tokenOf(), here.browser())).status).toBe(303);
    expect(here.fetches).toBe(2);
  });

  test('are fetched again for a key id that is new', async () => {
    const next = await makePair('second');
    let published = [pair.publicKey];
    const here = openAccess(() => published);
    expect((await signInWith(await tokenOf(), here.browser())).status).toBe(303);
    published = [next.publicKey, pair.publicKey];
    expect((await signInWith(await tokenOf({}, next), here.browser())).status).toBe(303);
    expect(here.fetches).toBe(2);
  });

  test('are fetched five times a minute at most, whatever key ids are made up', async () => {
    const here = openAccess();
    here.now = Math.floor(here.now / 60_000) * 60_000;
    for (let n = 0; n < 20; n++) {
      const header = btoa(JSON.stringify({ alg: 'RS256', kid: `made up ${n}` })).replaceAll('=', '');
      expect((await signInWith(`${header}.e30.AAAA`, here.browser())).status).toBe(403);
    }
    expect(here.fetches).toBe(5);
    expect((await signInWith(await tokenOf(), here.browser())).status).toBe(303);
  });

  test('that cannot be fetched: no verdict, and those at hand go on for a day', async () => {
    let isReachable = false;
    const here = openAccess(() => {
      if (!isReachable) throw new Error('Out of reach');
      return [pair.publicKey];
    });
    expect((await signInWith(await tokenOf(), here.browser())).status).toBe(503);
    isReachable = true;
    expect((await signInWith(await tokenOf(), here.browser())).status).toBe(303);
    isReachable = false;
    here.now += 23 * 3_600_000;
    expect((await signInWith(await tokenOf(), here.browser())).status).toBe(303);
    here.now += 3_600_000;
    expect((await signInWith(await tokenOf(), here.browser())).status).toBe(503);
  });
});

test.each([
  { ACCESS_TEAM_DOMAIN: TEAM, ACCESS_AUD: '' },
  { ACCESS_TEAM_DOMAIN: '', ACCESS_AUD: AUDIENCE },
  { ACCESS_TEAM_DOMAIN: 'https://acme.cloudflareaccess.com/', ACCESS_AUD: AUDIENCE },
])('half of the settings, or a bad one, is an error that names them: %o', (settings) => {
  const context = { waitUntil: () => {} };
  const bound = { ...env, ...settings };
  expect(() => compose(bound, context)).toThrow(/ACCESS_/);
});
