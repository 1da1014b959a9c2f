import { beforeAll, describe, test } from 'vitest';
import { call } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectNotFound } from '../support/expect-error.ts';
import { writingNothing } from '../support/stored.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

const NO_IDS = [
  '0',
  '-1',
  '999999',
  '1.5',
  '1.0',
  '1e0',
  '0x1',
  '01',
  '+1',
  '%201',
  '1%20',
  '1%00',
  '1abc',
  'abc',
  'null',
  'undefined',
  'NaN',
  '%D9%A1',
  '1,2',
  '1;DROP',
  "1'--",
  '%E0%A4%A',
  '9007199254740991',
  '9007199254740992',
  '9007199254740993',
  '18446744073709551617',
  '1'.repeat(400),
];

describe.each<[string, string, unknown]>([
  ['read', 'GET /v2/api_keys/', undefined],
  ['changed', 'PUT /v2/api_keys/', { label: 'changed' }],
  ['revoked', 'POST /v2/api_keys/revoke/', undefined],
])('nothing is %s', (_, route, body) => {
  // The PROVIDER has access to every key there is, the one with the id 1 included.
  test.each(NO_IDS)('at the id %s', async (id) => {
    expectNotFound(await writingNothing(() => call(keys.PROVIDER, `${route}${id}`, { body })));
  });
});

test.each([
  'GET /v2',
  'GET /v2/',
  'GET /v2/nothing',
  'GET /v2/api_keys/',
  'GET /v2/api_keys/1/more',
  'GET /v2/user/0123456789abcdef0123456',
  'GET /v2/user/0123456789ABCDEF01234567',
  'GET /v2/api_keys/revoke',
  'POST /v2/api_keys/revoke',
  'POST /v2/api_keys/revoke/',
  'GET /v2/API_KEYS',
  'GET /v1/api_keys',
  'GET /',
])('there is no %s', async (route) => {
  expectNotFound(await writingNothing(() => call(keys.PROVIDER, route)));
});
