import { beforeAll, describe, expect, test } from 'vitest';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectForbidden, expectInvalid, expectNotFound } from '../support/expect-error.ts';
import { changeUser, createOrganisation, createPerson, createUser, deleteUser } from '../support/people.ts';
import { alter } from '../support/stored.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

/** An organisation of its own with one ORG_ADMIN, whose key is given. */
async function newOrganisation(): Promise<string> {
  const org = await createOrganisation(keys.PROVIDER);
  return (await createPerson(keys.PROVIDER, 'ORG_ADMIN', org)).key;
}

async function search(key: string, query: Record<string, string | number> = {}) {
  const names = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
  const { status, body } = await call(key, `GET /v2/user/search?${new URLSearchParams(names)}`);
  expect(status).toBe(200);
  return body;
}

async function idsFound(key: string, query: Record<string, string | number> = {}): Promise<string[]> {
  const { users } = await search(key, query);
  return users.map(({ id }: { id: string }) => id);
}

describe('what is looked for', () => {
  test.each([
    ['first name', { first_name: 'Élodie' }, 'élo'],
    ['last name', { last_name: 'ÅNGSTRÖM' }, 'ångström'],
    ['email', { email: 'searched-for@test.example' }, 'Searched-FOR@'],
    ['first and last name', { first_name: 'Demo', last_name: 'Straße' }, 'demo STRASSE'],
    ['name in another form of the same letters', { first_name: 'Élodie' }, 'E\u0301LODIE'],
    ['name with signs that mean something to LIKE', { first_name: '100%_x' }, '0%_X'],
  ])('is found in the %s, whatever the case', async (_, fields, query) => {
    const admin = await newOrganisation();
    const id = await createUser(admin, fields);
    await createUser(admin, { first_name: 'Other' });
    expect(await idsFound(admin, { query })).toEqual([id]);
    await deleteUser(admin, id);
  });

  test('is found in what a user is called today', async () => {
    const admin = await newOrganisation();
    const id = await createUser(admin, { first_name: 'Former' });
    await changeUser(admin, id, { first_name: 'Present', email: 'present@test.example' });
    expect(await idsFound(admin, { query: 'former' })).toEqual([]);
    expect(await idsFound(admin, { query: 'present' })).toEqual([id]);
    expect(await idsFound(admin, { email: 'PRESENT@test.example' })).toEqual([id]);
  });

  test('may be nothing', async () => {
    const admin = await newOrganisation();
    expect(await search(admin, { query: 'no one is called this' })).toEqual({
      page: 1,
      max_page: 1,
      count: 0,
      users: [],
    });
  });

  test.each([
    ['as it was written', 'Émail@test.example'],
    ['in another letter case', 'éMAIL@TEST.example'],
  ])('an email finds its user, %s', async (_, email) => {
    const admin = await newOrganisation();
    const id = await createUser(admin, { email: 'Émail@test.example' });
    expect(await idsFound(admin, { email })).toEqual([id]);
    await deleteUser(admin, id);
  });

  test('an email as long as one may be finds its user', async () => {
    const admin = await newOrganisation();
    const email = `${'a'.repeat(241)}@test.example`;
    const id = await createUser(admin, { email });
    expect(await idsFound(admin, { email })).toEqual([id]);
  });

  test('both an email and a query have to match', async () => {
    const admin = await newOrganisation();
    const id = await createUser(admin, { email: 'both@test.example', first_name: 'Both' });
    expect(await idsFound(admin, { email: 'both@test.example', query: 'both' })).toEqual([id]);
    expect(await idsFound(admin, { email: 'both@test.example', query: 'neither' })).toEqual([]);
  });

  test('words are found in any order, each in a name or the email', async () => {
    const admin = await newOrganisation();
    const id = await createUser(admin, { first_name: 'Anne Marie', last_name: 'ÅNGSTRÖM', email: 'am@words.example' });
    await createUser(admin, { first_name: 'Anne', last_name: 'Other' });
    for (const query of ['ångström anne', ' words.example\u3000ÅNG  ann', 'marie anne', 'anne ån', 'ÅN marie AM@']) {
      expect([query, await idsFound(admin, { query })]).toEqual([query, [id]]);
    }
    for (const query of ['anne ångström nobody', 'annemarie', 'marieångström']) {
      expect([query, await idsFound(admin, { query })]).toEqual([query, []]);
    }
  });

  test('words that one user has in part and another in part find neither', async () => {
    const admin = await newOrganisation();
    await createUser(admin, { first_name: 'Left' });
    await createUser(admin, { first_name: 'Right' });
    expect(await idsFound(admin, { query: 'left right' })).toEqual([]);
  });

  test('ten words are looked for, and eleven are too many, as the answer says', async () => {
    const admin = await newOrganisation();
    const id = await createUser(admin, { first_name: 'a b c d e f g h', last_name: 'i j' });
    const words = [...'jihgfedcba'];
    expect(await idsFound(admin, { query: words.join(' ') })).toEqual([id]);
    for (const most of [11, 150]) {
      const query = encodeURIComponent(Array.from({ length: most }, () => 'a').join(' '));
      for (const route of ['GET /v2/user/search', 'GET /v2/user/search/count']) {
        const answer = await call(admin, `${route}?query=${query}`);
        expectInvalid(answer, ['query']);
        expect(answer.body.errors.json.query).toMatch(/10 words/);
      }
    }
  });

  test('empty looks for everything', async () => {
    const admin = await newOrganisation();
    await createUser(admin);
    expect((await search(admin, { query: '', email: '' })).count).toBe(2);
  });
});

