import { createExecutionContext, createScheduledController, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import worker from '../../src/worker.ts';
import { type Answer, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { eventsOf, readEvents } from '../support/events.ts';
import { expectForbidden, expectInvalid } from '../support/expect-error.ts';
import { TIMESTAMP } from '../support/key-fields.ts';
import { createOrganisation, createPerson, createUser, freshEmail, newUser, type Person } from '../support/people.ts';
import { readRows } from '../support/stored.ts';

const FROM = '198.51.100.9';
const EVENT_FIELDS = [
  'id',
  'at',
  'action',
  'actor_user_id',
  'actor_name',
  'actor_api_key_id',
  'client_ip',
  'api_key_id',
  'user_id',
  'changes',
];

let keys: RoleKeys;
/** Who acts in these tests, and whose name, key and address are in their events. */
let admin: Person;
beforeAll(async () => {
  keys = await deploy();
  admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN', await createOrganisation(keys.PROVIDER));
});

function act(route: string, body?: unknown, by = admin.key): Promise<Answer> {
  return call(by, route, { ip: FROM, ...(body === undefined ? {} : { body }) });
}

interface Subject {
  api_key_id: number | null;
  user_id: string | null;
}

/** Calls that change something, each with what its one event is to say. */
const CHANGES: [
  name: string,
  () => Promise<{
    does: () => Promise<Answer>;
    action: string;
    changes: unknown;
    of: (body: Answer['body']) => Subject;
  }>,
][] = [
  [
    'creating a key',
    async () => ({
      does: () =>
        act('POST /v2/api_keys', { label: 'of the event', ip_whitelist: ['192.0.2.1'], expiration_date: '2999-12-31' }),
      action: 'api_key.created',
      changes: expect.objectContaining({
        label: [null, 'of the event'],
        ip_whitelist: [null, ['192.0.2.1']],
        expiration_date: [null, '2999-12-31'],
        has_restricted_permissions: [null, false],
      }),
      of: ({ id }) => ({ api_key_id: id, user_id: admin.id }),
    }),
  ],
  [
    'creating a key for another user',
    async () => {
      const userId = await createUser(admin.key);
      return {
        does: () => act('POST /v2/api_keys', { label: 'for another', user_id: userId }),
        action: 'api_key.created',
        changes: expect.objectContaining({ label: [null, 'for another'] }),
        of: ({ id }) => ({ api_key_id: id, user_id: userId }),
      };
    },
  ],
  [
    'creating the first main key, bot user and all',
    async () => ({
      does: () => act('POST /v2/api_keys', { label: 'main', user_type: 'bot' }),
      action: 'api_key.created',
      changes: expect.objectContaining({ label: [null, 'main'] }),
      of: ({ id, user_id }) => ({ api_key_id: id, user_id }),
    }),
  ],
  [
    'changing a key',
    async () => {
      const { id } = await createKey(admin.key, { label: 'before', description: 'stays' });
      return {
        does: () =>
          act(`PUT /v2/api_keys/${id}`, {
            label: 'after',
            description: 'stays',
            ip_whitelist: ['192.0.2.1'],
            has_restricted_permissions: true,
            permissions: ['api_key_read'],
          }),
        action: 'api_key.changed',
        changes: {
          label: ['before', 'after'],
          ip_whitelist: [[], ['192.0.2.1']],
          has_restricted_permissions: [false, true],
          permissions: [[], ['api_key_read']],
        },
        of: () => ({ api_key_id: id, user_id: admin.id }),
      };
    },
  ],
  [
    'revoking a key',
    async () => {
      const { id } = await createKey(admin.key);
      return {
        does: () => act(`POST /v2/api_keys/revoke/${id}`),
        action: 'api_key.revoked',
        changes: { disabled: [false, true] },
        of: () => ({ api_key_id: id, user_id: admin.id }),
      };
    },
  ],
  [
    'rotating a key',
    async () => {
      const { id, key_hint } = await createKey(admin.key);
      return {
        does: () => act(`POST /v2/api_keys/rotate/${id}`, { overlap_seconds: 60 }),
        action: 'api_key.rotated',
        changes: { key_hint: [key_hint, expect.stringMatching(/^lk_…[0-9A-Za-z]{4}$/)], overlap_seconds: 60 },
        of: () => ({ api_key_id: id, user_id: admin.id }),
      };
    },
  ],
  [
    'seeing a key',
    async () => {
      const { id } = await createKey(admin.key);
      return {
        does: () => act(`GET /v2/api_keys/key/${id}`),
        action: 'api_key.seen',
        changes: {},
        of: () => ({ api_key_id: id, user_id: admin.id }),
      };
    },
  ],
  [
    'creating a user',
    async () => {
      const email = freshEmail();
      return {
        does: () => act('POST /v2/user', { email, first_name: 'Ada', last_name: 'Byron', role: 'ORG_MANAGER' }),
        action: 'user.created',
        changes: {
          first_name: [null, 'Ada'],
          last_name: [null, 'Byron'],
          email: [null, email],
          role: [null, 'ORG_MANAGER'],
        },
        of: ({ id }) => ({ api_key_id: null, user_id: id }),
      };
    },
  ],
  [
    'changing a user',
    async () => {
      const id = await createUser(admin.key, { role: 'BUSINESS_MANAGER' });
      return {
        does: () => act(`POST /v2/user/${id}`, { role: 'ORG_MANAGER', first_name: 'First', disabled: true }),
        action: 'user.changed',
        changes: { role: ['BUSINESS_MANAGER', 'ORG_MANAGER'], disabled: [false, true] },
        of: () => ({ api_key_id: null, user_id: id }),
      };
    },
  ],
  [
    'deleting a user, keys and all',
    async () => {
      const email = freshEmail();
      const id = await createUser(admin.key, { email, role: 'BUSINESS_MANAGER' });
      for (let n = 0; n < 3; n++) await createKey(admin.key, { user_id: id });
      return {
        does: () => act(`DELETE /v2/user/${id}`),
        action: 'user.deleted',
        changes: {
          first_name: ['First', null],
          last_name: ['Last', null],
          email: [email, null],
          role: ['BUSINESS_MANAGER', null],
        },
        of: () => ({ api_key_id: null, user_id: id }),
      };
    },
  ],
];

test.each(CHANGES)('%s leaves one event: who, what, on what, from where, before and after', async (_, arrange) => {
  const { does, action, changes, of } = await arrange();
  const { result, events } = await eventsOf(keys.PROVIDER, does);
  expect([200, 201]).toContain(result.status);
  expect(events).toEqual([
    {
      id: expect.any(Number),
      at: expect.stringMatching(TIMESTAMP),
      action,
      actor_user_id: admin.id,
      actor_name: 'First Last',
      actor_api_key_id: admin.keyId,
      client_ip: FROM,
      ...of(result.body),
      changes,
    },
  ]);
  // It is in the organisation that it happened in.
  expect(await readRows('SELECT org_id FROM audit_events WHERE id = ?', events[0].id)).toEqual([
    { org_id: admin.orgId },
  ]);
});

test('creating an organisation leaves one event, in that organisation', async () => {
  const { result, events } = await eventsOf(keys.PROVIDER, () =>
    act('POST /v2/org', { name: 'Atelier' }, keys.PROVIDER),
  );
  expect(events).toHaveLength(1);
  const provider = await readCurrent(keys.PROVIDER);
  expect(events[0]).toMatchObject({
    action: 'organisation.created',
    actor_user_id: provider.user_id,
    actor_api_key_id: provider.id,
    client_ip: FROM,
    api_key_id: null,
    user_id: null,
    changes: { name: [null, 'Atelier'] },
  });
  expect(await readRows('SELECT org_id FROM audit_events WHERE id = ?', events[0].id)).toEqual([
    { org_id: result.body.id },
  ]);
});

test('what a PROVIDER does in another organisation is an event of that organisation', async () => {
  const { id } = await createKey(keys.PROVIDER, { user_type: 'bot', org_id: admin.orgId });
  const { audit_events } = await readEvents(admin.key, `?api_key_id=${id}`);
  expect(audit_events).toHaveLength(1);
  expect(audit_events[0].actor_user_id).toBe((await readCurrent(keys.PROVIDER)).user_id);
});

test('the bootstrap is an event of its own, by the command', async () => {
  const { audit_events } = await readEvents(keys.PROVIDER, '?action=deployment.bootstrapped');
  expect(audit_events).toHaveLength(1);
  expect(audit_events[0]).toMatchObject({
    actor_user_id: null,
    actor_name: 'bootstrap',
    actor_api_key_id: null,
    client_ip: null,
    changes: { name: [null, 'Latchkey'] },
  });
});

test('what a caller was called stays, whatever becomes of it', async () => {
  const passing = await createPerson(keys.PROVIDER, 'ORG_ADMIN', admin.orgId);
  const { id } = await createKey(passing.key, { user_type: 'bot' });
  await act(`DELETE /v2/user/${passing.id}`);
  const { audit_events } = await readEvents(admin.key, `?api_key_id=${id}`);
  expect(audit_events).toMatchObject([{ actor_user_id: passing.id, actor_name: 'First Last' }]);
});

describe('no event is left by', () => {
  test.each([
    'GET /v2/api_keys/current',
    'GET /v2/api_keys',
    'GET /v2/api_keys/:key',
    'GET /v2/audit_events',
    'GET /v2/user/me',
    'GET /v2/user/search',
    'GET /v2/user/search/count',
    'GET /v2/user/:user',
    'GET /v2/org/:org',
    'GET /v2/permissions',
  ])('a read: %s', async (route) => {
    const path = route.replace(':key', `${admin.keyId}`).replace(':user', admin.id).replace(':org', `${admin.orgId}`);
    const { result, events } = await eventsOf(keys.PROVIDER, () => act(path));
    expect(result.status).toBe(200);
    expect(events).toEqual([]);
  });

  test('looking a key up by its secret', async () => {
    const { result, events } = await eventsOf(keys.PROVIDER, () =>
      act('POST /v2/api_keys/find', { api_key: admin.key }),
    );
    expect(result.body.id).toBe(admin.keyId);
    expect(events).toEqual([]);
  });

  const BAD: [route: string, body: unknown, status: number][] = [
    ['POST /v2/api_keys', {}, 400],
    ['POST /v2/api_keys', { label: 'a key', ip_whitelist: ['nowhere'] }, 400],
    ['POST /v2/api_keys', { label: 'a key', user_id: '000000000000000000000000' }, 404],
    ['PUT /v2/api_keys/:key', { label: '' }, 400],
    ['PUT /v2/api_keys/:key', { expiration_date: '2020-01-01' }, 400],
    ['PUT /v2/api_keys/:revoked', { label: 'after' }, 400],
    ['POST /v2/api_keys/rotate/:key', { overlap_seconds: -1 }, 400],
    ['POST /v2/api_keys/rotate/:revoked', {}, 400],
    ['POST /v2/api_keys/rotate/999999', {}, 404],
    ['GET /v2/api_keys/key/:revoked', undefined, 400],
    ['GET /v2/api_keys/key/999999', undefined, 404],
    ['POST /v2/api_keys/revoke/999999', undefined, 404],
    ['POST /v2/api_keys/revoke/:key', { why: 'no reason' }, 400],
    ['POST /v2/user', { email: 'nobody' }, 400],
    ['POST /v2/user/:user', { role: 'KING' }, 400],
    ['POST /v2/user/:user', { disabled: true }, 400],
    ['DELETE /v2/user/:user', undefined, 400],
    ['DELETE /v2/user/000000000000000000000000', undefined, 404],
  ];
  test.each(BAD)('what failed for bad input: %s with %j', async (route, body, status) => {
    const { id } = await createKey(admin.key);
    await act(`POST /v2/api_keys/revoke/${id}`);
    const path = route.replace(':key', `${admin.keyId}`).replace(':user', admin.id).replace(':revoked', id);
    const { result, events } = await eventsOf(keys.PROVIDER, () => act(path, body));
    expect({ status: result.status, events }).toEqual({ status, events: [] });
  });

  test('a key that may not make the call at all', async () => {
    const { id, api_key } = await createKey(admin.key, {
      has_restricted_permissions: true,
      permissions: ['api_key_read'],
    });
    const { result, events } = await eventsOf(keys.PROVIDER, () =>
      act(`GET /v2/api_keys/key/${id}`, undefined, api_key),
    );
    expectForbidden(result, 'PERMISSION_DENIED');
    expect(events).toEqual([]);
  });
});

describe('an attempt beyond the reach of the caller leaves one event of its own kind', () => {
  const LACKING = { has_restricted_permissions: true, permissions: ['api_key_read', 'api_key_manage'] };
  const NO_REACH = { has_restricted_permissions: true, permissions: ['user_read', 'user_manage'] };

  const ATTEMPTS: [
    action: string,
    why: string,
    () => Promise<{ by: string; route: string; body?: unknown } & Subject>,
  ][] = [
    [
      'api_key.see_refused',
      "another user's key",
      async () => {
        const { id, keyId } = await createPerson(admin.key, 'BUSINESS_MANAGER');
        return { by: admin.key, route: `GET /v2/api_keys/key/${keyId}`, api_key_id: keyId, user_id: id };
      },
    ],
    [
      'api_key.rotate_refused',
      'a wider key',
      async () => {
        const by = (await createKey(admin.key, LACKING)).api_key;
        const route = `POST /v2/api_keys/rotate/${admin.keyId}`;
        return { by, route, body: {}, api_key_id: admin.keyId, user_id: admin.id };
      },
    ],
    [
      'api_key.change_refused',
      'itself, to become wider',
      async () => {
        const { id, api_key } = await createKey(admin.key, LACKING);
        const body = { has_restricted_permissions: false, permissions: [] };
        return { by: api_key, route: `PUT /v2/api_keys/${id}`, body, api_key_id: id, user_id: admin.id };
      },
    ],
    [
      'api_key.create_refused',
      'a wider key',
      async () => {
        const by = (await createKey(admin.key, LACKING)).api_key;
        return { by, route: 'POST /v2/api_keys', body: { label: 'wide' }, api_key_id: null, user_id: null };
      },
    ],
    [
      'api_key.create_refused',
      'a key for another user',
      async () => {
        const { key } = await createPerson(admin.key, 'BUSINESS_MANAGER');
        const body = { label: 'theirs', user_id: admin.id };
        return { by: key, route: 'POST /v2/api_keys', body, api_key_id: null, user_id: null };
      },
    ],
    [
      'api_key.create_refused',
      'a key in another organisation',
      async () => {
        const body = { label: 'theirs', user_type: 'bot', org_id: 1 };
        return { by: admin.key, route: 'POST /v2/api_keys', body, api_key_id: null, user_id: null };
      },
    ],
    [
      'user.create_refused',
      'a role that it may not give',
      async () => ({
        by: (await createKey(admin.key, NO_REACH)).api_key,
        route: 'POST /v2/user',
        body: newUser({ role: 'ORG_MANAGER' }),
        api_key_id: null,
        user_id: null,
      }),
    ],
    [
      'user.change_refused',
      'a role that it may not give',
      async () => {
        const by = (await createKey(admin.key, NO_REACH)).api_key;
        const id = await createUser(admin.key);
        const body = { role: 'ORG_ADMIN' };
        return { by, route: `POST /v2/user/${id}`, body, api_key_id: null, user_id: id };
      },
    ],
    [
      'user.delete_refused',
      'a user that it may not make',
      async () => {
        const by = (await createKey(admin.key, NO_REACH)).api_key;
        const id = await createUser(admin.key);
        return { by, route: `DELETE /v2/user/${id}`, api_key_id: null, user_id: id };
      },
    ],
  ];

  test.each(ATTEMPTS)('%s: %s', async (action, _, arrange) => {
    const { by, route, body, api_key_id, user_id } = await arrange();
    const me = await readCurrent(by);
    const { result, events } = await eventsOf(keys.PROVIDER, () => act(route, body, by));
    expectForbidden(result, 'PERMISSION_DENIED');
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      action,
      actor_user_id: me.user_id,
      actor_name: 'First Last',
      actor_api_key_id: me.id,
      client_ip: FROM,
      api_key_id,
      user_id,
    });
    expect(events[0].changes.rule).toMatch(/\S/);
    // The administrator of the organisation gets to know.
    expect((await readEvents(admin.key, `?action=${action}&per_page=1`)).audit_events[0].id).toBe(events[0].id);
  });

  test('and who owns the key is shown that someone tried', async () => {
    const owner = await createPerson(admin.key, 'BUSINESS_MANAGER');
    await act(`GET /v2/api_keys/key/${owner.keyId}`);
    const { audit_events } = await readEvents(owner.key, '?action=api_key.see_refused');
    expect(audit_events).toMatchObject([{ actor_user_id: admin.id, api_key_id: owner.keyId }]);
  });
});

