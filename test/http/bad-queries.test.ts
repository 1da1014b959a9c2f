import { beforeAll, expect, test } from 'vitest';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid } from '../support/expect-error.ts';
import { NO_LINE } from '../support/no-text.ts';

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

test.each([
  ['a byte that no UTF-8 has', 'search_text=%ff'],
  ['a character that is cut off', 'search_text=%E0%A4'],
  ['a character that is cut off within a byte', 'search_text=%E0%A4%A'],
  ['half a pair', 'search_text=%ED%A0%80'],
  ['an overlong form of NUL', 'search_text=%C0%80'],
  ['an overlong form of a slash', 'search_text=%E0%80%AF'],
  ['a code point beyond the last', 'search_text=%F4%90%80%80'],
  ['a byte that continues nothing', 'search_text=a%80b'],
  ['a percent sign alone', 'search_text=%'],
  ['a percent sign before no digits', 'search_text=%zz'],
  ['a percent sign before one digit', 'search_text=%4'],
  ['a second value', 'search_text=a&search_text=%ff'],
  ['a value after a right name that is encoded', 'search%5Ftext=%ff'],
])('a query that has %s is refused', async (_, query) => {
  expectInvalid(await call(keys.PROVIDER, `GET /v2/api_keys?${query}`), ['search_text']);
});

test('everything that is malformed in a query is named, with what else is wrong, and shortened', async () => {
  const query = `per_page=0&page=%zz&${'n'.repeat(5_000)}=%ff&%ff=1&%`;
  const fields = ['per_page', 'page', `${'n'.repeat(40)}…`, '%ff', '%'];
  expectInvalid(await call(keys.PROVIDER, `GET /v2/api_keys?${query}`), fields);
});

test.each([
  ['users', 'GET /v2/user/search'],
  ['organisations', 'GET /v2/org/search'],
  ['the audit log', 'GET /v2/audit_events'],
])('a list of %s is refused with a malformed query', async (_, route) => {
  expectInvalid(await call(keys.PROVIDER, `${route}?query=%ff`), ['query']);
});

test.each(
  [
    ['GET /v2/api_keys', 'search_text'],
    ['GET /v2/user/search', 'query'],
    ['GET /v2/user/search', 'email'],
    ['GET /v2/org/search', 'query'],
    ['GET /v2/audit_events', 'action'],
  ].flatMap(([route = '', field = '']) =>
    NO_LINE.filter(([, text]) => text.isWellFormed()).map(([what, text]) => [route, field, what, text] as const),
  ),
)('%s is refused with a %s that holds %s', async (route, field, _, text) => {
  const answer = await call(keys.PROVIDER, `${route}?${field}=${encodeURIComponent(text)}`);
  expectInvalid(answer, [field]);
  expect(JSON.stringify(answer.body)).not.toContain(text);
});

test.each(['maybe', '', '2'])('a key is not read with include_all_permissions=%s', async (value) => {
  const { id } = await createKey(keys.ORG_ADMIN);
  const answer = await call(keys.ORG_ADMIN, `GET /v2/api_keys/${id}?include_all_permissions=${value}`);
  expectInvalid(answer, ['include_all_permissions']);
});

test.each([
  'search_text=%F0%9F%97%9D',
  `search_text=${'%25'.repeat(60)}`,
  '%00=1',
  '__proto__=1&constructor=2',
  '=',
  '&&&',
])('a list is nothing to break with ?%s', async (query) => {
  expect((await call(keys.PROVIDER, `GET /v2/api_keys?${query}`)).status).toBe(200);
});
