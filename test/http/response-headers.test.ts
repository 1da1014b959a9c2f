import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { Hono } from 'hono';
import { beforeAll, describe, expect, test } from 'vitest';
import type { HttpEnv } from '../../src/http/context.ts';
import { securityHeaders } from '../../src/http/middleware/answer-headers.ts';
import worker from '../../src/worker.ts';
import { type Answer, type CallOptions, call } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

const TEXT = { 'Content-Type': 'text/plain' };

/** One call for each status that there is. */
const CALLS: [status: number, by: 'ORG_ADMIN' | 'PUBLISHER' | null, route: string, options: CallOptions][] = [
  [200, 'ORG_ADMIN', 'GET /v2/api_keys/current', {}],
  [200, 'ORG_ADMIN', 'GET /v2/api_keys', {}],
  [200, null, 'GET /health', {}],
  [200, null, 'GET /health/ready', {}],
  [201, 'ORG_ADMIN', 'POST /v2/api_keys', { body: { label: 'a key' } }],
  [400, 'ORG_ADMIN', 'POST /v2/api_keys', { body: {} }],
  [400, 'ORG_ADMIN', 'GET /v2/api_keys?page=abc', {}],
  [401, null, 'GET /v2/api_keys', {}],
  [401, null, 'GET /v2/nothing', {}],
  [403, 'PUBLISHER', 'POST /v2/api_keys', { body: { label: 'a key' } }],
  [404, 'ORG_ADMIN', 'GET /v2/api_keys/999999', {}],
  [404, 'ORG_ADMIN', 'GET /v2/nothing', {}],
  [405, 'ORG_ADMIN', 'OPTIONS /v2/api_keys', {}],
  [401, null, 'OPTIONS /v2/api_keys', {}],
  [405, 'ORG_ADMIN', 'DELETE /v2/api_keys/1', {}],
  [413, 'ORG_ADMIN', 'POST /v2/api_keys', { body: ' '.repeat(70 * 1024) }],
  [415, 'ORG_ADMIN', 'POST /v2/api_keys', { body: '{}', headers: TEXT }],
  [500, 'ORG_ADMIN', 'GET /v2/api_keys', { env: { RATE_LIMIT: 'sometimes' } }],
  [503, 'ORG_ADMIN', 'POST /v2/api_keys', { body: { label: 'a key' }, env: { MASTER_KEYS: '' } }],
];

function expectHardened(headers: Headers, transport: string | null): void {
  const told = ['X-Content-Type-Options', 'Referrer-Policy', 'Content-Security-Policy', 'Strict-Transport-Security'];
  const policy = "default-src 'none'; frame-ancestors 'none'";
  expect(told.map((name) => headers.get(name))).toEqual(['nosniff', 'no-referrer', policy, transport]);
}

describe.each(CALLS)('a %i for %s of %s', (status, by, route, options) => {
  let answer: Answer;
  beforeAll(async () => {
    // Everything that a browser or a meddlesome client would send along.
    const headers = {
      ...options.headers,
      Origin: 'https://elsewhere.example',
      'Access-Control-Request-Method': 'POST',
      'X-Request-Id': 'chosen-by-the-client',
      'X-Correlation-Id': 'chosen-by-the-client',
    };
    answer = await call(by === null ? null : keys[by], route, { ...options, headers });
  });

  test('has that status', () => {
    expect(answer.status).toBe(status);
  });

  test('is not to be stored', () => {
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
  });

  test('carries a request id of our own', () => {
    expect(answer.headers.get('X-Request-Id')).toMatch(UUID);
    expect(JSON.stringify(answer.body)).not.toContain('chosen-by-the-client');
  });

  test('allows no browser in, sets no cookie and leads nowhere else', () => {
    const names = [...answer.headers.keys()];
    expect(names.filter((name) => name.startsWith('access-control-'))).toEqual([]);
    expect(names).not.toContain('set-cookie');
    expect(names).not.toContain('location');
  });

  test('tells a browser to guess, run, frame and pass on nothing', () => {
    expectHardened(answer.headers, 'max-age=31536000');
  });

  test('has a challenge where a key or a permission is missing, and only there', () => {
    expect(answer.headers.has('WWW-Authenticate')).toBe(status === 401 || status === 403);
  });

  test('is JSON', () => {
    expect(answer.headers.get('Content-Type')).toMatch(/^application\/json/);
  });
});

test('no two answers have the same request id', async () => {
  const ids: (string | null)[] = [];
  for (let n = 0; n < 10; n++) ids.push((await call(null, 'GET /v2/permissions')).headers.get('X-Request-Id'));
  expect(new Set(ids).size).toBe(10);
});

test('an answer outside of the API has a request id too', async () => {
  const { status, headers } = await call(null, 'GET /');
  expect(status).toBe(404);
  expect(headers.get('X-Request-Id')).toMatch(UUID);
  expectHardened(headers, 'max-age=31536000');
});

test('over plain http nothing is said of https', async () => {
  const context = createExecutionContext();
  const { headers } = await worker.fetch(new Request('http://localhost:8787/v2/permissions'), env, context);
  await waitOnExecutionContext(context);
  expectHardened(headers, null);
});

test('a part of the site has the policy that it sets, and it alone', async () => {
  const POLICY = "default-src 'none'; style-src 'self'";
  const pages = new Hono<HttpEnv>()
    .use(async (c, next) => {
      c.header('Content-Security-Policy', POLICY);
      await next();
    })
    .get('/', (c) => c.html('<p>A page</p>'));
  const app = new Hono<HttpEnv>().use(securityHeaders).route('/pages', pages);
  app.notFound((c) => c.json({}, 404));
  const page = await call(null, 'GET /pages', { app });
  expect(page.headers.get('Content-Security-Policy')).toBe(POLICY);
  expect(page.headers.get('X-Content-Type-Options')).toBe('nosniff');
  expectHardened((await call(null, 'GET /elsewhere', { app })).headers, 'max-age=31536000');
});
