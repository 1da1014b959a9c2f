import { beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid, expectNotFound, expectOutOfReach, expectUnauthenticated } from '../support/expect-error.ts';
import { EFFECTIVE_BY, TIMESTAMP } from '../support/key-fields.ts';

/*
 * A client that was written for the published API, as one that knows nothing of this service: the published calls with
 * the published bodies, headers and names, and answers read as that client reads them.
 */

/** What client libraries send of themselves with every call, the type of a body that is not there included. */
const LIBRARY_HEADERS = {
  Accept: 'application/json, text/plain, */*',
  'Accept-Encoding': 'gzip;q=1.0,deflate;q=0.6,identity;q=0.3',
  'Content-Type': 'application/json; charset=utf-8',
  'User-Agent': 'Faraday v2.9.0',
  'X-Requested-With': 'XMLHttpRequest',
};

const OBJECT_ID = /^[0-9a-f]{24}$/;

/** The published fields of a key, in the published order. What is ours comes after them. */
const PUBLISHED_KEY_FIELDS = [
  'id',
  'label',
  'description',
  'user_id',
  'user_name',
  'user_role',
  'user_type',
  'disabled',
  'expiration_date',
  'last_used_at',
  'created_by',
  'created_by_name',
  'created_at',
  'revoked_by',
  'revoked_by_name',
  'revoked_at',
  'ip_whitelist',
  'has_restricted_permissions',
  'permissions',
];

/** The published example of a body, with a date that is to come. */
const PUBLISHED_KEY = {
  label: 'API key name',
  description: 'API key for updating business name, and categories.',
  expiration_date: '2999-06-05',
  ip_whitelist: ['172.16.0.0/12', '127.0.0.1'],
  has_restricted_permissions: true,
  permissions: ['business_edit', 'business_edit_name', 'business_edit_categories'],
};

/** The published example of a user, without the fields that differ from test to test. */
const PUBLISHED_USER = {
  first_name: 'Given',
  last_name: 'Family Name',
  role: 'GROUP_MANAGER',
  lang: 'fr',
  phone: '+33302060628',
  business_ids: ['5409c35a97bbc544d8e26737'],
  group_ids: [12],
  sidebar_products: ['review_management'],
  send_invitation: false,
};

let keys: RoleKeys;
let admin: Client;
let provider: Client;
beforeAll(async () => {
  keys = await deploy();
  admin = clientOf(keys.ORG_ADMIN);
  provider = clientOf(keys.PROVIDER);
});

type Client = ReturnType<typeof clientOf>;

function clientOf(apiKey: string) {
  const send = (method: string, path: string, body?: unknown): Promise<Answer> =>
    call(apiKey, `${method} /v2${path}`, { headers: LIBRARY_HEADERS, ...(body === undefined ? {} : { body }) });
  const ok = async (status: number, method: string, path: string, body?: unknown): Promise<Answer['body']> => {
    const answer = await send(method, path, body);
    expect({ status: answer.status, errors: answer.body.errors }).toEqual({ status, errors: undefined });
    expect(answer.headers.get('Content-Type')).toMatch(/^application\/json/);
    return answer.body;
  };
  return {
    send,
    get: (path: string) => ok(200, 'GET', path),
    put: (path: string, body: unknown) => ok(200, 'PUT', path, body),
    post: (path: string, body?: unknown) => ok(200, 'POST', path, body),
    delete: (path: string) => ok(200, 'DELETE', path),
    createKey: (body: unknown) => ok(201, 'POST', '/api_keys', body),
    /** Every row of a list, read a page at a time until `max_page`. */
    async getAll(path: string, name: string): Promise<Answer['body'][]> {
      const rows: Answer['body'][] = [];
      for (let page = 1, last = 1; page <= last; page++) {
        const body = await ok(200, 'GET', `${path}${path.includes('?') ? '&' : '?'}page=${page}`);
        expect(Object.keys(body)).toEqual(['page', 'max_page', 'count', name]);
        expect(body.page).toBe(page);
        last = body.max_page;
        rows.push(...body[name]);
        if (page === last) expect(rows).toHaveLength(body.count);
      }
      return rows;
    },
  };
}

