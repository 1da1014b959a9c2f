import { beforeAll, describe, expect, test } from 'vitest';
import { call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectNotFound, expectOutOfReach } from '../support/expect-error.ts';
import { alter } from '../support/stored.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

async function list(by: string, query = '') {
  const { status, body } = await call(by, `GET /v2/api_keys${query}`);
  expect(status).toBe(200);
  return body;
}

async function labelsOf(by: string, query: string): Promise<string[]> {
  const page = await list(by, query);
  expect(page.count).toBe(page.api_keys.length);
  return page.api_keys.map((key: { label: string }) => key.label);
}

describe('the pages of a list', () => {
  /** Newest first; with the one that the user began with, 35 keys. */
  const ids: number[] = [];
  beforeAll(async () => {
    ids.push((await readCurrent(keys.BUSINESS_MANAGER)).id);
    for (let n = 0; n < 34; n++) ids.unshift((await createKey(keys.BUSINESS_MANAGER)).id);
  });

  test.each<[string, string, { page: number; max_page: number; from: number; to: number }]>([
    ['the first 30, when nothing is asked', '', { page: 1, max_page: 2, from: 0, to: 30 }],
    ['the rest on the second page', '?page=2', { page: 2, max_page: 2, from: 30, to: 35 }],
    ['nothing past the last page', '?page=3', { page: 3, max_page: 2, from: 35, to: 35 }],
    [
      'nothing very far past it',
      '?page=9007199254740991&per_page=100',
      { page: 9007199254740991, max_page: 1, from: 35, to: 35 },
    ],
    ['the first page for page 0', '?page=0', { page: 1, max_page: 2, from: 0, to: 30 }],
    ['the first page for a page below 0', '?page=-7', { page: 1, max_page: 2, from: 0, to: 30 }],
    ['the first page for a page far below 0', '?page=-99999999999999999999', { page: 1, max_page: 2, from: 0, to: 30 }],
    ['one key a page', '?per_page=1&page=35', { page: 35, max_page: 35, from: 34, to: 35 }],
    ['a hundred keys a page', '?per_page=100', { page: 1, max_page: 1, from: 0, to: 35 }],
    ['pages that come out even', '?per_page=7&page=5', { page: 5, max_page: 5, from: 28, to: 35 }],
  ])('are %s', async (_, query, { page, max_page, from, to }) => {
    const answer = await list(keys.BUSINESS_MANAGER, query);
    expect(Object.keys(answer)).toEqual(['page', 'max_page', 'count', 'api_keys']);
    expect(answer).toMatchObject({ page, max_page, count: 35 });
    expect(answer.api_keys.map((key: { id: number }) => key.id)).toEqual(ids.slice(from, to));
  });

  test('are one page when there is nothing', async () => {
    expect(await list(keys.BUSINESS_MANAGER, '?search_text=nothing-is-called-this')).toEqual({
      page: 1,
      max_page: 1,
      count: 0,
      api_keys: [],
    });
  });
});

test('a list shows the keys as reading them does', async () => {
  const { id } = await createKey(keys.PROVIDER, { label: 'listed', ip_whitelist: ['10.0.0.0/8'] });
  const [first] = (await list(keys.PROVIDER)).api_keys;
  expect(first).toEqual(await readKey(keys.PROVIDER, id));
});

test.each([
  ['', ['review_read']],
  ['?include_all_permissions=false', ['review_read']],
  ['?include_all_permissions=true', ['review_read', 'review_reply']],
])('with the query %j, the permissions of a key are %j', async (query, permissions) => {
  const { user_id } = await readCurrent(keys.PUBLISHER);
  await createKey(keys.ORG_ADMIN, {
    user_id,
    has_restricted_permissions: true,
    permissions: ['review_read', 'review_reply'],
  });
  expect((await list(keys.PUBLISHER, query)).api_keys[0].permissions).toEqual(permissions);
});

