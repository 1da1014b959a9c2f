import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { type CallOptions, call } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectRateLimited, expectUnauthenticated } from '../support/expect-error.ts';
import { writingNothing } from '../support/stored.ts';

const LIMITED: CallOptions = { env: { RATE_LIMIT: 'on' } };

let keys: RoleKeys;
let allowedAtFirst: number;

/** Calls until a call is refused; more often than one minute allows, as a minute may end while this goes on. */
async function useUp(): Promise<number> {
  for (let allowed = 0; allowed <= 600; allowed++) {
    if ((await call(keys.PUBLISHER, 'GET /v2/permissions', LIMITED)).status === 429) return allowed;
  }
  throw new Error('There is no limit');
}

beforeAll(async () => {
  keys = await deploy();
  allowedAtFirst = await useUp();
}, 30_000);

test('an organisation has 300 calls a minute', () => {
  expect(allowedAtFirst).toBeGreaterThanOrEqual(300);
});

// Again, for the case that a minute ends between using it up and the call.
describe('past them', { retry: 2 }, () => {
  beforeEach(async () => {
    await useUp();
  });

  test('a call is told to come back in a minute, and does nothing', async () => {
    const create = () => call(keys.ORG_ADMIN, 'POST /v2/api_keys', { ...LIMITED, body: { label: 'one too many' } });
    expectRateLimited(await writingNothing(create));
  });

  test.each<[string, string, CallOptions]>([
    ['that the caller may not do it', 'POST /v2/api_keys', { body: { label: 'a key' } }],
    ['that the type is wrong', 'POST /v2/api_keys/find', { body: '{}', headers: { 'Content-Type': 'text/plain' } }],
    ['that the key does not exist', 'GET /v2/api_keys/999999', {}],
    ['that the call does not exist', 'GET /v2/nothing', {}],
    ['that the query is wrong', 'GET /v2/api_keys?page=abc', {}],
  ])('nobody is told %s', async (_, route, options) => {
    expectRateLimited(await call(keys.PUBLISHER, route, { ...LIMITED, ...options }));
  });

  test('a wrong key is still told that it is wrong', async () => {
    expectUnauthenticated(await call(null, 'GET /v2/permissions', LIMITED), 'MISSING_KEY');
    expectUnauthenticated(await call(generateApiKey('lk'), 'GET /v2/permissions', LIMITED), 'UNKNOWN_KEY');
  });

  test('every key of the organisation is limited', async () => {
    expectRateLimited(await call(keys.ORG_ADMIN, 'GET /v2/permissions', LIMITED));
  });

  test('another organisation is not', async () => {
    expect((await call(keys.PROVIDER, 'GET /v2/permissions', LIMITED)).status).toBe(200);
  });

  test('RATE_LIMIT=off lifts the limit', async () => {
    expect((await call(keys.PUBLISHER, 'GET /v2/permissions', { env: { RATE_LIMIT: 'off' } })).status).toBe(200);
  });
});
