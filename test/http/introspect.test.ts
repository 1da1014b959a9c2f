import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { compose } from '../../src/compose.ts';
import { newIsolate } from '../../src/domain/isolate.ts';
import { generateApiKey, hashApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { type Answer, type CallOptions, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import {
  expectForbidden,
  expectInvalid,
  expectRateLimited,
  expectTooLarge,
  expectUnauthenticated,
  expectUnavailable,
  expectUnsupported,
} from '../support/expect-error.ts';
import { basic, form } from '../support/form.ts';
import { changeUser, createOrganisation, createPerson, type Person } from '../support/people.ts';
import { alter, readRows, writingNothing } from '../support/stored.ts';

/* Token introspection (RFC 7662), over the verification that every other call rests on. */

const ROUTE = 'POST /v2/introspect';
const INSIDE = '192.0.2.20';
const OUTSIDE = '198.51.100.1';

let keys: RoleKeys;
let stranger: Person;
beforeAll(async () => {
  keys = await deploy();
  stranger = await createPerson(keys.PROVIDER, 'ORG_ADMIN', await createOrganisation(keys.PROVIDER, 'Another'));
});

function introspect(
  by: string | null,
  parameters: Parameters<typeof form>[0],
  { headers, ...options }: CallOptions = {},
): Promise<Answer> {
  return call(by, ROUTE, { ...form(parameters, headers), ...options });
}

const NOT_ACTIVE = { active: false };

describe('an active key', () => {
  test('is told with whose it is, what it may do and when it was made, and nothing is written', async () => {
    const made = await createKey(keys.ORG_ADMIN, {
      has_restricted_permissions: true,
      permissions: ['review_read', 'review_reply'],
      ip_whitelist: ['192.0.2.0/24'],
    });
    const parameters = { token: made.api_key, ip: INSIDE, permissions: 'review_reply review_read' };
    const answer = await writingNothing(() => introspect(keys.ORG_ADMIN, parameters));
    expect(answer.status).toBe(200);
    expect(Object.entries(answer.body)).toEqual([
      ['active', true],
      ['scope', 'review_read review_reply'],
      ['sub', made.user_id],
      ['client_id', String(made.id)],
      ['iat', await createdAt(made.id)],
    ]);
    expect(answer.headers.get('Content-Type')).toMatch(/^application\/json/);
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
  });

  test('has the permissions that its user has today, and may have none', async () => {
    const unrestricted = await introspect(keys.ORG_ADMIN, { token: keys.PUBLISHER });
    expect(unrestricted.body.scope).toBe((await readCurrent(keys.PUBLISHER)).permissions.join(' '));
    const { api_key } = await createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions: [] });
    expect((await introspect(keys.ORG_ADMIN, { token: api_key })).body).toMatchObject({ active: true, scope: '' });
  });

  test('says when it expires', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { expiration_date: '2099-12-31' });
    const { body } = await introspect(keys.ORG_ADMIN, { token: api_key });
    expect(body.exp).toBe(Date.parse('2099-12-31T00:00:00Z') / 1000);
    expect(Object.keys(body)).toEqual(['active', 'scope', 'sub', 'client_id', 'exp', 'iat']);
  });

  test.each([
    ['the end of its overlap, where it was rotated out', null, 'overlap'],
    ['the end of its overlap, where that is before its expiry', '2099-12-31', 'overlap'],
    ['its expiry, where that is before the end of its overlap', 'tomorrow', 'expiry'],
  ])('says %s', async (_, expires, earlier) => {
    const tomorrow = new Date(Date.now() + 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
    const made = await createKey(keys.ORG_ADMIN, { expiration_date: expires === 'tomorrow' ? tomorrow : expires });
    const body = { overlap_seconds: 3 * 24 * 60 * 60 };
    const rotated = await call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${made.id}`, { body });
    const [row] = await readRows('SELECT retires_at FROM api_key_secrets WHERE hash = ?', hashApiKey(made.api_key));
    const expiry = expires === null ? undefined : Date.parse(`${made.expiration_date}T00:00:00Z`) / 1000;
    const old = (await introspect(keys.ORG_ADMIN, { token: made.api_key })).body;
    expect(old.exp).toBe(earlier === 'expiry' ? expiry : Math.floor(Number(row?.retires_at) / 1000));
    const current = (await introspect(keys.ORG_ADMIN, { token: rotated.body.api_key })).body;
    expect([current.active, current.exp]).toEqual([true, expiry]);
    // Both speak of the key, and when that was made.
    expect([old.iat, current.iat]).toEqual(Array(2).fill(await createdAt(made.id)));
  });
});

async function createdAt(id: number): Promise<number> {
  const [row] = await readRows('SELECT created_at FROM api_keys WHERE id = ?', id);
  return Math.floor(Number(row?.created_at) / 1000);
}

/** Keys, each brought into a state by an administrator. */
const STATES: Record<string, (by: string) => Promise<string> | string> = {
  active: async (by) => (await createKey(by)).api_key,
  revoked: async (by) => {
    const made = await createKey(by);
    await call(by, `POST /v2/api_keys/revoke/${made.id}`);
    return made.api_key;
  },
  'rotated out': async (by) => {
    const made = await createKey(by);
    await call(by, `POST /v2/api_keys/rotate/${made.id}`);
    return made.api_key;
  },
  expired: async (by) => {
    const made = await createKey(by);
    await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", made.id);
    return made.api_key;
  },
  "a disabled user's": async (by) => {
    const person = await createPerson(keys.PROVIDER, 'PUBLISHER', (await readCurrent(by)).org_id);
    await changeUser(by, person.id, { disabled: true });
    return person.key;
  },
  'restricted to other addresses': async (by) => (await createKey(by, { ip_whitelist: ['192.0.2.0/24'] })).api_key,
  'not there': () => generateApiKey('lk'),
  mistyped: async (by) => (await createKey(by)).api_key.replace(/.$/, '!'),
  'no key': () => 'nonsense',
};

describe('a key that is', () => {
  test.each(Object.keys(STATES))('%s: active only if verify says that it is valid', async (state) => {
    const token = (await STATES[state]?.(keys.ORG_ADMIN)) ?? '';
    const answer = await introspect(keys.ORG_ADMIN, { token, ip: OUTSIDE });
    const verified = await call(keys.ORG_ADMIN, 'POST /v2/api_keys/verify', { body: { api_key: token, ip: OUTSIDE } });
    expect(verified.body.valid).toBe(state === 'active');
    if (state === 'active') expect(answer.body.active).toBe(true);
    else expect(answer).toMatchObject({ status: 200, body: NOT_ACTIVE });
    expect(Object.keys(answer.body).length === 1).toBe(state !== 'active');
  });

  test.each(Object.keys(STATES))("%s: another organisation's is not active, but for a PROVIDER", async (state) => {
    const token = (await STATES[state]?.(stranger.key)) ?? '';
    expect((await introspect(keys.ORG_ADMIN, { token, ip: OUTSIDE })).body).toEqual(NOT_ACTIVE);
    const isActive = state === 'active';
    for (const by of [stranger.key, keys.PROVIDER]) {
      expect((await introspect(by, { token, ip: OUTSIDE })).body.active).toBe(isActive);
    }
  });

  test('without a permission that is asked about is not active', async () => {
    const asked = { token: keys.PUBLISHER, permissions: 'review_read review_reply' };
    expect((await introspect(keys.ORG_ADMIN, asked)).body).toEqual(NOT_ACTIVE);
    expect((await introspect(keys.ORG_ADMIN, { ...asked, permissions: 'review_read' })).body.active).toBe(true);
  });
});

describe('only the address in the form counts:', () => {
  test.each<[Record<string, string>, string, boolean]>([
    [{}, INSIDE, false],
    [{ ip: '' }, INSIDE, false],
    [{ ip: OUTSIDE }, INSIDE, false],
    [{ ip: INSIDE }, OUTSIDE, true],
    [{ ip: `::ffff:${INSIDE}` }, OUTSIDE, true],
  ])('%j from a gateway at %s: %s', async (address, gateway, isActive) => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['192.0.2.0/24'] });
    const headers = { 'X-Forwarded-For': INSIDE, 'X-Real-IP': INSIDE };
    const answer = await introspect(keys.ORG_ADMIN, { token: api_key, ...address }, { ip: gateway, headers });
    expect(answer.body.active).toBe(isActive);
  });
});

describe('a form', () => {
  test('may have parameters that are of no interest here, as often as they like', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN);
    const others: [string, string][] = [
      ['token_type_hint', 'refresh_token'],
      ['token_hint', 'access_token'],
      ['resource', 'https://a.example'],
      ['resource', 'https://b.example'],
      ['token[]', 'x'],
      ['__proto__', 'x'],
      ['', ''],
    ];
    const answer = await introspect(keys.ORG_ADMIN, [...others, ['token', api_key], ...others]);
    expect(answer.body.active).toBe(true);
  });

  test('counts an empty parameter as left out, and white space around a token as none of it', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN);
    for (const more of [{ ip: '' }, { permissions: '' }, { permissions: '  ' }, { token: ` ${api_key}\n` }]) {
      expect((await introspect(keys.ORG_ADMIN, { token: api_key, ...more })).body.active).toBe(true);
    }
  });

  test.each<[string, Parameters<typeof form>[0], string[]]>([
    ['no token', {}, ['token']],
    ['an empty token', { token: '' }, ['token']],
    ['a token of white space', { token: ' ' }, ['token']],
    ['two tokens', [...Array(2)].map(() => ['token', 'x']), ['token']],
    [
      'a token, and an empty one',
      [
        ['token', 'x'],
        ['token', ''],
      ],
      ['token'],
    ],
    [
      'two addresses',
      [
        ['token', 'x'],
        ['ip', INSIDE],
        ['ip', INSIDE],
      ],
      ['ip'],
    ],
    [
      'permissions twice',
      [
        ['token', 'x'],
        ['permissions', ''],
        ['permissions', ''],
      ],
      ['permissions'],
    ],
    ['an address that is a name', { token: 'x', ip: 'office' }, ['ip']],
    ['an address with a port', { token: 'x', ip: `${INSIDE}:443` }, ['ip']],
    ['a permission that there is not', { token: 'x', permissions: 'review_read fly' }, ['permissions.1']],
    ['a thousand permissions', { token: 'x', permissions: 'review_read '.repeat(1000) }, ['permissions']],
    ['all of it at once', { ip: 'office', permissions: 'fly' }, ['token', 'ip', 'permissions.0']],
  ])('with %s is a 400', async (_, parameters, fields) => {
    expectInvalid(await introspect(keys.ORG_ADMIN, parameters), fields);
  });

  test('that is not UTF-8, or percent-encoded wrongly, has no active token', async () => {
    const { headers } = form({});
    const body = new Uint8Array([...new TextEncoder().encode(`token=${keys.PUBLISHER}`), 0xff]);
    expectInvalid(await call(keys.ORG_ADMIN, ROUTE, { body, headers }), ['body']);
    for (const end of ['%', '%zz', '%ff', '%00']) {
      const answer = await call(keys.ORG_ADMIN, ROUTE, { body: `token=${keys.PUBLISHER}${end}`, headers });
      expect(answer).toMatchObject({ status: 200, body: NOT_ACTIVE });
    }
  });

  test.each<[string, CallOptions]>([
    ['no body', { headers: form({}).headers }],
    ['an empty body', { body: '', headers: form({}).headers }],
  ])('that is %s lacks its token', async (_, options) => {
    expectInvalid(await call(keys.ORG_ADMIN, ROUTE, options), ['token']);
  });

  test.each([
    'application/x-www-form-urlencoded;charset=UTF-8',
    'application/x-www-form-urlencoded; charset="utf-8"',
    'Application/X-WWW-Form-Urlencoded',
  ])('may be declared as %s', async (type) => {
    const answer = await introspect(keys.ORG_ADMIN, { token: keys.PUBLISHER }, { headers: { 'Content-Type': type } });
    expect(answer.body.active).toBe(true);
  });

  test.each([
    'application/json',
    'multipart/form-data; boundary=x',
    'text/plain',
    'application/x-www-form-urlencoded; charset=utf-16',
    '',
  ])('declared as %j is a 415 that says what to send', async (type) => {
    const answer = await introspect(keys.ORG_ADMIN, { token: keys.PUBLISHER }, { headers: { 'Content-Type': type } });
    expectUnsupported(answer);
    expect(answer.body.errors.json).toContain('application/x-www-form-urlencoded');
  });

  test('of no type is a 415, and of 70 KiB a 413', async () => {
    const body = new TextEncoder().encode(`token=${keys.PUBLISHER}`);
    expectUnsupported(await call(keys.ORG_ADMIN, ROUTE, { body, headers: { 'Content-Type': null } }));
    expectTooLarge(await introspect(keys.ORG_ADMIN, { token: 'x'.repeat(70 * 1024) }));
  });

  test('of whatever text is answered, and never with what it said', { timeout: 30_000 }, async () => {
    const name = fc.constantFrom('token', 'ip', 'permissions', 'token[]', '__proto__', 'constructor', 'a');
    const encoded = fc.array(fc.tuple(name, fc.string({ unit: 'binary', maxLength: 80 })), { maxLength: 4 });
    const raw = fc.string({
      unit: fc.constantFrom('%', '&', '=', '+', 'token', 'ip', 'f', '0', '\u0000', 'é'),
      maxLength: 40,
    });
    const bodies = fc.oneof(
      encoded.map((pairs) => form(pairs).body),
      raw,
      raw.map((text) => `token=${text}`),
    );
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const answer = await call(keys.ORG_ADMIN, ROUTE, { body, headers: form({}).headers });
        if (answer.status === 200) expect(answer.body).toEqual(NOT_ACTIVE);
        else expectInvalid(answer, Object.keys(answer.body.errors.json));
      }),
      { seed: 20_260_102, numRuns: 200 },
    );
  });
});

describe('the key of who asks', () => {
  const token = () => ({ token: keys.PUBLISHER });

  test.each(['gateway', '', 'lk_whatever', 'a user name with spaces'])(
    'may be the password of HTTP Basic, of the user %j',
    async (user) => {
      const answer = await introspect(null, token(), { headers: basic(user, keys.ORG_ADMIN) });
      expect(answer.body.active).toBe(true);
    },
  );

  test('may be in both places, if it is the same', async () => {
    const answer = await introspect(keys.ORG_ADMIN, token(), { headers: basic('gateway', keys.ORG_ADMIN) });
    expect(answer.body.active).toBe(true);
  });

  test('is none of two that differ, whichever of them would do', async () => {
    const ask = (key: string, password: string) => introspect(key, token(), { headers: basic('gateway', password) });
    expectUnauthenticated(await ask(keys.ORG_ADMIN, keys.PROVIDER), 'MALFORMED_KEY');
    expectUnauthenticated(await ask(keys.PUBLISHER, keys.ORG_ADMIN), 'MALFORMED_KEY');
    expectUnauthenticated(await ask(keys.ORG_ADMIN, 'secret'), 'MALFORMED_KEY');
  });

  test.each<[string, () => Record<string, string>, string]>([
    ['a password that is no key', () => basic('gateway', 'secret'), 'MALFORMED_KEY'],
    ['a password that is no key any more', () => basic('gateway', generateApiKey('lk')), 'UNKNOWN_KEY'],
    ['no password', () => basic('gateway', ''), 'MISSING_KEY'],
    ['its key for a user name', () => basic(keys.ORG_ADMIN, ''), 'MISSING_KEY'],
    ['no base64', () => ({ Authorization: 'Basic ???' }), 'MISSING_KEY'],
    ['no colon', () => ({ Authorization: `Basic ${btoa(keys.ORG_ADMIN)}` }), 'MISSING_KEY'],
    ['another scheme', () => ({ Authorization: `Digest ${btoa(`x:${keys.ORG_ADMIN}`)}` }), 'MISSING_KEY'],
    ['nothing', () => ({}), 'MISSING_KEY'],
  ])('is not taken from %s', async (_, headers, code) => {
    expectUnauthenticated(await introspect(null, token(), { headers: headers() }), code);
  });

  test.each(['GET /v2/api_keys/current', 'POST /v2/api_keys/verify', 'GET /v2/introspect', 'POST /v2/introspect/more'])(
    'is not taken from HTTP Basic by %s',
    async (route) => {
      const body = route === 'POST /v2/api_keys/verify' ? { body: { api_key: keys.PUBLISHER } } : {};
      const headers = basic('gateway', keys.ORG_ADMIN);
      expectUnauthenticated(await call(null, route, { ...body, headers }), 'MISSING_KEY');
    },
  );

  test('needs api_key_verify, and has to work from where it calls', async () => {
    const only = (permissions: string[], fields = {}) =>
      createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions, ...fields });
    const may = await only(['api_key_verify'], { ip_whitelist: [INSIDE] });
    const mayNot = await only(['api_key_read', 'api_key_manage']);
    const ask = (password: string, ip: string) =>
      introspect(null, token(), { headers: basic('gateway', password), ip });
    expect((await ask(may.api_key, INSIDE)).body.active).toBe(true);
    expectForbidden(await ask(may.api_key, OUTSIDE), 'IP_NOT_ALLOWED');
    expectForbidden(await ask(mayNot.api_key, INSIDE), 'PERMISSION_DENIED');
  });
});

describe('limits:', () => {
  test("a gateway may ask as often as it is called, past its organisation's limit", async () => {
    const limited = { env: { RATE_LIMIT: 'on', ORG_RATE_LIMIT: { limit: async () => ({ success: false }) } } };
    expect((await call(keys.ORG_ADMIN, 'GET /v2/api_keys', limited)).status).toBe(429);
    expect((await introspect(keys.ORG_ADMIN, { token: keys.PUBLISHER }, limited)).body.active).toBe(true);
  });

  test('over the budget of look-ups there is no verdict: 429, never inactive', async () => {
    const payers: string[] = [];
    const MISS_RATE_LIMIT = {
      limit: async ({ key }: RateLimitOptions) => {
        payers.push(key);
        return { success: false };
      },
    };
    const tryKey = (parameters: Record<string, string>) =>
      introspect(keys.ORG_ADMIN, { token: generateApiKey('lk'), ...parameters }, { env: { MISS_RATE_LIMIT } });
    const { org_id } = await readCurrent(keys.ORG_ADMIN);
    for (const parameters of [{ ip: '192.0.2.77' }, {}]) {
      expect((await tryKey(parameters)).body).toEqual(NOT_ACTIVE);
      expectRateLimited(await tryKey(parameters));
    }
    const names = ['192.0.2.77', 'no address'].map((network) => `organisation ${org_id} ${network}`);
    expect(new Set(payers)).toEqual(new Set(names));
  });
});

test('without storage there is no verdict: 503, never inactive', async () => {
  const { api_key } = await createKey(keys.ORG_ADMIN);
  const hash = hashApiKey(api_key);
  const isolate = newIsolate();
  const app = createApp((bindings, context) => {
    const services = compose(bindings, context, isolate);
    return {
      ...services,
      cache: { ...services.cache, read: async (name) => (name === hash ? null : services.cache.read(name)) },
      source: {
        ...services.source,
        readRecord: async (name, from) => {
          if (name === hash) throw new Error('Out of reach');
          return services.source.readRecord(name, from);
        },
      },
    };
  });
  expectUnavailable(await introspect(keys.ORG_ADMIN, { token: api_key }, { app }));
});

/*
 * What gateways send, by their documentation and their published sources: the header fields and the bodies are theirs, letter
 * by letter.
 */
describe('a gateway:', () => {
  async function send(headers: Record<string, string>, body: string): Promise<Answer> {
    const request = new Request('https://latchkey.example/v2/introspect', { method: 'POST', headers, body });
    const context = createExecutionContext();
    const response = await createApp(compose).fetch(request, env, context);
    const answer = { status: response.status, headers: response.headers, body: await response.json() };
    await waitOnExecutionContext(context);
    return answer;
  }

  let gateway: string;
  let client: Answer['body'];
  beforeAll(async () => {
    const narrow = { user_type: 'bot', has_restricted_permissions: true, permissions: ['api_key_verify'] };
    gateway = (await createKey(keys.ORG_ADMIN, narrow)).api_key;
    client = await createKey(keys.ORG_ADMIN, { expiration_date: '2099-12-31', ip_whitelist: ['192.0.2.0/24'] });
  });

  test.each([
    ['with the address', `&ip=${INSIDE}`, true],
    ['without one, for a key with a list', '', false],
  ])(
    'NGINX with njs sends HTTP Basic, token and token_hint, and the header fields of its own client, %s',
    async (_, address, isActive) => {
      const answer = await send(
        {
          Host: 'latchkey.example',
          Connection: 'close',
          Authorization: `Basic ${btoa(`my-client-id:${gateway}`)}`,
          'Content-Type': 'application/x-www-form-urlencoded',
          'User-Agent': 'curl/8.5.0',
          Accept: '*/*',
          Cookie: 'session=1',
        },
        `token=${client.api_key}&token_hint=access_token${address}`,
      );
      expect([answer.status, answer.body.active]).toEqual([200, isActive]);
      // It makes a header field of each member of the answer.
      for (const value of Object.values(answer.body)) expect(['string', 'number', 'boolean']).toContain(typeof value);
    },
  );

  test('NGINX with njs and without a client id sends its key as Bearer', async () => {
    const headers = { Authorization: `Bearer ${gateway}`, 'Content-Type': 'application/x-www-form-urlencoded' };
    const answer = await send(headers, `token=${client.api_key}&token_hint=access_token&ip=${INSIDE}`);
    expect(answer.body).toMatchObject({ active: true, client_id: String(client.id) });
  });

  test('APISIX sends HTTP Basic, and its client id and secret in the form too, and caches until exp', async () => {
    const { api_key, id } = await createKey(keys.ORG_ADMIN, { expiration_date: '2099-12-31' });
    const answer = await send(
      {
        Host: 'latchkey.example',
        'User-Agent': 'lua-resty-http/0.17.1 (Lua) ngx_lua/10026',
        // It escapes both halves before it encodes them. What a key is made of stays as it is.
        Authorization: `Basic ${btoa(`${encodeURIComponent('apisix')}:${encodeURIComponent(gateway)}`)}`,
        'Content-Type': 'application/x-www-form-urlencoded',
      },
      `client_secret=${gateway}&client_id=apisix&token=${api_key}`,
    );
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ active: true, client_id: String(id) });
    expect(answer.body.exp).toBe(Date.parse('2099-12-31T00:00:00Z') / 1000);
  });

  test('Kong sends HTTP Basic, token, token_type_hint and Accept', async () => {
    const answer = await send(
      {
        Host: 'latchkey.example',
        Authorization: `Basic ${btoa(`kong:${gateway}`)}`,
        'Content-Type': 'application/x-www-form-urlencoded',
        Accept: 'application/json',
      },
      `token=${keys.PUBLISHER}&token_type_hint=access_token`,
    );
    expect(answer.body).toMatchObject({ active: true, sub: (await readCurrent(keys.PUBLISHER)).user_id });
  });

  test('one that does not encode the token cannot be talked into another address by its client', async () => {
    const headers = {
      Authorization: `Basic ${btoa(`my-client-id:${gateway}`)}`,
      'Content-Type': 'application/x-www-form-urlencoded',
    };
    const smuggled = `${client.api_key}&ip=${INSIDE}`;
    expectInvalid(await send(headers, `token=${smuggled}&ip=${OUTSIDE}`), ['ip']);
    expect((await send(headers, `token=${encodeURIComponent(smuggled)}&ip=${OUTSIDE}`)).body).toEqual(NOT_ACTIVE);
    expect((await send(headers, `token=${client.api_key}&ip=${OUTSIDE}`)).body).toEqual(NOT_ACTIVE);
  });
});
