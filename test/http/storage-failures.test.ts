import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInternal, expectUnavailable } from '../support/expect-error.ts';
import { newUser } from '../support/people.ts';
import { readRows } from '../support/stored.ts';
import { watchDatabase } from '../support/watched-database.ts';

/*
 * A database that gives no answer is a 503 with Retry-After on every call, because the same call may succeed in a
 * moment. A statement that is wrong is a 500: repeating it mends nothing.
 */

let keys: RoleKeys;
let keyId: number;
let userId: string;
let apiKey: string;
let logged: MockInstance<typeof console.error>;
beforeAll(async () => {
  keys = await deploy();
  const key = await createKey(keys.ORG_ADMIN);
  keyId = key.id;
  apiKey = key.api_key;
  userId = (await call(keys.ORG_ADMIN, 'POST /v2/user', { body: newUser() })).body.id;
});
beforeEach(async () => {
  logged = vi.spyOn(console, 'error').mockImplementation(() => {});
  // In memory, so that the calls of a test need the database for nothing but what they are about.
  for (const key of [keys.ORG_ADMIN, keys.PROVIDER])
    expect((await call(key, 'GET /v2/api_keys/current')).status).toBe(200);
  return () => logged.mockRestore();
});

/** As D1 fails: what a statement is asked for, a batch and a session reject. */
function failingWith(message: string): D1Database {
  const fail = async () => {
    throw new Error(message);
  };
  const statement: object = new Proxy({}, { get: (_, name) => (name === 'bind' ? () => statement : fail) });
  const session: object = { prepare: () => statement, batch: fail, getBookmark: () => null };
  return new Proxy(env.DB, {
    get: (_, name) => (name === 'prepare' ? () => statement : name === 'withSession' ? () => session : fail),
  });
}

/** What D1 is documented to say when it gives no answer, and an error that no one knows. */
const OUTAGES = [
  'D1_ERROR: Network connection lost.',
  'D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.',
  'D1_ERROR: D1 DB is overloaded. Too many requests queued.',
  'D1_ERROR: D1 DB reset because its code was updated.',
  'Out of reach',
];

const READS: [string, string][] = [
  ['ORG_ADMIN', 'GET /v2/api_keys'],
  ['ORG_ADMIN', 'GET /v2/api_keys/:key'],
  ['ORG_ADMIN', 'GET /v2/api_keys/usage/:key'],
  ['ORG_ADMIN', 'POST /v2/api_keys/explain/:key'],
  ['ORG_ADMIN', 'POST /v2/api_keys/rehearse/:key'],
  ['ORG_ADMIN', 'POST /v2/user/:user/rehearse'],
  ['ORG_ADMIN', 'POST /v2/api_keys/find'],
  ['ORG_ADMIN', 'GET /v2/user/me'],
  ['ORG_ADMIN', 'GET /v2/user/search'],
  ['ORG_ADMIN', 'GET /v2/user/search/count'],
  ['ORG_ADMIN', 'GET /v2/user/:user'],
  ['ORG_ADMIN', 'GET /v2/org/2'],
  ['PROVIDER', 'GET /v2/org/search'],
  ['ORG_ADMIN', 'GET /v2/audit_events'],
];

function keyOf(role: string): string {
  return role === 'PROVIDER' ? keys.PROVIDER : keys.ORG_ADMIN;
}

function routeOf(route: string): string {
  return route.replace(':key', String(keyId)).replace(':user', userId);
}

function bodyOf(route: string): { body?: unknown } {
  if (route.includes('/find')) return { body: { api_key: apiKey } };
  if (route.includes('/api_keys/rehearse')) return { body: { revoke: true } };
  if (route.includes('/rehearse')) return { body: { disabled: true } };
  return route.startsWith('POST') ? { body: {} } : {};
}