describe('the list', () => {
  test('has the shape of the contract, newest first', async () => {
    const { status, headers, body } = await call(admin.key, 'GET /v2/audit_events?per_page=5');
    expect(status).toBe(200);
    expect(headers.get('Cache-Control')).toBe('no-store');
    expect(Object.keys(body)).toEqual(['page', 'max_page', 'count', 'audit_events']);
    expect(body.page).toBe(1);
    expect(body.audit_events).toHaveLength(5);
    for (const event of body.audit_events) {
      expect(Object.keys(event)).toEqual(EVENT_FIELDS);
      expect(event.at).toMatch(TIMESTAMP);
    }
    const ids = body.audit_events.map(({ id }: { id: number }) => id);
    expect(ids).toEqual(ids.toSorted((a: number, b: number) => b - a));
  });

  test('is paged like the keys: every event once, 30 to a page by default', async () => {
    const stored = await readRows('SELECT id FROM audit_events WHERE org_id = ? ORDER BY id DESC', admin.orgId);
    expect(stored.length).toBeGreaterThan(30);
    const pages = [];
    for (let page = 1; page <= Math.ceil(stored.length / 7); page++) {
      pages.push(await readEvents(admin.key, `?page=${page}&per_page=7`));
    }
    expect(pages.flatMap(({ audit_events }) => audit_events.map(({ id }: { id: number }) => ({ id })))).toEqual(stored);
    for (const { count, max_page } of pages) {
      expect({ count, max_page }).toEqual({ count: stored.length, max_page: pages.length });
    }
    expect((await readEvents(admin.key)).audit_events).toHaveLength(30);
    expect((await readEvents(admin.key, '?page=0&per_page=7')).page).toBe(1);
    expect((await readEvents(admin.key, '?page=9999')).audit_events).toEqual([]);
  });

  test('of nothing is one empty page', async () => {
    expect(await readEvents(admin.key, '?action=secrets.resealed')).toEqual({
      page: 1,
      max_page: 1,
      count: 0,
      audit_events: [],
    });
  });

  test('is filtered by key, user and action, and by all of them', async () => {
    const { id: userId, key, keyId } = await createPerson(admin.key, 'BUSINESS_MANAGER');
    const other = await createKey(key);
    await call(key, `POST /v2/api_keys/rotate/${other.id}`, { body: {} });
    await call(key, `PUT /v2/api_keys/${other.id}`, { body: { label: 'renamed' } });
    const list = async (query: string) =>
      (await readEvents(admin.key, query)).audit_events.map(
        (event: { action: string; api_key_id: number | null }) => `${event.action} ${event.api_key_id}`,
      );
    const ofOther = ['api_key.changed', 'api_key.rotated', 'api_key.created'].map((action) => `${action} ${other.id}`);
    expect(await list(`?api_key_id=${other.id}`)).toEqual(ofOther);
    expect(await list(`?user_id=${userId}`)).toEqual([...ofOther, `api_key.created ${keyId}`, 'user.created null']);
    expect(await list(`?user_id=${userId}&action=api_key.created`)).toEqual([
      `api_key.created ${other.id}`,
      `api_key.created ${keyId}`,
    ]);
    expect(await list(`?user_id=${userId}&action=api_key.created&api_key_id=${keyId}`)).toEqual([
      `api_key.created ${keyId}`,
    ]);
    expect(await list(`?user_id=${admin.id}&api_key_id=${other.id}`)).toEqual([]);
    expect((await readEvents(admin.key, `?api_key_id=${other.id}&per_page=2`)).count).toBe(3);
  });

  test.each([
    ['api_key_id=none', 'api_key_id'],
    ['api_key_id=0', 'api_key_id'],
    ['api_key_id=1.5', 'api_key_id'],
    ['user_id=1', 'user_id'],
    ['user_id=5309C3A237BBC544D8E26737', 'user_id'],
    ['action=%00', 'action'],
    ['action=nothing.happened', 'action'],
    ['action=', 'action'],
    ['before=0', 'before'],
    ['before=last', 'before'],
    ['page=first', 'page'],
    ['per_page=0', 'per_page'],
    ['per_page=101', 'per_page'],
  ])('with the query %s is a 400', async (query, field) => {
    expectInvalid(await call(admin.key, `GET /v2/audit_events?${query}`), [field]);
  });

  test('needs api_key_read', async () => {
    const { api_key } = await createKey(admin.key, { has_restricted_permissions: true, permissions: ['review_read'] });
    expectForbidden(await call(api_key, 'GET /v2/audit_events'), 'PERMISSION_DENIED');
  });
});

