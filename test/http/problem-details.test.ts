import { beforeAll, describe, expect, test } from 'vitest';
import { type CallOptions, call } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';

/* RFC 9457, for clients that ask for it. */

const PROBLEM = 'application/problem+json';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

/** Makes a call with an `Accept`, and parses what came back, whatever it is called. */
async function ask(accept: string | null, by: keyof RoleKeys | null, route: string, options: CallOptions = {}) {
  const { status, headers, body } = await call(by === null ? null : keys[by], route, {
    ...options,
    headers: { ...options.headers, Accept: accept },
  });
  return {
    status,
    type: headers.get('Content-Type'),
    id: headers.get('X-Request-Id'),
    headers,
    body: typeof body === 'string' ? JSON.parse(body) : body,
  };
}

const ERRORS: [number, string, string, keyof RoleKeys | null, string, CallOptions][] = [
  [400, 'INVALID_REQUEST', 'Invalid request', 'ORG_ADMIN', 'POST /v2/api_keys', { body: {} }],
  [401, 'MISSING_KEY', 'Missing key', null, 'GET /v2/api_keys', {}],
  [403, 'PERMISSION_DENIED', 'Permission denied', 'PUBLISHER', 'POST /v2/api_keys', {}],
  [404, 'NOT_FOUND', 'Not found', 'ORG_ADMIN', 'GET /v2/api_keys/999999', {}],
  [404, 'NOT_FOUND', 'Not found', null, 'GET /nowhere?secret=lk_1', {}],
  [405, 'METHOD_NOT_ALLOWED', 'Method not allowed', 'ORG_ADMIN', 'DELETE /v2/api_keys', {}],
  [415, 'UNSUPPORTED_MEDIA_TYPE', 'Unsupported media type', 'ORG_ADMIN', 'POST /v2/api_keys', {}],
  [500, 'INTERNAL', 'Internal', 'ORG_ADMIN', 'GET /v2/api_keys', { env: { RATE_LIMIT: 'sometimes' } }],
  [
    503,
    'UNAVAILABLE',
    'Unavailable',
    'ORG_ADMIN',
    'POST /v2/api_keys',
    { body: { label: 'a' }, env: { MASTER_KEYS: '' } },
  ],
];

describe.each(ERRORS)('a %i %s', (status, code, title, by, route, options) => {
  test('is problem details where they are asked for, with all that the error has otherwise', async () => {
    const plain = await ask(null, by, route, options);
    const problem = await ask(PROBLEM, by, route, options);
    expect([problem.status, problem.type]).toEqual([status, PROBLEM]);
    expect(problem.body).toEqual({
      errors: plain.body.errors,
      code,
      request_id: problem.id,
      type: `/docs/errors#${code}`,
      title,
      status,
      detail: expect.stringMatching(/\S/),
      instance: `urn:uuid:${problem.id}`,
    });
    const names = (headers: Headers) => [...headers.keys()].toSorted();
    expect(names(problem.headers)).toEqual(names(plain.headers));
  });

  test('is what it always was where they are not', async () => {
    for (const accept of [null, '*/*', 'application/*', 'application/json', 'text/html']) {
      const plain = await ask(accept, by, route, options);
      expect(Object.keys(plain.body)).toEqual(['errors', 'code', 'request_id']);
      expect([plain.status, plain.type]).toEqual([status, 'application/json']);
    }
  });
});

test.each<[string, boolean]>([
  ['Application/Problem+JSON', true],
  ['application/problem+json; charset=utf-8', true],
  ['application/json, application/problem+json', true],
  ['application/problem+json, application/json', true],
  ['text/html, application/problem+json;q=0.1, */*', true],
  ['application/json;q=0.5, application/problem+json;q=0.6', true],
  ['application/json;q=0.6, application/problem+json;q=0.5', false],
  ['application/json, application/problem+json;q=0', false],
  ['application/problem+json;q=0', false],
  ['application/problem+xml', false],
  ['application/problem', false],
  [',;q="', false],
  ['', false],
])('Accept: %s gives problem details: %s', async (accept, isProblem) => {
  const { type } = await ask(accept, 'ORG_ADMIN', 'GET /v2/nothing');
  expect(type).toBe(isProblem ? PROBLEM : 'application/json');
});

test('the detail of a 400 names every wrong field', async () => {
  const { body } = await ask(PROBLEM, 'ORG_ADMIN', 'POST /v2/api_keys', { body: { label: '', colour: 'red' } });
  expect(Object.keys(body.errors.json).toSorted()).toEqual(['colour', 'label']);
  for (const [field, message] of Object.entries(body.errors.json))
    expect(body.detail).toContain(`${field}: ${message}`);
});

test('the detail of any other error is its message', async () => {
  const { body } = await ask(PROBLEM, null, 'GET /v2/api_keys');
  expect(body.detail).toBe(body.errors.authentication);
});

test('what succeeds is not changed by it', async () => {
  const { status, type } = await ask(PROBLEM, 'ORG_ADMIN', 'GET /v2/api_keys/current');
  expect([status, type]).toEqual([200, 'application/json']);
});
