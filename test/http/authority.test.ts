import { beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { compose } from '../../src/compose.ts';
import { newIsolate } from '../../src/domain/isolate.ts';
import { type Answer, type CallOptions, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { form } from '../support/form.ts';
import { holdBody } from '../support/held-body.ts';
import { EFFECTIVE_BY } from '../support/key-fields.ts';
import { createPerson, createUser, newUser, type Person } from '../support/people.ts';
import { alter, countRows, readRows } from '../support/stored.ts';
import { watchDatabase } from '../support/watched-database.ts';

/*
 * A key that loses its rights while its call is on the way, because the body is held back or just before the batch is
 * committed: it changes nothing and sees nothing. Every route is in one of the two tables below, or in the third, of those
 * that neither write nor take a body; but for the one by which a key gives itself up, which has tests of its own.
 */

interface Subject {
  caller: Person;
  keyId: number;
  apiKey: string;
  /** A key that is paused. */
  pausedId: number;
  /** A key within the overlap of a rotation. */
  rotatedId: number;
  userId: string;
}

interface Tried {
  path: string;
  body?: unknown;
  headers?: NonNullable<CallOptions['headers']>;
}

/** Routes that write or give out a secret. */
const WRITES: Record<string, (subject: Subject) => Tried> = {
  'POST /v2/api_keys': () => ({ path: '/v2/api_keys', body: { label: 'next' } }),
  'PUT /v2/api_keys/:id': ({ keyId }) => ({ path: `/v2/api_keys/${keyId}`, body: { label: 'next' } }),
  'POST /v2/api_keys/revoke/:id': ({ keyId }) => ({ path: `/v2/api_keys/revoke/${keyId}`, body: {} }),
  'POST /v2/api_keys/pause/:id': ({ keyId }) => ({ path: `/v2/api_keys/pause/${keyId}`, body: {} }),
  'POST /v2/api_keys/resume/:id': ({ pausedId }) => ({ path: `/v2/api_keys/resume/${pausedId}`, body: {} }),
  'POST /v2/api_keys/rotate/:id': ({ keyId }) => ({ path: `/v2/api_keys/rotate/${keyId}`, body: {} }),
  'POST /v2/api_keys/overlap/:id': ({ rotatedId }) => ({
    path: `/v2/api_keys/overlap/${rotatedId}`,
    body: { overlap_seconds: 7200 },
  }),
  'GET /v2/api_keys/key/:id': ({ keyId }) => ({ path: `/v2/api_keys/key/${keyId}` }),
  'POST /v2/user': () => ({ path: '/v2/user', body: newUser() }),
  'POST /v2/user/:id': ({ userId }) => ({ path: `/v2/user/${userId}`, body: { first_name: 'Other' } }),
  'DELETE /v2/user/:id': ({ userId }) => ({ path: `/v2/user/${userId}` }),
  'POST /v2/user/:id/invite': ({ userId }) => ({ path: `/v2/user/${userId}/invite`, body: {} }),
  'POST /v2/org': () => ({ path: '/v2/org', body: { name: 'next' } }),
};

/** The route by which a key gives itself up: of its caller counts only that the secret is still live. */
const GIVES_UP = 'POST /v2/api_keys/revoke_current';

/** Routes with a body that only show something. */
const SHOWS: Record<string, (subject: Subject) => Tried> = {
  'POST /v2/api_keys/find': ({ apiKey }) => ({ path: '/v2/api_keys/find', body: { api_key: apiKey } }),
  'POST /v2/api_keys/rehearse/:id': ({ keyId }) => ({ path: `/v2/api_keys/rehearse/${keyId}`, body: { revoke: true } }),
  'POST /v2/user/:id/rehearse': ({ userId }) => ({ path: `/v2/user/${userId}/rehearse`, body: { disabled: true } }),
  'POST /v2/api_keys/explain/:id': ({ keyId }) => ({ path: `/v2/api_keys/explain/${keyId}`, body: {} }),
  'POST /v2/api_keys/verify': ({ apiKey }) => ({ path: '/v2/api_keys/verify', body: { api_key: apiKey } }),
  'POST /v2/introspect': ({ apiKey }) => ({ path: '/v2/introspect', ...form({ token: apiKey }) }),
};

/** Routes whose answer follows at once from the verdict about the key. */
const READS = [
  'GET /v2/api_keys',
  'GET /v2/api_keys/:id',
  'GET /v2/api_keys/current',
  'GET /v2/api_keys/usage/:id',
  'GET /v2/audit_events',
  'GET /v2/org/:id',
  'GET /v2/org/search',
  'GET /v2/permissions',
  'GET /v2/user/:id',
  'GET /v2/user/me',
  'GET /v2/user/search',
  'GET /v2/user/search/count',
];

/** How a caller loses its rights, and what its call is answered with. */
const LOSSES: [string, (caller: Person) => Promise<Answer>, string][] = [
  ['its key is revoked', ({ keyId }) => call(keys.PROVIDER, `POST /v2/api_keys/revoke/${keyId}`), 'REVOKED'],
  ['its key is paused', ({ keyId }) => call(keys.PROVIDER, `POST /v2/api_keys/pause/${keyId}`), 'PAUSED'],
  ['its user is disabled', ({ id }) => changeUser(id, { disabled: true }), 'USER_DISABLED'],
  ['its user is demoted', ({ id }) => changeUser(id, { role: 'PUBLISHER' }), 'PERMISSION_DENIED'],
  ['its user is deleted', ({ id }) => call(keys.PROVIDER, `DELETE /v2/user/${id}`), 'UNKNOWN_KEY'],
  [
    'its permissions are narrowed',
    ({ key, keyId }) =>
      call(key, `PUT /v2/api_keys/${keyId}`, {
        body: { has_restricted_permissions: true, permissions: ['review_read'] },
      }),
    'PERMISSION_DENIED',
  ],
  [
    'its addresses are narrowed',
    ({ key, keyId }) => call(key, `PUT /v2/api_keys/${keyId}`, { body: { ip_whitelist: ['192.0.2.1'] } }),
    'IP_NOT_ALLOWED',
  ],
];

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

const changeUser = (id: string, body: unknown) => call(keys.PROVIDER, `POST /v2/user/${id}`, { body });

/** A PROVIDER that makes calls, a main key for it to reach, and someone to change. */
async function makeSubject(): Promise<Subject> {
  const caller = await createPerson(keys.PROVIDER, 'PROVIDER');
  const main = await createKey(keys.PROVIDER, { user_type: 'bot' });
  const paused = await createKey(keys.PROVIDER, { user_type: 'bot' });
  await call(keys.PROVIDER, `POST /v2/api_keys/pause/${paused.id}`);
  const rotated = await createKey(keys.PROVIDER, { user_type: 'bot' });
  await call(keys.PROVIDER, `POST /v2/api_keys/rotate/${rotated.id}`, { body: { overlap_seconds: 3600 } });
  const userId = await createUser(keys.PROVIDER, { role: 'PUBLISHER' });
  // In memory, as a key in use is.
  await readCurrent(caller.key);
  return { caller, keyId: main.id, apiKey: main.api_key, pausedId: paused.id, rotatedId: rotated.id, userId };
}

const methodOf = (route: string) => route.split(' ')[0] ?? '';

test('every route is in one of the tables', () => {
  const mounted = createApp(compose).routes.filter(
    ({ method, path }) => method !== 'ALL' && path.startsWith('/v2') && !path.endsWith('*'),
  );
  // Without the form of ids: '/v2/user/:id'.
  const nameOf = ({ method, path }: { method: string; path: string }) =>
    `${method} ${path.replaceAll(/\{[^/]*\}/g, '')}`;
  const listed = [...Object.keys(WRITES), ...Object.keys(SHOWS), GIVES_UP, ...READS];
  expect([...new Set(mounted.map(nameOf))].toSorted()).toEqual(listed.toSorted());
});

describe.each(LOSSES)('while a body is held back %s:', (_, lose, code) => {
  const withBody = [...Object.entries(WRITES), ...Object.entries(SHOWS)].filter(([route]) => /^(POST|PUT)/.test(route));

  test.each(withBody)('%s is refused, and nothing is written', async (route, make) => {
    const subject = await makeSubject();
    const { path, body, headers = {} } = make(subject);
    let rows = {};
    const meanwhile = async () => {
      expect((await lose(subject.caller)).status).toBe(200);
      rows = await countRows();
    };
    const answer = await holdBody(subject.caller.key, `${methodOf(route)} ${path}`, body, meanwhile, { headers });
    // Who is demoted may go on reading, but has no access to this key any more.
    expect([code, 'NOT_FOUND']).toContain(answer.body.code);
    expect(await countRows()).toEqual(rows);
  });
});

test.each([...Object.entries(WRITES), ...Object.entries(SHOWS)])(
  '%s works for a slow caller that keeps its rights',
  async (route, make) => {
    const subject = await makeSubject();
    const { path, body, headers = {} } = make(subject);
    const target = `${methodOf(route)} ${path}`;
    const answer =
      body === undefined
        ? await call(subject.caller.key, target)
        : await holdBody(subject.caller.key, target, body, async () => {}, { headers });
    expect(answer.status).toBeLessThan(300);
  },
);

describe.each(LOSSES)('just before the transaction %s:', (_, lose, code) => {
  test.each(Object.entries(WRITES))('%s is refused, and nothing is written', async (route, make) => {
    const subject = await makeSubject();
    const { path, body } = make(subject);
    let rows: Record<string, unknown> | undefined;
    const DB = watchDatabase(async () => {
      if (rows !== undefined) return;
      rows = {};
      expect((await lose(subject.caller)).status).toBe(200);
      rows = await countRows();
    });
    const answer = await call(subject.caller.key, `${methodOf(route)} ${path}`, {
      env: { DB },
      ...(body === undefined ? {} : { body }),
    });
    expect(answer.body).toMatchObject({ code });
    expect(await countRows()).toEqual(rows);
  });
});

describe.each(LOSSES)('a key that gives itself up while %s', (_, lose, code) => {
  const isDone = code === 'PERMISSION_DENIED';

  test(isDone ? 'and its body is held back does so' : 'and its body is held back is refused', async () => {
    const { caller } = await makeSubject();
    let rows = {};
    const answer = await holdBody(caller.key, GIVES_UP, {}, async () => {
      expect((await lose(caller)).status).toBe(200);
      rows = await countRows();
    });
    if (isDone) expect(answer.body).toEqual({ id: caller.keyId, status: 'success', effective_by: EFFECTIVE_BY });
    else expect(answer.body).toMatchObject({ code });
    if (!isDone) expect(await countRows()).toEqual(rows);
  });
});

describe('just before the transaction the caller is changed in a way that takes nothing away, and', () => {
  test.each(Object.entries(WRITES))('%s is done all the same', async (route, make) => {
    const subject = await makeSubject();
    const { path, body } = make(subject);
    let isFirst = true;
    const DB = watchDatabase(async () => {
      if (!isFirst) return;
      isFirst = false;
      const rename = { body: { label: 'renamed' } };
      expect((await call(subject.caller.key, `PUT /v2/api_keys/${subject.caller.keyId}`, rename)).status).toBe(200);
    });
    const answer = await call(subject.caller.key, `${methodOf(route)} ${path}`, {
      env: { DB },
      ...(body === undefined ? {} : { body }),
    });
    expect(answer.status).toBeLessThan(300);
    expect(isFirst).toBe(false);
  });
});

describe('just before the transaction the user that a new key is for', () => {
  async function createKeyWhile(change: (userId: string) => Promise<Answer>, maker: string, role: string) {
    const { org_id } = await readCurrent(keys.ORG_ADMIN);
    const userId = await createUser(keys.PROVIDER, { role, org_id });
    let isFirst = true;
    const DB = watchDatabase(async () => {
      if (!isFirst) return;
      isFirst = false;
      expect((await change(userId)).status).toBe(200);
    });
    return call(maker, 'POST /v2/api_keys', { env: { DB }, body: { label: 'for another', user_id: userId } });
  }

  test('is raised beyond the maker: the key is not made', async () => {
    const raise = (userId: string) => changeUser(userId, { role: 'ORG_ADMIN' });
    const narrow = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['203.0.113.7'] });
    // The maker may give ORG_ADMIN, so this one is made: it is judged by the new role, not by the old one.
    expect((await createKeyWhile(raise, keys.ORG_ADMIN, 'PUBLISHER')).body).toMatchObject({ user_role: 'ORG_ADMIN' });
    expect((await createKeyWhile(raise, narrow.api_key, 'PUBLISHER')).status).toBe(403);
  });

  test('is deleted: the key is not made', async () => {
    const answer = await createKeyWhile(
      (id) => call(keys.PROVIDER, `DELETE /v2/user/${id}`),
      keys.ORG_ADMIN,
      'PUBLISHER',
    );
    expect(answer.status).toBe(404);
  });
});