describe('of the events', () => {
  async function allIds(by: string, query = ''): Promise<number[]> {
    const ids: number[] = [];
    for (let page = 1; ; page++) {
      const { audit_events, max_page } = await readEvents(by, `?per_page=100&page=${page}${query}`);
      ids.push(...audit_events.map(({ id }: { id: number }) => id));
      if (page >= max_page) return ids;
    }
  }

  async function storedIds(condition: string, ...parameters: (string | number)[]): Promise<number[]> {
    const rows = await readRows(`SELECT id FROM audit_events WHERE ${condition} ORDER BY id DESC`, ...parameters);
    return rows.map(({ id }) => Number(id));
  }

  test('a PROVIDER sees all', async () => {
    const stored = await storedIds('true');
    expect((await readRows('SELECT DISTINCT org_id FROM audit_events')).length).toBeGreaterThan(1);
    expect(await allIds(keys.PROVIDER)).toEqual(stored);
  });

  test('an ORG_ADMIN sees those of its organisation, and so does a main key', async () => {
    const own = await storedIds('org_id = ?', admin.orgId);
    expect(own.length).toBeGreaterThan(0);
    expect(own.length).toBeLessThan((await storedIds('true')).length);
    expect(await allIds(admin.key)).toEqual(own);
    const main = await createKey(admin.key, { user_type: 'bot' });
    expect(await allIds(main.api_key)).toEqual(await storedIds('org_id = ?', admin.orgId));
  });

  test.each(['ORG_MANAGER', 'GROUP_MANAGER', 'BUSINESS_MANAGER', 'PUBLISHER'] as const)(
    'a %s sees those that concern its own keys',
    async (role) => {
      const person = await createPerson(admin.key, role);
      const extra = await createKey(admin.key, { user_id: person.id });
      await act(`POST /v2/api_keys/revoke/${extra.id}`);
      await act(`POST /v2/user/${person.id}`, { last_name: 'Other' });
      const concerning = await storedIds('api_key_id IN (?, ?)', person.keyId, extra.id);
      expect(concerning).toHaveLength(3);
      expect(await allIds(person.key)).toEqual(concerning);
    },
  );

  test('no filter shows more', async () => {
    const person = await createPerson(admin.key, 'ORG_MANAGER');
    expect(await allIds(person.key, `&user_id=${admin.id}`)).toEqual([]);
    expect(await allIds(person.key, `&api_key_id=${admin.keyId}`)).toEqual([]);
    expect(await allIds(person.key, '&action=user.created')).toEqual([]);
    const provider = await readCurrent(keys.PROVIDER);
    expect(await allIds(admin.key, `&api_key_id=${provider.id}`)).toEqual([]);
    expect(await allIds(admin.key, '&action=deployment.bootstrapped')).toEqual([]);
  });
});