describe('status', () => {
  test('finds those who have it as they are read: who has signed in is active, who has not is invited', async () => {
    const admin = await newOrganisation();
    const [invited, active] = [await createUser(admin), await createUser(admin)];
    await alter('UPDATE users SET signed_in_at = 1700000000000 WHERE id = ?', active);
    const found = async (status: string) => (await search(admin, { status })).users;
    expect((await found('active')).map(({ id }: { id: string }) => id)).toEqual([active]);
    expect((await found('invited')).map(({ id }: { id: string }) => id)).toContain(invited);
    for (const status of ['active', 'invited']) {
      for (const user of await found(status)) expect(user.status).toBe(status);
    }
    const [all, one, other] = [await search(admin), await found('active'), await found('invited')];
    expect(one.length + other.length).toBe(all.count);
  });

  test('and a query both have to match', async () => {
    const admin = await newOrganisation();
    await createUser(admin, { first_name: 'Still invited' });
    expect(await idsFound(admin, { status: 'active', query: 'invited' })).toEqual([]);
    expect(await idsFound(admin, { status: 'invited', query: 'invited' })).toHaveLength(1);
  });

  test.each(['disabled', 'ACTIVE', 'active,invited', ''])('%j is none', async (status) => {
    expectInvalid(await call(keys.PROVIDER, `GET /v2/user/search?status=${status}`), ['status']);
  });
});

describe('the count', () => {
  test('is what the search with the same filters says, whatever the page, and nothing else', async () => {
    const admin = await newOrganisation();
    const one = await createUser(admin, { first_name: 'Counted', email: 'counted@test.example' });
    await createUser(admin, { first_name: 'Counted', last_name: 'Too' });
    await createKey(admin, { user_type: 'bot' });
    await alter('UPDATE users SET signed_in_at = 1700000000000 WHERE id = ?', one);
    for (const [query, count] of [
      ['', 3],
      ['?query=counted', 2],
      ['?query=too+counted', 1],
      ['?email=COUNTED@test.example', 1],
      ['?status=active', 1],
      ['?status=invited', 2],
      ['?query=counted&page=7&per_page=1', 2],
      ['?query=nobody', 0],
    ] as const) {
      const answer = await call(admin, `GET /v2/user/search/count${query}`);
      expect([query, answer.status, answer.body]).toEqual([query, 200, { count }]);
      expect((await call(admin, `GET /v2/user/search${query}`)).body.count).toBe(count);
    }
  });

  test('of another organisation is a PROVIDER’s to ask', async () => {
    const org = await createOrganisation(keys.PROVIDER);
    await createUser(keys.PROVIDER, { org_id: org });
    expect((await call(keys.PROVIDER, `GET /v2/user/search/count?org_id=${org}`)).body).toEqual({ count: 1 });
    expectNotFound(await call(keys.PROVIDER, 'GET /v2/user/search/count?org_id=999999'));
    expectForbidden(await call(keys.ORG_ADMIN, `GET /v2/user/search/count?org_id=${org}`), 'PERMISSION_DENIED');
  });

  test('is refused with what the search is refused with', async () => {
    const query = 'page=x&per_page=0&org_id=y&status=z&colour=red';
    expectInvalid(await call(keys.PROVIDER, `GET /v2/user/search/count?${query}`), [
      'page',
      'per_page',
      'org_id',
      'status',
      'colour',
    ]);
  });
});