/** The fields that the published API has, of an answer that may have more. */
function publishedFieldsOf(key: Answer['body']) {
  expect(Object.keys(key).slice(0, PUBLISHED_KEY_FIELDS.length)).toEqual(PUBLISHED_KEY_FIELDS);
  return Object.fromEntries(PUBLISHED_KEY_FIELDS.map((name) => [name, key[name]]));
}

const idsOf = (rows: { id: unknown }[]) => rows.map(({ id }) => id);

describe('a key', () => {
  test('is created by the published body, and answers with the published fields in their order', async () => {
    const me = await admin.get('/user/me');
    const created = await admin.createKey(PUBLISHED_KEY);
    expect(publishedFieldsOf(created)).toStrictEqual({
      ...PUBLISHED_KEY,
      id: expect.any(Number),
      user_id: me.id,
      user_name: `${me.first_name} ${me.last_name}`,
      user_role: 'ORG_ADMIN',
      user_type: 'user',
      disabled: false,
      last_used_at: null,
      created_by: me.id,
      created_by_name: `${me.first_name} ${me.last_name}`,
      created_at: expect.stringMatching(TIMESTAMP),
      revoked_by: null,
      revoked_by_name: null,
      revoked_at: null,
    });
    expect(Number.isSafeInteger(created.id)).toBe(true);
    expect(created.user_id).toMatch(OBJECT_ID);
    expect(created.api_key).toMatch(/\S/);
  });

  test('needs a label alone; null for what is optional is nothing', async () => {
    const created = await admin.createKey({ label: 'API key name', description: null, expiration_date: null });
    expect(created).toMatchObject({
      description: null,
      expiration_date: null,
      ip_whitelist: [],
      has_restricted_permissions: false,
    });
    expect(created.permissions).toContain('api_key_manage');
  });

  test('goes its whole way: created, read, put back, listed, seen, revoked, revoked again', async () => {
    const { api_key, effective_by, ...created } = await admin.createKey({ ...PUBLISHED_KEY, label: 'The whole way' });

    const read = await admin.get(`/api_keys/${created.id}`);
    expect(read).toStrictEqual(created);
    expect(Object.keys(read)).toEqual(Object.keys(created));
    expect(await admin.get(`/api_keys/${created.id}?include_all_permissions=true`)).toStrictEqual(read);

    // What a client puts back is what a change answers: `effective_by` is ours, and ignored.
    const back = await admin.put(`/api_keys/${created.id}`, read);
    expect(back).toStrictEqual({ ...read, effective_by: EFFECTIVE_BY });
    expect(await admin.put(`/api_keys/${created.id}`, back)).toStrictEqual({ ...read, effective_by: EFFECTIVE_BY });
    const { effective_by: _, ...changed } = await admin.put(`/api_keys/${created.id}`, {
      ...read,
      label: 'The whole way back',
    });
    expect(changed).toStrictEqual({ ...read, label: 'The whole way back' });

    const filters = 'per_page=1&type=user&include_all_permissions=true&search_text=WHOLE+way';
    expect(await admin.getAll(`/api_keys?status=active&${filters}`, 'api_keys')).toStrictEqual([changed]);
    expect(await admin.getAll(`/api_keys?status=inactive&${filters}`, 'api_keys')).toEqual([]);

    const seen = await admin.get(`/api_keys/key/${created.id}`);
    expect(seen).toStrictEqual({ id: created.id, api_key });

    for (const body of [undefined, {}]) {
      const revoked = await admin.post(`/api_keys/revoke/${created.id}`, body);
      expect(revoked).toMatchObject({ id: created.id, status: 'success' });
      expect(Object.keys(revoked).slice(0, 2)).toEqual(['id', 'status']);
    }
    const gone = await admin.get(`/api_keys/${created.id}`);
    const me = await admin.get('/user/me');
    expect(publishedFieldsOf(gone)).toStrictEqual({
      ...publishedFieldsOf(changed),
      disabled: true,
      revoked_by: me.id,
      revoked_by_name: `${me.first_name} ${me.last_name}`,
      revoked_at: expect.stringMatching(TIMESTAMP),
    });
    expect(idsOf(await admin.getAll(`/api_keys?status=disabled&${filters}`, 'api_keys'))).toEqual([created.id]);
    expectInvalidJson(await admin.send('PUT', `/api_keys/${created.id}`, read));
    expectInvalidJson(await admin.send('GET', `/api_keys/key/${created.id}`));
    expectUnauthenticated(await clientOf(api_key).send('GET', '/api_keys'), 'REVOKED');
  });

  test('is one of many that are read page by page, each once, newest first', async () => {
    const made: number[] = [];
    for (let n = 0; n < 7; n++) made.unshift((await admin.createKey({ label: 'One of seven' })).id);
    const rows = await admin.getAll('/api_keys?search_text=one of seven&per_page=3&type=user', 'api_keys');
    expect(idsOf(rows)).toEqual(made);
    for (const row of rows) publishedFieldsOf(row);
  });

  test('of a main integration has no user name', async () => {
    const { org_id } = await admin.get('/user/me');
    const created = await provider.createKey({ label: 'Main', user_type: 'bot', org_id });
    expect(created).toMatchObject({ user_type: 'bot', user_role: 'ORG_ADMIN', user_name: null });
    const rows = await admin.getAll('/api_keys?type=bot', 'api_keys');
    expect(rows.find(({ id }) => id === created.id)).toMatchObject({ user_name: null });
  });

  test('shows the permissions that its user has, or all that it was given', async () => {
    const user = await clientOf(keys.PUBLISHER).get('/user/me');
    const permissions = ['business_edit', 'review_read'];
    const fields = { label: 'Filtered', user_id: user.id, has_restricted_permissions: true, permissions };
    const { id } = await admin.createKey(fields);
    for (const [query, shown] of [
      ['', ['review_read']],
      ['?include_all_permissions=false', ['review_read']],
      ['?include_all_permissions=true', permissions],
    ] as const) {
      expect((await admin.get(`/api_keys/${id}${query}`)).permissions).toEqual(shown);
    }
  });

  test.each<[string, Record<string, unknown>, string[]]>([
    ['no label', { ...PUBLISHED_KEY, label: undefined }, ['label']],
    [
      'the date of the published example, which is past',
      { label: 'x', expiration_date: '2022-06-05' },
      ['expiration_date'],
    ],
    ['no network', { label: 'x', ip_whitelist: ['172.16.0.0/12', 'office', '127.0.0.1'] }, ['ip_whitelist.1']],
    ['a list of permissions alone', { label: 'x', permissions: ['business_edit'] }, ['has_restricted_permissions']],
    ['a restriction alone', { label: 'x', has_restricted_permissions: true }, ['permissions']],
    [
      'all of it at once',
      { expiration_date: 'soon', ip_whitelist: ['x'] },
      ['label', 'expiration_date', 'ip_whitelist.0'],
    ],
  ])('with %s is refused with the fields under errors.json', async (_, body, fields) => {
    expectInvalid(await admin.send('POST', '/api_keys', body), fields);
  });

  test('that would expire today is refused in the published words', async () => {
    const { body } = await admin.send('POST', '/api_keys', { label: 'x', expiration_date: '2022-06-05' });
    expect(body.errors.json.expiration_date).toContain('If you want it to expire today you must revoke it.');
  });

  test('that there is not is the published 404', async () => {
    for (const [method, path] of [
      ['GET', '/api_keys/3245000'],
      ['PUT', '/api_keys/3245000'],
      ['POST', '/api_keys/revoke/3245000'],
      ['GET', '/api_keys/key/3245000'],
    ] as const) {
      expectNotFound(await admin.send(method, path, method === 'PUT' ? { label: 'x' } : undefined));
    }
  });
});