test('no event has a secret, its hash or its sealed form', async () => {
  const rows = await readRows('SELECT * FROM audit_events');
  expect(new Set(rows.map(({ action }) => action)).size).toBeGreaterThan(15);
  const text = JSON.stringify(rows);
  expect(text).not.toMatch(/[a-z][a-z0-9]{1,15}_[0-9A-Za-z]{49}/);
  expect(text).not.toMatch(/[0-9a-f]{64}/);
  expect(text).not.toContain('v1.test.');
});

describe('the cron trigger', () => {
  const DAY_MS = 24 * 60 * 60 * 1000;
  let last: number;

  afterAll(async () => {
    await readRows('DELETE FROM audit_events WHERE id > ?', last);
  });

  async function runCron(bindings: Partial<Env> = {}) {
    const context = createExecutionContext();
    await worker.scheduled(createScheduledController(), { ...env, ...bindings }, context);
    await waitOnExecutionContext(context);
  }

  /** Puts events of these ages, in days, in the place of all. */
  async function haveEventsOf(ages: readonly number[]) {
    await readRows('DELETE FROM audit_events');
    for (const age of ages) {
      await readRows(
        "INSERT INTO audit_events (org_id, at, action, changes) VALUES (1, ?, ?, '{}')",
        Date.now() - age * DAY_MS,
        `${age}`,
      );
    }
    const [row] = await readRows('SELECT max(id) AS last FROM audit_events');
    last = Number(row?.last ?? 0);
  }

  async function agesLeft(): Promise<string[]> {
    return (await readRows('SELECT action FROM audit_events ORDER BY id')).map(({ action }) => String(action));
  }

  test.each<[ages: number[], left: string[]]>([
    [
      [800, 401, 400.01, 399.99, 30, 0],
      ['399.99', '30', '0'],
    ],
    [
      [399.99, 0],
      ['399.99', '0'],
    ],
    [[800, 401], []],
    [[], []],
  ])('of events %j days old leaves those of the last 400 days', async (ages, left) => {
    await haveEventsOf(ages);
    await runCron();
    expect(await agesLeft()).toEqual(left);
    await runCron();
    expect(await agesLeft()).toEqual(left);
  });

  test('keeps as many days as AUDIT_KEEP_DAYS says', async () => {
    await haveEventsOf([8, 7.01, 6.99, 0]);
    await runCron({ AUDIT_KEEP_DAYS: '7' });
    expect(await agesLeft()).toEqual(['6.99', '0']);
  });

  test('never gives a number again that an event had', async () => {
    await haveEventsOf([401]);
    const before = last;
    await runCron();
    const { events } = await eventsOf(keys.PROVIDER, () => act('POST /v2/org', { name: 'After' }, keys.PROVIDER));
    expect(events).toHaveLength(1);
    expect(events[0].id).toBeGreaterThan(before);
  });
});