describe.each(READS)('by a key of %s, %s', (role, route) => {
  test('answers while the database does', async () => {
    expect((await call(keyOf(role), routeOf(route), bodyOf(route))).status).toBe(200);
  });

  test.each(OUTAGES)('is a 503 while it says "%s"', async (message) => {
    const answer = await call(keyOf(role), routeOf(route), { ...bodyOf(route), env: { DB: failingWith(message) } });
    expectUnavailable(answer);
    expect(JSON.stringify(answer.body.errors)).not.toMatch(/D1|connection|reach/);
    expect(JSON.stringify(logged.mock.calls)).toContain(message);
  });
});

test.each([
  'D1_ERROR: no such column: nonsense: SQLITE_ERROR',
  'D1_ERROR: UNIQUE constraint failed: users.email_folded: SQLITE_CONSTRAINT',
  "D1_TYPE_ERROR: Type 'undefined' not supported for value 'undefined'",
])('a statement that is wrong ("%s") is a 500', async (message) => {
  expectInternal(await call(keys.ORG_ADMIN, 'GET /v2/api_keys', { env: { DB: failingWith(message) } }));
});

test('what the local database itself says of a wrong statement and a broken constraint is a 500', async () => {
  for (const sql of ['SELECT nonsense', "INSERT INTO feed_state (id, epoch, head) VALUES (1, 'again', 0)"]) {
    const wrong = new Proxy(env.DB, {
      get(database, name) {
        if (name === 'prepare') return (query: string) => env.DB.prepare(/api_keys/.test(query) ? sql : query);
        if (name === 'batch') return () => env.DB.batch([env.DB.prepare(sql)]);
        if (name === 'withSession') return (constraint: string) => sessionOf(sql, constraint);
        const value: unknown = Reflect.get(database, name);
        return typeof value === 'function' ? value.bind(database) : value;
      },
    });
    expectInternal(await call(keys.ORG_ADMIN, 'GET /v2/api_keys', { env: { DB: wrong } }));
  }
});

function sessionOf(sql: string, constraint: string) {
  const session = env.DB.withSession(constraint);
  return {
    prepare: (query: string) => session.prepare(query),
    batch: () => session.batch([session.prepare(sql)]),
    getBookmark: () => session.getBookmark(),
  };
}

describe('a write whose commit', () => {
  const WRITES: [string, () => string, unknown?][] = [
    ['creating a key', () => 'POST /v2/api_keys', { label: 'of an outage' }],
    ['changing a key', () => `PUT /v2/api_keys/${keyId}`, { label: 'changed in an outage' }],
    ['rotating', () => `POST /v2/api_keys/rotate/${keyId}`, {}],
    ['creating a user', () => 'POST /v2/user', newUser()],
    ['changing a user', () => `POST /v2/user/${userId}`, { first_name: 'Changed' }],
    ['revoking', () => `POST /v2/api_keys/revoke/${keyId}`],
    ['deleting a user', () => `DELETE /v2/user/${userId}`],
  ];

  test.each(WRITES)('fails is a 503 that claims nothing about what was changed: %s', async (_, route, body) => {
    const DB = watchDatabase(() => {
      throw new Error('D1_ERROR: Network connection lost.');
    });
    const answer = await call(keys.ORG_ADMIN, route(), { ...(body === undefined ? {} : { body }), env: { DB } });
    expectUnavailable(answer);
    expect(answer.body.errors.server).not.toMatch(/nothing was changed/i);
  });

  test('was made, and whose answer was lost, is answered the same way', async () => {
    const DB = new Proxy(env.DB, {
      get(database, name) {
        if (name === 'batch') {
          return async (statements: D1PreparedStatement[]) => {
            await database.batch(statements);
            throw new Error('D1_ERROR: Network connection lost.');
          };
        }
        const value: unknown = Reflect.get(database, name);
        return typeof value === 'function' ? value.bind(database) : value;
      },
    });
    const answer = await call(keys.ORG_ADMIN, 'POST /v2/api_keys', {
      body: { label: 'made all the same' },
      env: { DB },
    });
    expectUnavailable(answer);
    expect(answer.body.errors.server).not.toMatch(/nothing was changed/i);
    expect(await readRows("SELECT label FROM api_keys WHERE label = 'made all the same'")).toHaveLength(1);
  });
});
