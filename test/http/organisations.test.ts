import { beforeAll, describe, expect, test } from 'vitest';
import { call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectForbidden, expectInvalid, expectNotFound, expectOutOfReach } from '../support/expect-error.ts';
import { TIMESTAMP } from '../support/key-fields.ts';
import { NO_LINE } from '../support/no-text.ts';
import { createOrganisation } from '../support/people.ts';
import { readRows, writingNothing } from '../support/stored.ts';

let keys: RoleKeys;
let orgId: number;
beforeAll(async () => {
  keys = await deploy();
  orgId = (await readCurrent(keys.ORG_ADMIN)).org_id;
});

describe('creating', () => {
  test('the answer is the id, by both of its names, and nothing else', async () => {
    const answer = await call(keys.PROVIDER, 'POST /v2/org', { body: { name: 'An organisation' } });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ org_id: answer.body.id, id: answer.body.id, status: 'success' });
    expect(Number.isSafeInteger(answer.body.id)).toBe(true);
    expect(Object.keys(answer.body)).toEqual(['org_id', 'id', 'status']);
  });

  test('what was given is what is read, trimmed', async () => {
    const id = await createOrganisation(keys.PROVIDER, ' Première ');
    const { body } = await call(keys.PROVIDER, `GET /v2/org/${id}`);
    expect(body).toEqual({ org_id: id, id, name: 'Première', created_at: expect.stringMatching(TIMESTAMP) });
    expect(Object.keys(body)).toEqual(['org_id', 'id', 'name', 'created_at']);
  });

  test('the moment is the one that was stored', async () => {
    const id = await createOrganisation(keys.PROVIDER);
    const [row] = await readRows('SELECT created_at FROM organisations WHERE id = ?', id);
    const { created_at } = (await call(keys.PROVIDER, `GET /v2/org/${id}`)).body;
    const iso = String(created_at).replace(' ', 'T').replace('000+00', 'Z');
    expect(iso).toBe(new Date(Number(row?.created_at)).toISOString());
  });

  test('two of the same name are two', async () => {
    const [one, other] = await Promise.all([1, 2].map(() => createOrganisation(keys.PROVIDER, 'The same')));
    expect(one).not.toBe(other);
  });

  test('it is written down who made it', async () => {
    const id = await createOrganisation(keys.PROVIDER);
    const events = await readRows('SELECT action, actor_user_id FROM audit_events WHERE org_id = ?', id);
    expect(events).toEqual([
      { action: 'organisation.created', actor_user_id: (await readCurrent(keys.PROVIDER)).user_id },
    ]);
  });

  test.each<[string, unknown, string[]]>([
    ['no name', {}, ['name']],
    ['an empty name', { name: '' }, ['name']],
    ['a name of spaces', { name: ' \t' }, ['name']],
    ['a number for a name', { name: 1 }, ['name']],
    ['null for a name', { name: null }, ['name']],
    ...NO_LINE.map(([what, text]): [string, unknown, string[]] => [`a name with ${what}`, { name: text }, ['name']]),
    ['a name with half a letter, escaped', '{"name":"\\ud800"}', ['name']],
    ['a field that no one knows', { name: 'An organisation', is_deployment: true }, ['is_deployment']],
    ['several wrong fields', { name: '', id: 1 }, ['name', 'id']],
    ['malformed JSON', '{"name":', ['body']],
    ['a list', [], ['body']],
  ])('%s is refused, and nothing is written', async (_, body, fields) => {
    expectInvalid(await writingNothing(() => call(keys.PROVIDER, 'POST /v2/org', { body })), fields);
  });

  test('only a PROVIDER may, and is told so', async () => {
    expectOutOfReach(
      await writingNothing(() => call(keys.ORG_ADMIN, 'POST /v2/org', { body: { name: 'Mine' } })),
      /PROVIDER/,
    );
  });
});

test('a PROVIDER’s key makes organisations with user_manage, and searches them with user_read', async () => {
  const keyWith = async (permissions: string[]) =>
    (await createKey(keys.PROVIDER, { has_restricted_permissions: true, permissions })).api_key;
  const make = (by: string) => call(by, 'POST /v2/org', { body: { name: 'An organisation' } });
  const search = (by: string) => call(by, 'GET /v2/org/search');
  const [none, reader, manager] = [
    await keyWith(['api_key_read', 'api_key_manage', 'api_key_verify']),
    await keyWith(['user_read']),
    await keyWith(['user_read', 'user_manage']),
  ];
  for (const by of [none, reader]) expectForbidden(await writingNothing(() => make(by)), 'PERMISSION_DENIED');
  expectForbidden(await search(none), 'PERMISSION_DENIED');
  expect((await search(reader)).status).toBe(200);
  expect((await make(manager)).status).toBe(200);
});