describe('a list by status', () => {
  beforeAll(async () => {
    const make = (label: string) => createKey(keys.GROUP_MANAGER, { label: `${label} one` });
    const [revoked, expired, both] = [await make('revoked'), await make('expired'), await make('revoked and expired')];
    const [paused, late, gone] = [
      await make('paused'),
      await make('paused and expired'),
      await make('paused and revoked'),
    ];
    for (const { id } of [paused, late, gone]) await call(keys.GROUP_MANAGER, `POST /v2/api_keys/pause/${id}`);
    await createKey(keys.GROUP_MANAGER, { label: 'dated one', expiration_date: '2999-12-31' });
    await make('plain');
    for (const { id } of [expired, both, late]) {
      await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", id);
    }
    for (const { id } of [revoked, both, gone]) await call(keys.GROUP_MANAGER, `POST /v2/api_keys/revoke/${id}`);
  });

  test.each([
    ['active', ['plain one', 'dated one']],
    ['paused', ['paused and expired one', 'paused one']],
    ['disabled', ['paused and revoked one', 'revoked and expired one', 'revoked one']],
    ['expired', ['expired one']],
    [
      'inactive',
      [
        'paused and revoked one',
        'paused and expired one',
        'paused one',
        'revoked and expired one',
        'expired one',
        'revoked one',
      ],
    ],
  ])('%s', async (status, labels) => {
    expect(await labelsOf(keys.GROUP_MANAGER, `?search_text=one&status=${status}`)).toEqual(labels);
  });

  test('agrees with the status that each key shows', async () => {
    for (const status of ['active', 'paused', 'disabled', 'expired']) {
      const { api_keys } = await list(keys.ORG_ADMIN, `?per_page=100&status=${status}`);
      expect(new Set(api_keys.map((key: { status: string }) => key.status))).toEqual(new Set([status]));
    }
  });

  test('counts a key as expired from the day of its date on', async () => {
    const { id } = await createKey(keys.ORG_MANAGER, { label: 'of today' });
    await alter("UPDATE api_keys SET expiration_date = date('now') WHERE id = ?", id);
    expect(await labelsOf(keys.ORG_MANAGER, '?status=expired')).toEqual(['of today']);
    expect((await readKey(keys.ORG_MANAGER, id)).status).toBe('expired');
  });
});

describe('a list by type', () => {
  beforeAll(async () => {
    await createKey(keys.ORG_ADMIN, { user_type: 'bot', label: 'typed main' });
    await createKey(keys.ORG_ADMIN, { user_type: 'user', label: 'typed personal' });
  });

  test.each([
    ['bot', ['typed main']],
    ['user', ['typed personal']],
  ])('%s', async (type, labels) => {
    expect(await labelsOf(keys.ORG_ADMIN, `?search_text=typed&type=${type}`)).toEqual(labels);
  });
});

describe('a list of another organisation', () => {
  test('is open to a PROVIDER, who otherwise sees its own', async () => {
    const { org_id } = await readCurrent(keys.ORG_ADMIN);
    await createKey(keys.BUSINESS_MANAGER, { label: 'far away' });
    expect(await labelsOf(keys.PROVIDER, `?org_id=${org_id}&search_text=far away`)).toEqual(['far away']);
    expect(await labelsOf(keys.PROVIDER, '?search_text=far away')).toEqual([]);
  });

  test('is closed to others, whether it exists or not', async () => {
    const { org_id } = await readCurrent(keys.PROVIDER);
    const existing = await call(keys.ORG_ADMIN, `GET /v2/api_keys?org_id=${org_id}`);
    expectOutOfReach(existing, /PROVIDER/);
    const missing = await call(keys.ORG_ADMIN, 'GET /v2/api_keys?org_id=999999');
    expect(missing.body).toEqual({ ...existing.body, request_id: missing.body.request_id });
    expectOutOfReach(missing, /PROVIDER/);
  });

  test('that does not exist is not found', async () => {
    expectNotFound(await call(keys.PROVIDER, 'GET /v2/api_keys?org_id=999999'));
  });

  test('may be asked for by anyone when it is the own one', async () => {
    const me = await readCurrent(keys.PUBLISHER);
    expect(await list(keys.PUBLISHER, `?org_id=${me.org_id}`)).toEqual(await list(keys.PUBLISHER));
  });
});