test('a key that expires between the judgement and the commit changes nothing', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN, { label: 'before' });
  const today = new Date().toISOString().slice(0, 10);
  await alter('UPDATE api_keys SET expiration_date = ? WHERE id = ?', today, id);
  // The Worker's clock says a second to midnight until the batch is sent. The database's clock is later.
  let isSent = false;
  const app = createApp((bound, context) => ({
    ...compose(bound, context, newIsolate()),
    now: () => (isSent ? Date.now() : Date.parse(`${today}T00:00:00Z`) - 1_000),
  }));
  const DB = watchDatabase(() => {
    isSent = true;
  });
  const answer = await call(api_key, `PUT /v2/api_keys/${id}`, { body: { label: 'after' }, app, env: { DB } });
  expect(isSent).toBe(true);
  expect(answer).toMatchObject({ status: 401, body: { code: 'EXPIRED' } });
  expect(await readRows('SELECT label FROM api_keys WHERE id = ?', id)).toEqual([{ label: 'before' }]);
});

describe('a body', () => {
  test('that is not whole in time is a 408, and nothing is written', async () => {
    const rows = await countRows();
    // The deadline comes as soon as it is set.
    const app = createApp((bound, context) => ({
      ...compose(bound, context),
      after(milliseconds, callBack) {
        const timer = setTimeout(callBack, milliseconds === 10_000 ? 0 : milliseconds);
        return () => clearTimeout(timer);
      },
    }));
    const never = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{')),
    });
    const answer = await call(keys.ORG_ADMIN, 'POST /v2/api_keys', { body: never, app });
    expect(answer).toMatchObject({ status: 408, body: { code: 'BODY_TIMEOUT', errors: { json: /10 seconds/ } } });
    expect(await countRows()).toEqual(rows);
  });

  test('of a stranger is not read', async () => {
    let isRead = false;
    const body = new ReadableStream<Uint8Array>(
      {
        pull() {
          isRead = true;
        },
      },
      { highWaterMark: 0 },
    );
    expect((await call(null, 'POST /v2/api_keys', { body })).status).toBe(401);
    expect(isRead).toBe(false);
  });
});