describe('reading', () => {
  test('a user reads its own', async () => {
    const { body } = await call(keys.PUBLISHER, `GET /v2/org/${orgId}`);
    expect(body).toMatchObject({ id: orgId, name: 'Demo organisation' });
  });

  test('another one looks as if it did not exist, to the byte', async () => {
    const another = await createOrganisation(keys.PROVIDER);
    const [theirs, none] = await Promise.all([another, 999_999].map((id) => call(keys.ORG_ADMIN, `GET /v2/org/${id}`)));
    expect({ ...theirs?.body, request_id: '' }).toEqual({ ...none?.body, request_id: '' });
    expect(theirs?.status).toBe(none?.status);
  });

  test.each(['0', '-1', '01', '1.0', '1e0', 'one', '9007199254740993', '%31%20', "1'"])(
    '%s names no organisation',
    async (id) => {
      expectNotFound(await call(keys.PROVIDER, `GET /v2/org/${id}`));
    },
  );
});

describe('searching', () => {
  test('newest first, paged', async () => {
    const ids: number[] = [];
    for (let n = 1; n <= 3; n++) ids.unshift(await createOrganisation(keys.PROVIDER, `Paged ${n}`));
    const first = (await call(keys.PROVIDER, 'GET /v2/org/search?query=paged&per_page=2')).body;
    expect(first).toEqual({
      page: 1,
      max_page: 2,
      count: 3,
      orgs: [
        { org_id: ids[0], id: ids[0], name: 'Paged 3', created_at: expect.stringMatching(TIMESTAMP) },
        { org_id: ids[1], id: ids[1], name: 'Paged 2', created_at: expect.stringMatching(TIMESTAMP) },
      ],
    });
    const second = (await call(keys.PROVIDER, 'GET /v2/org/search?query=paged&per_page=2&page=2')).body;
    expect(second).toMatchObject({ page: 2, max_page: 2, count: 3, orgs: [{ id: ids[2], name: 'Paged 1' }] });
  });

  test('a name is found whatever the case, beyond ASCII too', async () => {
    const id = await createOrganisation(keys.PROVIDER, 'Éditions du Nord');
    const { body } = await call(keys.PROVIDER, `GET /v2/org/search?query=${encodeURIComponent('éDITIONS DU')}`);
    expect(body).toMatchObject({ count: 1, orgs: [{ id }] });
  });

  test('without a query, all are found, the deployment’s own too', async () => {
    const { body } = await call(keys.PROVIDER, 'GET /v2/org/search?per_page=100');
    const [counted] = await readRows('SELECT count(*) AS n FROM organisations');
    expect(body.count).toBe(counted?.n);
    expect(body.orgs.map(({ id }: { id: number }) => id)).toContain((await readCurrent(keys.PROVIDER)).org_id);
  });

  test('an org_id finds its organisation', async () => {
    const id = await createOrganisation(keys.PROVIDER);
    const { body } = await call(keys.PROVIDER, `GET /v2/org/search?org_id=${id}`);
    expect(body).toMatchObject({ page: 1, max_page: 1, count: 1, orgs: [{ org_id: id }] });
    expect(body.orgs).toEqual([(await call(keys.PROVIDER, `GET /v2/org/${id}`)).body]);
  });

  test('an org_id and a query both have to match', async () => {
    const id = await createOrganisation(keys.PROVIDER, 'Both of them');
    await createOrganisation(keys.PROVIDER, 'Both of them');
    const find = async (query: string) => (await call(keys.PROVIDER, `GET /v2/org/search?${query}`)).body.count;
    expect(await find(`org_id=${id}&query=both`)).toBe(1);
    expect(await find(`org_id=${id}&query=neither`)).toBe(0);
  });

  test('an org_id that no organisation has finds none', async () => {
    const { body } = await call(keys.PROVIDER, 'GET /v2/org/search?org_id=999999');
    expect(body).toEqual({ page: 1, max_page: 1, count: 0, orgs: [] });
  });

  test.each(['0', '-1', 'one', '1.5', ''])('an org_id of %j is refused', async (id) => {
    expectInvalid(await call(keys.PROVIDER, `GET /v2/org/search?org_id=${id}`), ['org_id']);
  });

  test('only a PROVIDER may, for its own organisation too', async () => {
    expectOutOfReach(await call(keys.ORG_ADMIN, `GET /v2/org/search?org_id=${orgId}`), /PROVIDER/);
  });

  test('nothing found is one empty page', async () => {
    const { body } = await call(keys.PROVIDER, 'GET /v2/org/search?query=nothing-is-called-this');
    expect(body).toEqual({ page: 1, max_page: 1, count: 0, orgs: [] });
  });

  test('every wrong value is named at once', async () => {
    expectInvalid(await call(keys.PROVIDER, 'GET /v2/org/search?page=x&per_page=101'), ['page', 'per_page']);
  });
});
