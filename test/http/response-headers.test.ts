import { beforeAll, describe, expect, test } from 'vitest';
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
  [201, 'ORG_ADMIN', 'POST /v2/api_keys', { body: { label: 'a key' } }],
  [400, 'ORG_ADMIN', 'POST /v2/api_keys', { body: {} }],
  [400, 'ORG_ADMIN', 'GET /v2/api_keys?page=abc', {}],
  [401, null, 'GET /v2/api_keys', {}],
  [401, null, 'GET /v2/nothing', {}],
  [403, 'PUBLISHER', 'POST /v2/api_keys', { body: { label: 'a key' } }],
  [404, 'ORG_ADMIN', 'GET /v2/api_keys/999999', {}],
  [404, 'ORG_ADMIN', 'GET /v2/nothing', {}],
  [404, 'ORG_ADMIN', 'OPTIONS /v2/api_keys', {}],
  [401, null, 'OPTIONS /v2/api_keys', {}],
  [413, 'ORG_ADMIN', 'POST /v2/api_keys', { body: ' '.repeat(70 * 1024) }],
  [415, 'ORG_ADMIN', 'POST /v2/api_keys', { body: '{}', headers: TEXT }],
  [500, 'ORG_ADMIN', 'GET /v2/api_keys', { env: { RATE_LIMIT: 'sometimes' } }],
  [503, 'ORG_ADMIN', 'POST /v2/api_keys', { body: { label: 'a key' }, env: { MASTER_KEYS: '' } }],
];

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

  test('asks for a key where one is missing, and only there', () => {
    expect(answer.headers.has('WWW-Authenticate')).toBe(status === 401);
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
});