describe('who is found', () => {
  test('a user as it is read', async () => {
    const admin = await newOrganisation();
    const id = await createUser(admin, { first_name: 'Searched' });
    const { users } = await search(admin, { query: 'searched' });
    expect(users).toEqual([(await call(admin, `GET /v2/user/${id}`)).body]);
  });

  test('no bot', async () => {
    const admin = await newOrganisation();
    const { user_id } = await createKey(admin, { user_type: 'bot' });
    const found = await search(admin);
    expect(found.count).toBe(1);
    expect(found.users.map(({ id }: { id: string }) => id)).not.toContain(user_id);
  });

  test('disabled users, too', async () => {
    const admin = await newOrganisation();
    const id = await createUser(admin, { first_name: 'Disabled' });
    await changeUser(admin, id, { disabled: true });
    expect(await idsFound(admin, { query: 'disabled' })).toEqual([id]);
  });

  test('no one of another organisation', async () => {
    const [admin, another] = [await newOrganisation(), await newOrganisation()];
    const id = await createUser(another, { email: 'elsewhere@test.example' });
    expect(await idsFound(admin)).not.toContain(id);
    expect(await idsFound(admin, { email: 'elsewhere@test.example' })).toEqual([]);
    expect(await idsFound(another)).toContain(id);
  });
});

describe('org_id', () => {
  test('a PROVIDER searches its own organisation by default, and any that it names', async () => {
    const org = await createOrganisation(keys.PROVIDER);
    const here = await createUser(keys.PROVIDER);
    const there = await createUser(keys.PROVIDER, { org_id: org });
    expect(await idsFound(keys.PROVIDER)).toContain(here);
    expect(await idsFound(keys.PROVIDER)).not.toContain(there);
    expect(await idsFound(keys.PROVIDER, { org_id: org })).toEqual([there]);
  });

  test('an organisation that does not exist is not found', async () => {
    expectNotFound(await call(keys.PROVIDER, 'GET /v2/user/search?org_id=999999'));
  });

  test('others are refused, whether it exists or not', async () => {
    const org = await createOrganisation(keys.PROVIDER);
    for (const id of [org, 999_999]) {
      expectForbidden(await call(keys.ORG_ADMIN, `GET /v2/user/search?org_id=${id}`), 'PERMISSION_DENIED');
    }
  });
});

describe('pages', () => {
  test('newest first, each user on one page', async () => {
    const admin = await newOrganisation();
    const ids: string[] = [];
    for (let n = 1; n <= 4; n++) {
      const id = await createUser(admin, { last_name: 'Paged' });
      await alter('UPDATE users SET created_at = ? WHERE id = ?', n * 1000, id);
      ids.unshift(id);
    }
    const query = 'paged';
    expect(await search(admin, { query, per_page: 3 })).toMatchObject({ page: 1, max_page: 2, count: 4 });
    expect(await idsFound(admin, { query, per_page: 3 })).toEqual(ids.slice(0, 3));
    expect(await idsFound(admin, { query, per_page: 3, page: 2 })).toEqual(ids.slice(3));
    expect(await search(admin, { query, per_page: 3, page: 3 })).toEqual({ page: 3, max_page: 2, count: 4, users: [] });
  });

  test('made in the same moment, users still are on one page each', async () => {
    const admin = await newOrganisation();
    for (let n = 1; n <= 5; n++) await createUser(admin);
    await alter("UPDATE users SET created_at = 1000 WHERE type = 'user'");
    const found: string[] = [];
    for (let page = 1; page <= 6; page++) found.push(...(await idsFound(admin, { page, per_page: 1 })));
    expect(new Set(found).size).toBe(6);
  });

  test.each([0, -1, -999])('page %i is the first page', async (page) => {
    expect(await search(await newOrganisation(), { page })).toMatchObject({ page: 1, count: 1 });
  });

  test('a page has 30 users unless told', async () => {
    const admin = await newOrganisation();
    await Promise.all(Array.from({ length: 30 }, () => createUser(admin)));
    const first = await search(admin);
    expect(first).toMatchObject({ page: 1, max_page: 2, count: 31 });
    expect(first.users).toHaveLength(30);
  });

  test.each([
    ['page=one', 'page'],
    ['page=1.5', 'page'],
    ['per_page=0', 'per_page'],
    ['per_page=101', 'per_page'],
    ['per_page=-1', 'per_page'],
    ['per_page=', 'per_page'],
    ['org_id=0', 'org_id'],
    ['org_id=first', 'org_id'],
    ['query=%00', 'query'],
    ['email=a%00', 'email'],
  ])('%s is refused', async (query, field) => {
    expectInvalid(await call(keys.PROVIDER, `GET /v2/user/search?${query}`), [field]);
  });

  test('every wrong value is named at once', async () => {
    const answer = await call(keys.PROVIDER, 'GET /v2/user/search?page=x&per_page=0&org_id=y');
    expectInvalid(answer, ['page', 'per_page', 'org_id']);
  });
});
