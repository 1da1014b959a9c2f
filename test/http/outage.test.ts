import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { type Answer, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInternal, expectUnavailable } from '../support/expect-error.ts';
import { EFFECTIVE_BY } from '../support/key-fields.ts';
import { alter, dumpDatabase, writingNothing } from '../support/stored.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

/** Nothing of how the service is made is in an answer. */
function expectNoInternals(answer: Answer) {
  const text = JSON.stringify(answer.body);
  expect(text).not.toMatch(
    /MASTER_KEYS|RATE_LIMIT|KEY_PREFIX|wrangler|D1|SQL|INSERT|SELECT|api_key_secrets|key_changes/,
  );
  expect(text).not.toMatch(/Error|Exception|\.ts|\bat /);
}

describe.each([
  ['is empty', ''],
  ['is nonsense', 'nonsense'],
  ['has a key that is too short', 'test:c2hvcnQ='],
  ['has one id twice', `a:${btoa('x'.repeat(32))},a:${btoa('y'.repeat(32))}`],
])('while MASTER_KEYS %s', (_, masterKeys) => {
  const without = { env: { MASTER_KEYS: masterKeys } };

  test('no key is made', async () => {
    const create = () => call(keys.ORG_ADMIN, 'POST /v2/api_keys', { ...without, body: { label: 'a key' } });
    const answer = await writingNothing(create);
    expectUnavailable(answer);
    expectNoInternals(answer);
  });

  test('keys go on working, and can be read, changed and revoked', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const routes = ['GET /v2/api_keys/current', 'GET /v2/api_keys', `GET /v2/api_keys/${id}`];
    for (const route of routes) expect((await call(api_key, route, without)).status).toBe(200);
    const change = await call(api_key, `PUT /v2/api_keys/${id}`, { ...without, body: { label: 'changed' } });
    expect(change.body).toMatchObject({ id, label: 'changed' });
    const revocation = await call(api_key, `POST /v2/api_keys/revoke/${id}`, without);
    expect(revocation.body).toEqual({ id, status: 'success', effective_by: EFFECTIVE_BY });
  });
});

test.each<[string, Partial<Env>]>([
  ['RATE_LIMIT', { RATE_LIMIT: 'sometimes' }],
  ['KEY_PREFIX', { KEY_PREFIX: 'Not A Prefix' }],
  ['KEY_PREFIX', { KEY_PREFIX: 'a'.repeat(17) }],
  ['KEY_PREFIX', { KEY_PREFIX: '1k' }],
  ['RETIRED_KEY_PREFIXES.1', { RETIRED_KEY_PREFIXES: 'old,Not A Prefix' }],
  ['RETIRED_KEY_PREFIXES.1', { RETIRED_KEY_PREFIXES: 'old,' }],
  ['RETIRED_KEY_PREFIXES.0', { RETIRED_KEY_PREFIXES: 'o' }],
  // JavaScript reads an empty text as 0, which would be another setting.
  ['MAX_STALENESS_SECONDS', { MAX_STALENESS_SECONDS: '' }],
  ['MAX_STALENESS_SECONDS', { MAX_STALENESS_SECONDS: ' ' }],
  ['FEED_POLL_SECONDS', { FEED_POLL_SECONDS: '' }],
  ['OUTAGE_GRACE_SECONDS', { OUTAGE_GRACE_SECONDS: '0x10' }],
  ['USAGE_FLUSH_SECONDS', { USAGE_FLUSH_SECONDS: '26' }],
])('a setting that cannot be read is an internal error, and the log names it: %s', async (name, settings) => {
  const log = vi.spyOn(console, 'error').mockImplementation(() => {});
  const answer = await call(keys.ORG_ADMIN, 'GET /v2/api_keys/current', { env: settings });
  const logged = log.mock.calls.flat().join('\n');
  log.mockRestore();
  expect(logged).toContain(name);
  expectInternal(answer);
  expectNoInternals(answer);
});

test.each([
  ['list', `ip_whitelist = '["office"]'`],
  ['date', "expiration_date = 'some day'"],
])('a stored %s that cannot be read lets no one in', async (_, assignment) => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  await alter(`UPDATE api_keys SET ${assignment} WHERE id = ?`, id);
  const answer = await call(api_key, 'GET /v2/api_keys/current');
  expectUnavailable(answer);
  expectNoInternals(answer);
});

test('a database out of reach opens nothing, and is not taken for a wrong key', async () => {
  const { api_key } = await createKey(keys.ORG_ADMIN);
  const cached = await env.KEY_CACHE.list();
  for (const { name } of cached.keys) await env.KEY_CACHE.delete(name);
  const outOfReach = new Proxy(env.DB, {
    get: () => {
      throw new Error('D1_ERROR: Network connection lost.');
    },
  });
  const answer = await call(api_key, 'GET /v2/api_keys/current', { env: { DB: outOfReach } });
  expect([500, 503]).toContain(answer.status);
  expect(answer.body.errors).toEqual({ server: expect.stringMatching(/\S/) });
  expectNoInternals(answer);
});

describe('a write that fails half-way leaves nothing behind', () => {
  /** While this is done, the database refuses one of the statements of every change. */
  async function refusing<Result>(statement: string, act: () => Promise<Result>): Promise<Result> {
    await env.DB.exec(`CREATE TRIGGER refusal BEFORE ${statement} BEGIN SELECT RAISE(ABORT, 'refused'); END`);
    try {
      return await act();
    } finally {
      await env.DB.exec('DROP TRIGGER refusal');
    }
  }

  const STATEMENTS = ['INSERT ON key_changes', 'UPDATE ON feed_state', 'INSERT ON audit_events'];

  test.each(['INSERT ON api_keys', 'INSERT ON api_key_secrets', ...STATEMENTS])(
    'creating, at the %s',
    async (statement) => {
      const create = () => call(keys.ORG_ADMIN, 'POST /v2/api_keys', { body: { label: 'half', user_type: 'bot' } });
      const answer = await writingNothing(() => refusing(statement, create));
      expect(answer.status).toBe(500);
      expectNoInternals(answer);
    },
  );

  test.each(['UPDATE ON api_keys', ...STATEMENTS])('changing, at the %s', async (statement) => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const change = () => call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: { label: 'half' } });
    expect((await writingNothing(() => refusing(statement, change))).status).toBe(500);
    expect((await readCurrent(api_key)).label).toBe('a key');
  });

  test.each(['UPDATE ON api_keys', 'UPDATE ON api_key_secrets', ...STATEMENTS])(
    'revoking, at the %s',
    async (statement) => {
      const { id, api_key } = await createKey(keys.ORG_ADMIN);
      const revoke = () => call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
      expect((await writingNothing(() => refusing(statement, revoke))).status).toBe(500);
      expect((await readCurrent(api_key)).id).toBe(id);
    },
  );

  test('and the next one succeeds', async () => {
    const before = await dumpDatabase();
    await createKey(keys.ORG_ADMIN);
    expect((await dumpDatabase()).api_keys?.length).toBe(Number(before.api_keys?.length) + 1);
  });
});