describe('without a key', () => {
  test.each(['GET /api_keys', 'GET /user/me', 'GET /org/1'])('%s is the published 401', async (route) => {
    const [method = '', path = ''] = route.split(' ');
    expectUnauthenticated(await clientOf('').send(method, path), 'MISSING_KEY');
    expectUnauthenticated(await clientOf('not-a-key').send(method, path), 'MALFORMED_KEY');
  });
});

describe('a user', () => {
  test('goes its whole way: created, searched, read, posted back, given another role, deleted', async () => {
    const { org_id } = await admin.get('/user/me');
    const created = await admin.post('/user', { ...PUBLISHED_USER, email: 'whole-way@published.example' });
    expect(created).toStrictEqual({ id: expect.stringMatching(OBJECT_ID), status: 'success' });
    expect(Object.keys(created)).toEqual(['id', 'status']);

    const read = await admin.get(`/user/${created.id}`);
    expect(read).toStrictEqual({
      id: created.id,
      org_id,
      first_name: 'Given',
      last_name: 'Family Name',
      email: 'whole-way@published.example',
      role: 'GROUP_MANAGER',
      status: 'invited',
      disabled: false,
      created_at: expect.any(Number),
    });
    // In seconds: in milliseconds it would have 13 digits.
    expect(String(read.created_at)).toMatch(/^[0-9]{10}$/);

    for (const query of [
      'query=family+given',
      'email=whole-way%40published.example',
      'query=given&status=invited&per_page=1',
    ]) {
      expect(await admin.getAll(`/user/search?${query}`, 'users')).toStrictEqual([read]);
      expect(await admin.get(`/user/search/count?${query}`)).toStrictEqual({ count: 1 });
    }
    expect(await admin.getAll('/user/search?query=given&status=active', 'users')).toEqual([]);

    expect(await admin.post(`/user/${created.id}`, read)).toStrictEqual({ ...created, effective_by: EFFECTIVE_BY });
    expect(await admin.get(`/user/${created.id}`)).toStrictEqual(read);
    const renamed = {
      ...PUBLISHED_USER,
      send_invitation: undefined,
      email: 'other-way@published.example',
      last_name: 'Changed Name',
    };
    expect(await admin.post(`/user/${created.id}`, renamed)).toMatchObject(created);
    expect(await admin.get(`/user/${created.id}`)).toStrictEqual({
      ...read,
      email: 'other-way@published.example',
      last_name: 'Changed Name',
    });

    expect(await admin.post(`/user/${created.id}`, { role: 'BUSINESS_MANAGER' })).toMatchObject(created);
    expect((await admin.get(`/user/${created.id}`)).role).toBe('BUSINESS_MANAGER');

    const deleted = await admin.delete(`/user/${created.id}`);
    expect(deleted).toMatchObject(created);
    expect(Object.keys(deleted).slice(0, 2)).toEqual(['id', 'status']);
    expectNotFound(await admin.send('GET', `/user/${created.id}`));
    expectNotFound(await admin.send('DELETE', `/user/${created.id}`));
    expect(await admin.get('/user/search/count?query=changed')).toStrictEqual({ count: 0 });
  });

  test('of an organisation that is the caller’s own may be created with its org_id', async () => {
    const { org_id } = await admin.get('/user/me');
    const { id } = await admin.post('/user', { ...PUBLISHED_USER, email: 'own-org@published.example', org_id });
    expect(await admin.get(`/user/${id}`)).toMatchObject({ org_id });
    await admin.delete(`/user/${id}`);
  });

  test('takes its keys along when it is deleted', async () => {
    const { id } = await admin.post('/user', { ...PUBLISHED_USER, email: 'with-keys@published.example' });
    const { id: keyId, api_key } = await admin.createKey({ label: 'Personal', user_id: id });
    expect((await clientOf(api_key).get('/user/me')).id).toBe(id);
    await admin.delete(`/user/${id}`);
    expectNotFound(await admin.send('GET', `/api_keys/${keyId}`));
    expectUnauthenticated(await clientOf(api_key).send('GET', '/user/me'), 'UNKNOWN_KEY');
  });

  test('of many is read page by page, each once', async () => {
    const made: string[] = [];
    for (let n = 0; n < 5; n++) {
      const fields = { ...PUBLISHED_USER, email: `paged-${n}@published.example`, last_name: 'Paged' };
      made.unshift((await admin.post('/user', fields)).id);
    }
    expect(idsOf(await admin.getAll('/user/search?query=paged&per_page=2', 'users'))).toEqual(made);
  });

  test('is refused with the fields under errors.json, an email that is taken too', async () => {
    expectInvalid(await admin.send('POST', '/user', { last_name: 'Family Name', role: 'ADMIN' }), [
      'email',
      'first_name',
      'role',
    ]);
    await admin.post('/user', { ...PUBLISHED_USER, email: 'taken@published.example' });
    const twin = { ...PUBLISHED_USER, email: 'TAKEN@published.example' };
    expectInvalid(await admin.send('POST', '/user', twin), ['email']);
    expectInvalid(
      await admin.send('POST', '/user', {
        ...PUBLISHED_USER,
        email: 'password@published.example',
        password: 'Str0ng#Pass!',
      }),
      ['password'],
    );
  });

  test('that a published filter would have found is not searched for with that filter ignored', async () => {
    for (const name of ['role', 'disabled', 'business_id', 'order_by']) {
      const answer = await admin.send('GET', `/user/search?${name}=1`);
      expectInvalid(answer, [name]);
      expect(answer.body.errors.json[name]).toMatch(/published/);
    }
  });
});

