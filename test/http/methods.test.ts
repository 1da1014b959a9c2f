import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { compose } from '../../src/compose.ts';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { call, createKey, LIFTED } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import {
  expectForbidden,
  expectMethodNotAllowed,
  expectNotFound,
  expectRateLimited,
  expectUnauthenticated,
} from '../support/expect-error.ts';
import { writingNothing } from '../support/stored.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'];

/** Every mounted path, with the methods that it takes. */
const PATHS = new Map<string, Set<string>>();
for (const { method, path } of createApp(compose).routes) {
  // What the console has at none of its paths is a page that says so.
  if (method === 'ALL' || !path.startsWith('/v2')) continue;
  const methods = PATHS.get(path) ?? new Set();
  PATHS.set(path, methods.add(method));
  if (method === 'GET') methods.add('HEAD');
}

describe.each([...PATHS])('%s', (pattern, methods) => {
  const path = pattern.replace(/:\w+\{\[1-9\].*?\}/, '999999').replace(/:\w+\{\[0-9a-f\]\{24\}\}/, '0'.repeat(24));

  test('says which form its ids have, so that it takes no other path', () => {
    expect(path).not.toContain(':');
  });

  test.each(METHODS.filter((method) => !methods.has(method)))(
    'does not take %s, and says what it takes',
    async (method) => {
      const route = `${method} ${path}`;
      if (method === 'HEAD') {
        const { status, headers, body } = await call(keys.PROVIDER, route);
        expect([status, headers.get('Allow'), body]).toEqual([405, [...methods].join(', '), '']);
      } else {
        expectMethodNotAllowed(await writingNothing(() => call(keys.PROVIDER, route)), [...methods]);
      }
    },
  );

  test.each([...methods])('takes %s', async (method) => {
    // A key for this call alone: it may end itself.
    const { api_key } = await createKey(keys.PROVIDER);
    expect((await call(api_key, `${method} ${path}`)).status).not.toBe(405);
  });

  test.runIf(methods.has('GET'))('answers HEAD as GET, without the body', async () => {
    const [got, head] = [await call(keys.PROVIDER, `GET ${path}`), await call(keys.PROVIDER, `HEAD ${path}`)];
    expect([head.status, head.body]).toEqual([got.status, '']);
    const named = ({ headers }: { headers: Headers }) => [...headers].filter(([name]) => name !== 'x-request-id');
    expect(named(head)).toEqual(named(got));
  });
});

test('a call of a whole path by its own method is not touched', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  expect((await call(keys.ORG_ADMIN, `HEAD /v2/api_keys/${id}`)).status).toBe(200);
  expectNotFound(await call(keys.ORG_ADMIN, 'GET /v2/api_keys/999999'));
});

test.each([
  ['GET /v2/api_keys/verify', ['POST']],
  ['GET /v2/api_keys/find', ['POST']],
  ['PUT /v2/api_keys/current', ['GET', 'HEAD']],
  ['DELETE /v2/user/me', ['GET', 'HEAD']],
])('%s is no call on a thing of that name', async (route, allowed) => {
  expectMethodNotAllowed(await call(keys.PROVIDER, route), allowed);
});

describe('of what is wrong with a call of another method', () => {
  test('the key is told first, and a stranger learns of no path', async () => {
    expectUnauthenticated(await call(null, 'DELETE /v2/api_keys'), 'MISSING_KEY');
    expectUnauthenticated(await call(generateApiKey('lk'), 'DELETE /v2/api_keys'), 'UNKNOWN_KEY');
  });

  test('the limit comes next', async () => {
    const spent = { env: { RATE_LIMIT: 'on', USER_RATE_LIMIT: { limit: async () => ({ success: false }) } } };
    expectRateLimited(await call(keys.ORG_ADMIN, 'DELETE /v2/api_keys', spent));
    expectRateLimited(await call(keys.ORG_ADMIN, 'GET /v2/api_keys/revoke/1', spent));
  });

  test('the address comes before it', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['192.0.2.1'] });
    expectForbidden(await call(api_key, 'DELETE /v2/api_keys'), 'IP_NOT_ALLOWED');
  });

  test('size and type of the body come after it', async () => {
    const body = ' '.repeat(70 * 1024);
    const answer = await call(keys.ORG_ADMIN, 'DELETE /v2/api_keys', {
      body,
      headers: { 'Content-Type': 'text/plain' },
    });
    expectMethodNotAllowed(answer, ['GET', 'HEAD', 'POST']);
  });
});

test('an answer to HEAD has no body at all', async () => {
  const request = new Request('https://latchkey.example/v2/api_keys/current', {
    method: 'HEAD',
    headers: { 'x-APIKey': keys.ORG_ADMIN },
  });
  const app = createApp(compose);
  const answer = await app.fetch(request, { ...env, ...LIFTED }, createExecutionContext());
  expect([answer.status, answer.body]).toEqual([200, null]);
});
