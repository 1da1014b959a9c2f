import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Answer, type CallOptions, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectUnavailable } from '../support/expect-error.ts';
import { createPerson } from '../support/people.ts';
import { writingNothing } from '../support/stored.ts';

const ANY_KEY = /[a-z][a-z0-9]{1,15}_[0-9A-Za-z]{49}/;
/** Stands for the content of MASTER_KEYS, which no log may have. */
const CONTENT = btoa('a master key, or what is left...'.slice(0, 31));

let keys: RoleKeys;
let logged: string[];
beforeAll(async () => {
  keys = await deploy();
});
beforeEach(() => {
  logged = [];
  vi.spyOn(console, 'error').mockImplementation((...parts: unknown[]) => {
    logged.push(parts.map((part) => (part instanceof Error ? `${part.stack}` : String(part))).join(' '));
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A person, and two of its keys: one to call with, one to call about. */
async function arrange() {
  const { key } = await createPerson(keys.PROVIDER, 'BUSINESS_MANAGER');
  return { key, other: await createKey(key) };
}

function expectTold() {
  const lines = logged.filter((line) => line.includes('MASTER_KEYS'));
  expect(lines.length).toBeGreaterThan(0);
  for (const line of logged) {
    expect(line).not.toMatch(ANY_KEY);
    expect(line).not.toContain(CONTENT);
    expect(line).not.toContain('v1.');
  }
}

/** As if MASTER_KEYS was never set. */
const UNSET: Partial<Env> = Object.fromEntries([['MASTER_KEYS', undefined]]);

const UNREADABLE: [name: string, (key: string, route: string, options?: CallOptions) => Promise<Answer>][] = [
  ['missing', (key, route, options) => call(key, route, { ...options, env: UNSET })],
  ['empty', (key, route, options) => call(key, route, { ...options, env: { MASTER_KEYS: '' } })],
  ['unreadable', (key, route, options) => call(key, route, { ...options, env: { MASTER_KEYS: `main:${CONTENT}` } })],
];

describe.each(UNREADABLE)('with MASTER_KEYS %s', (_, callSo) => {
  test('verification works, and so does what needs no secret', async () => {
    const { key, other } = await arrange();
    expect((await callSo(other.api_key, 'GET /v2/api_keys/current')).body.id).toBe(other.id);
    expect((await callSo(key, 'GET /v2/api_keys')).body.count).toBe(2);
    const found = await callSo(key, 'POST /v2/api_keys/find', { body: { api_key: other.api_key } });
    expect(found.body.id).toBe(other.id);
    const changed = await callSo(key, `PUT /v2/api_keys/${other.id}`, { body: { label: 'renamed' } });
    expect(changed.body.label).toBe('renamed');
    const revoked = await callSo(key, `POST /v2/api_keys/revoke/${other.id}`);
    expect(revoked.body.status).toBe('success');
    expect((await callSo(other.api_key, 'GET /v2/api_keys/current')).body.code).toBe('REVOKED');
    expect(logged).toEqual([]);
  });

  test('no key is created, and the operator is told', async () => {
    const { key } = await arrange();
    expectUnavailable(await writingNothing(() => callSo(key, 'POST /v2/api_keys', { body: { label: 'a key' } })));
    expectTold();
  });

  test('no main key is created either, nor its bot user', async () => {
    const body = { label: 'a key', user_type: 'bot' };
    expectUnavailable(await writingNothing(() => callSo(keys.ORG_ADMIN, 'POST /v2/api_keys', { body })));
    expectTold();
  });

  test('no key is rotated, and the operator is told', async () => {
    const { key, other } = await arrange();
    expectUnavailable(
      await writingNothing(() =>
        callSo(key, `POST /v2/api_keys/rotate/${other.id}`, { body: { overlap_seconds: 3600 } }),
      ),
    );
    expectTold();
    expect((await readCurrent(other.api_key)).id).toBe(other.id);
  });

  test('no key is seen, and the operator is told', async () => {
    const { key, other } = await arrange();
    const answer = await writingNothing(() => callSo(key, `GET /v2/api_keys/key/${other.id}`));
    expectUnavailable(answer);
    expect(JSON.stringify(answer.body)).not.toContain(other.api_key);
    expectTold();
  });

  test('bad input is still bad input', async () => {
    const { key, other } = await arrange();
    expect((await callSo(key, 'POST /v2/api_keys', { body: {} })).status).toBe(400);
    const body = { overlap_seconds: -1 };
    expect((await callSo(key, `POST /v2/api_keys/rotate/${other.id}`, { body })).status).toBe(400);
  });
});

describe.each([
  ['another entry', `other:${btoa('x'.repeat(32))}`],
  ['other bytes under the same id', `test:${btoa('x'.repeat(32))}`],
])('with MASTER_KEYS of %s', (_, MASTER_KEYS) => {
  test('verification works', async () => {
    const { other } = await arrange();
    expect((await call(other.api_key, 'GET /v2/api_keys/current', { env: { MASTER_KEYS } })).body.id).toBe(other.id);
  });

  test('no key is seen, the operator is told of which, and nothing is written', async () => {
    const { key, other } = await arrange();
    const answer = await writingNothing(() => call(key, `GET /v2/api_keys/key/${other.id}`, { env: { MASTER_KEYS } }));
    expectUnavailable(answer);
    expect(JSON.stringify(answer.body)).not.toContain(other.api_key);
    expectTold();
    expect(logged.some((line) => line.includes(`"api_key_id":${other.id}`))).toBe(true);
  });
});

test('once MASTER_KEYS is mended, all of it works', async () => {
  const { key, other } = await arrange();
  await call(key, `GET /v2/api_keys/key/${other.id}`, { env: { MASTER_KEYS: '' } });
  expect((await call(key, `GET /v2/api_keys/key/${other.id}`)).body.api_key).toBe(other.api_key);
  const { body } = await call(key, `POST /v2/api_keys/rotate/${other.id}`, { body: {} });
  expect((await readCurrent(body.api_key)).id).toBe(other.id);
});

/** The database, which gives no answer to the question of which secrets were sealed last. */
function withoutSealedSecrets(): D1Database {
  return new Proxy(env.DB, {
    get(database, name) {
      if (name === 'prepare') {
        return (sql: string) => {
          if (/"sealed" is not null/i.test(sql)) throw new Error('D1_ERROR: Network connection lost.');
          return database.prepare(sql);
        };
      }
      const value: unknown = Reflect.get(database, name);
      return typeof value === 'function' ? value.bind(database) : value;
    },
  });
}

test('a D1 that fails says nothing about MASTER_KEYS: nobody is told to change it', async () => {
  const { key } = await arrange();
  const options = { body: { label: 'a key' }, env: { DB: withoutSealedSecrets() } };
  expectUnavailable(await call(key, 'POST /v2/api_keys', options));
  expect(logged.filter((line) => line.includes('MASTER_KEYS'))).toEqual([]);
  expect(logged.some((line) => line.includes('Network connection lost'))).toBe(true);
  // The honest twin: with the database there, the keyring is what it was.
  expect((await call(key, 'POST /v2/api_keys', { body: { label: 'a key' } })).status).toBe(201);
});
