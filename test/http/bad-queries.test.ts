import { beforeAll, describe, expect, test } from 'vitest';
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
    ['page', 'per_page', 'status', 'type', 'include_all_permissions', 'search_text', 'org_id', 'colour'],
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

test.each(['search_text=%F0%9F%97%9D', `search_text=${'%25'.repeat(60)}`, '&&&', ''])(
  'a list is nothing to break with ?%s',
  async (query) => {
    expect((await call(keys.PROVIDER, `GET /v2/api_keys?${query}`)).status).toBe(200);
  },
);

describe('a name that the call does not have is refused', () => {
  const CALLS: [string, () => Promise<string>][] = [
    ['a list of keys', async () => '/v2/api_keys'],
    ['one key', async () => `/v2/api_keys/${(await createKey(keys.PROVIDER)).id}`],
    ['the usage of a key', async () => `/v2/api_keys/usage/${(await createKey(keys.PROVIDER)).id}`],
    ['a search of users', async () => '/v2/user/search'],
    ['a search of organisations', async () => '/v2/org/search'],
    ['the audit log', async () => '/v2/audit_events'],
  ];

  test.each(CALLS)('by %s, with the names that there are', async (_, pathOf) => {
    const answer = await call(keys.PROVIDER, `GET ${await pathOf()}?colour=red`);
    expectInvalid(answer, ['colour']);
    expect(answer.body.errors.json.colour).toMatch(/It has: [a-z_]+(, [a-z_]+)*\.$/);
  });

  test.each(CALLS)('by %s, and without it there is an answer', async (_, pathOf) => {
    expect((await call(keys.PROVIDER, `GET ${await pathOf()}`)).status).toBe(200);
  });

  test.each([
    ['a mistyped one', 'stauts=active', 'stauts'],
    ['one in capitals', 'STATUS=active', 'STATUS'],
    ['one without a value', 'colour', 'colour'],
    ['one with an empty value', 'colour=', 'colour'],
    ['one that every object has', 'constructor=2', 'constructor'],
    ['the one that objects inherit by', '__proto__=1', '__proto__'],
    ['a control character', '%00=1', '\0'],
    ['one with a space', 'search+text=a', 'search text'],
    ['none at all', '=active', ''],
  ])('%s', async (_, query, field) => {
    expectInvalid(await call(keys.PROVIDER, `GET /v2/api_keys?${query}`), [field]);
  });

  test('at the most by fifty messages, and how many more there are', async () => {
    const query = Array.from({ length: 60 }, (_, n) => `colour${n}=red`).join('&');
    const { status, body } = await call(keys.PROVIDER, `GET /v2/api_keys?${query}`);
    expect(status).toBe(400);
    expect(Object.keys(body.errors.json)).toHaveLength(51);
  });

  test.each([
    ['GET /v2/user/search?order_by=-email', 'order_by'],
    ['GET /v2/user/search?role=ORG_ADMIN', 'role'],
    ['GET /v2/user/search?disabled=true', 'disabled'],
    ['GET /v2/user/search?display_business_ids=False', 'display_business_ids'],
    ['GET /v2/org/search?alias=one', 'alias'],
  ])('%s, which the published API has, with a message that says so', async (route, field) => {
    const answer = await call(keys.PROVIDER, route);
    expectInvalid(answer, [field]);
    expect(answer.body.errors.json[field]).toMatch(/published API/);
  });
});

test('a key in the place of a name is refused, and no part of it is given back', async () => {
  const { api_key } = await createKey(keys.ORG_ADMIN);
  for (const [route, body] of [
    [`GET /v2/api_keys?${api_key}`],
    [`GET /v2/api_keys?status=active&${api_key}=1&${api_key}=2`],
    [`GET /v2/api_keys?${'n'.repeat(20)}${api_key}=1`],
    ['POST /v2/api_keys', { label: 'a key', [api_key]: 1 }],
  ] as const) {
    const answer = await call(keys.ORG_ADMIN, route, body === undefined ? {} : { body });
    expectInvalid(answer, ['a name that holds an API key']);
    expect(JSON.stringify(answer.body)).not.toContain(api_key.slice(0, 8));
  }
});

describe('a name that is given twice is refused, and the message says so:', () => {
  test.each([
    ['api_keys', 'status=active&status=expired', 'status'],
    ['api_keys', 'status=active&status=active', 'status'],
    ['api_keys', 'page=1&per_page=5&page=2', 'page'],
    ['api_keys', 'search_text=a&search%5Ftext=b', 'search_text'],
    ['api_keys', 'org_id=&org_id=1', 'org_id'],
    ['audit_events', 'action=user.created&action=user.changed', 'action'],
    ['user/search', 'email=a&email=b', 'email'],
  ])('%s?%s', async (list, query, field) => {
    const answer = await call(keys.PROVIDER, `GET /v2/${list}?${query}`);
    expectInvalid(answer, [field]);
    expect(answer.body.errors.json[field]).toMatch(/more than once/);
  });
});

test.each(['GET /v2/user/me', 'GET /v2/api_keys/current', 'GET /v2/permissions', 'GET /v2/org/1'])(
  '%s has no query, and ignores one',
  async (route) => {
    expect((await call(keys.PROVIDER, `${route}?colour=red&colour=blue&%ff`)).status).toBe(200);
  },
);

test('calls that change something have no query either, and ignore one', async () => {
  const query = '?colour=red&colour=blue&%ff';
  const { id } = await createKey(keys.ORG_ADMIN);
  const made = await call(keys.ORG_ADMIN, `POST /v2/api_keys${query}`, { body: { label: 'a key' } });
  expect(made.status).toBe(201);
  const changed = await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}${query}`, { body: { label: 'renamed' } });
  expect(changed).toMatchObject({ status: 200, body: { label: 'renamed' } });
  expect((await call(keys.ORG_ADMIN, `GET /v2/api_keys/key/${id}${query}`)).status).toBe(200);
  expect((await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}${query}`)).status).toBe(200);
});

test('a page below the first is the first, however far below', async () => {
  for (const page of ['0', '-1', '-9007199254740993']) {
    expect((await call(keys.PROVIDER, `GET /v2/api_keys?page=${page}`)).body).toMatchObject({ page: 1 });
  }
});

test.each(['user.promoted', 'USER.CREATED', '', 'created'])(
  'the audit log is refused with the action %j, which there is not, and says which there are',
  async (action) => {
    const answer = await call(keys.PROVIDER, `GET /v2/audit_events?action=${action}`);
    expectInvalid(answer, ['action']);
    expect(answer.body.errors.json.action).toMatch(/api_key\.created, .*user\.changed/);
  },
);