describe('an organisation', () => {
  test('goes its whole way under a PROVIDER: created, read, searched, filled with a user', async () => {
    const created = await provider.post('/org', { name: 'Published organisation' });
    expect(Object.keys(created)).toEqual(['org_id', 'id', 'status']);
    expect(created).toStrictEqual({ org_id: expect.any(Number), id: created.org_id, status: 'success' });

    const read = await provider.get(`/org/${created.org_id}`);
    expect(Object.keys(read)).toEqual(['org_id', 'id', 'name', 'created_at']);
    expect(read).toStrictEqual({
      org_id: created.org_id,
      id: created.org_id,
      name: 'Published organisation',
      created_at: expect.stringMatching(TIMESTAMP),
    });

    expect(await provider.getAll('/org/search?query=published', 'orgs')).toStrictEqual([read]);
    expect(await provider.getAll(`/org/search?org_id=${created.org_id}`, 'orgs')).toStrictEqual([read]);

    const user = {
      ...PUBLISHED_USER,
      email: 'administrator@published.example',
      role: 'ORG_ADMIN',
      org_id: created.org_id,
    };
    const { id } = await provider.post('/user', user);
    expect(await provider.get(`/user/${id}`)).toMatchObject({ org_id: created.org_id, role: 'ORG_ADMIN' });
    expect(idsOf(await provider.getAll(`/user/search?org_id=${created.org_id}`, 'users'))).toEqual([id]);
    const { api_key } = await provider.createKey({ label: 'Administrator', user_id: id });
    expect(await clientOf(api_key).get(`/org/${created.org_id}`)).toStrictEqual(read);
  });

  test('is read page by page, each once', async () => {
    const made: number[] = [];
    for (let n = 0; n < 5; n++) made.unshift((await provider.post('/org', { name: `Paged ${n}` })).org_id);
    const rows = await provider.getAll('/org/search?query=paged&per_page=2', 'orgs');
    expect(rows.map(({ org_id }) => org_id)).toEqual(made);
  });

  test('without a name, that there is not, or by someone who is no PROVIDER is refused in the published shapes', async () => {
    expectInvalid(await provider.send('POST', '/org', {}), ['name']);
    expectNotFound(await provider.send('GET', '/org/3245000'));
    expectOutOfReach(await admin.send('POST', '/org', { name: 'Published organisation' }), /PROVIDER/);
  });
});

test('the permissions are told in the published form', async () => {
  const { sections } = await admin.get('/permissions');
  expect(Object.keys(sections[0])).toEqual(['name', 'order', 'subsections']);
  expect(Object.keys(sections[0].subsections[0])).toEqual(['name', 'order', 'permissions']);
  expect(sections[0].subsections[0].permissions[1]).toStrictEqual({
    name: 'business_edit_name',
    order: 2,
    feature: null,
    depends_on: 'business_edit',
    disabled_for_roles: ['PUBLISHER'],
  });
});

/** A 400 in the published shape, whatever the field. */
function expectInvalidJson(answer: Answer): void {
  expectInvalid(answer, Object.keys(answer.body.errors.json));
}
