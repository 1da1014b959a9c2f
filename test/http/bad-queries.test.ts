import { beforeAll, expect, test } from 'vitest';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid } from '../support/expect-error.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

test.each<[string, string[]]>([
  ['per_page=0', ['per_page']],
  ['per_page=-1', ['per_page']],
  ['per_page=101', ['per_page']],
  ['per_page=1000', ['per_page']],
  ['per_page=1.5', ['per_page']],
  ['per_page=1e1', ['per_page']],
  ['per_page=0x10', ['per_page']],
  ['per_page=ten', ['per_page']],
  ['per_page=', ['per_page']],
  ['per_page=%205', ['per_page']],
  ['per_page=9007199254740993', ['per_page']],
  ['page=abc', ['page']],
  ['page=1.5', ['page']],
  ['page=', ['page']],
  ['page=NaN', ['page']],
  ['page=Infinity', ['page']],
  ['page=-', ['page']],
  ['page=9007199254740993', ['page']],
  ['page=%00', ['page']],
  ['page=1&page=2', ['page']],
  ['status=retired', ['status']],
  ['status=ACTIVE', ['status']],
  ['status=', ['status']],
  ['status=active&status=expired', ['status']],
  ['type=robot', ['type']],
  ['type=', ['type']],
  ['include_all_permissions=maybe', ['include_all_permissions']],
  ['include_all_permissions=', ['include_all_permissions']],
  ['search_text=%00', ['search_text']],
  ['search_text=a%00b', ['search_text']],
  ['search_text=a&search_text=b', ['search_text']],
  ['org_id=abc', ['org_id']],
  ['org_id=0', ['org_id']],
  ['org_id=-1', ['org_id']],
  ['org_id=1.5', ['org_id']],
  ['org_id=', ['org_id']],
  ['org_id=9007199254740993', ['org_id']],
  [
    'page=abc&per_page=0&status=retired&type=robot&include_all_permissions=maybe&search_text=%00&org_id=0&colour=red',
    ['page', 'per_page', 'status', 'type', 'include_all_permissions', 'search_text', 'org_id'],
  ],
])('a list is refused with ?%s', async (query, fields) => {
  expectInvalid(await call(keys.PROVIDER, `GET /v2/api_keys?${query}`), fields);
});

test.each(['maybe', '', '2'])('a key is not read with include_all_permissions=%s', async (value) => {
  const { id } = await createKey(keys.ORG_ADMIN);
  const answer = await call(keys.ORG_ADMIN, `GET /v2/api_keys/${id}?include_all_permissions=${value}`);
  expectInvalid(answer, ['include_all_permissions']);
});

test.each([
  'search_text=%E0%A4%A',
  'search_text=%ED%A0%80',
  'search_text=%',
  'search_text=%F0%9F%97%9D',
  `search_text=${'%25'.repeat(60)}`,
  '%00=1',
  '__proto__=1&constructor=2',
  '=',
  '&&&',
])('a list is nothing to break with ?%s', async (query) => {
  expect((await call(keys.PROVIDER, `GET /v2/api_keys?${query}`)).status).toBe(200);
});
