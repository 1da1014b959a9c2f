import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectRateLimited } from '../support/expect-error.ts';
import { createPerson, type Person } from '../support/people.ts';
import { countRowsRead } from '../support/rows-read.ts';

/*
 * Reading must not slow everyone: the log and the lists are in the database that look-ups and polls need. A log of 60,000
 * events, in which what is asked for is rare, old or of someone else; what counts is the rows that D1 reads for it.
 */

const MOST_EVENTS = 10_000;
/** A count, and the page of a window, each with a look at the rows of what the index found. */
const BOUND = 4 * (MOST_EVENTS + 1) + 1_000;
const COMMON = 30_000;

let keys: RoleKeys;
let admin: Person;
let member: Person;
let stranger: Person;
beforeAll(async () => {
  keys = await deploy();
  admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN');
  member = await createPerson(admin.key, 'BUSINESS_MANAGER', admin.orgId);
  stranger = await createPerson(keys.PROVIDER, 'ORG_ADMIN', 2);
  // The oldest of all is the only one of its action.
  await insertEvents(1, { ...eventOf(member), action: 'api_key.see_refused' });
  await insertEvents(COMMON, { ...eventOf(member), action: 'api_key.changed' });
  await insertEvents(COMMON, { ...eventOf(stranger), action: 'api_key.rotated' });
});

function eventOf({ orgId, id, keyId }: Person) {
  return { orgId, userId: id, keyId };
}

async function insertEvents(count: number, event: ReturnType<typeof eventOf> & { action: string }): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO audit_events (org_id, at, action, api_key_id, user_id, changes)
     WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < ?1)
     SELECT ?2, 1700000000000, ?3, ?4, ?5, '{}' FROM counter`,
  )
    .bind(count, event.orgId, event.action, event.keyId, event.userId)
    .run();
}

async function reading(by: string, route: string): Promise<{ body: Answer['body']; rowsRead: number }> {
  const { DB, rowsRead } = countRowsRead();
  const { status, body } = await call(by, route, { env: { DB } });
  expect(status).toBe(200);
  return { body, rowsRead: rowsRead() };
}

describe('a rare action is found by the rows that have it alone,', () => {
  test.each<[string, () => [string, string]]>([
    ['by an administrator', () => [admin.key, '']],
    ['by a PROVIDER', () => [keys.PROVIDER, '']],
    ['of one key', () => [admin.key, `&api_key_id=${member.keyId}`]],
    ['of one user', () => [admin.key, `&user_id=${member.id}`]],
    ['of a user, by a PROVIDER', () => [keys.PROVIDER, `&user_id=${member.id}`]],
    ['among the events of one’s own keys', () => [member.key, '']],
  ])('%s', async (_, how) => {
    const [by, query] = how();
    const { body, rowsRead } = await reading(by, `GET /v2/audit_events?action=api_key.see_refused${query}`);
    expect(body).toMatchObject({ count: 1, max_page: 1, audit_events: [{ action: 'api_key.see_refused' }] });
    expect(rowsRead).toBeLessThan(100);
  });
});

describe('whatever is asked of the log, the rows that are read are bounded:', () => {
  test.each<[string, () => [string, string]]>([
    ['all of it', () => [keys.PROVIDER, '']],
    ['an organisation', () => [admin.key, '']],
    ['an action that most events have', () => [keys.PROVIDER, '?action=api_key.rotated']],
    ['the last page there is', () => [keys.PROVIDER, '?page=334']],
    ['a page beyond it', () => [keys.PROVIDER, '?page=9007199254740991']],
    ['the key of another organisation', () => [admin.key, `?api_key_id=${stranger.keyId}`]],
    ['the user of another organisation', () => [admin.key, `?user_id=${stranger.id}&page=200`]],
    ['a key that is not the user’s', () => [keys.PROVIDER, `?user_id=${member.id}&api_key_id=${stranger.keyId}`]],
    ['the keys of a user', () => [member.key, '?page=300']],
    ['from an event on', () => [keys.PROVIDER, '?before=50000&page=200']],
  ])('%s', async (_, how) => {
    const [by, query] = how();
    const { rowsRead } = await reading(by, `GET /v2/audit_events${query}`);
    expect(rowsRead).toBeGreaterThan(0);
    expect(rowsRead).toBeLessThanOrEqual(BOUND);
  });
});

test('the count stops at 10,000, says so, and the pages with it', async () => {
  const { body } = await reading(keys.PROVIDER, 'GET /v2/audit_events');
  expect(Object.keys(body)).toEqual(['page', 'max_page', 'count', 'count_is_exact', 'audit_events']);
  expect(body).toMatchObject({ count: MOST_EVENTS, count_is_exact: false, max_page: 334 });
  const last = await reading(keys.PROVIDER, 'GET /v2/audit_events?page=334');
  expect(last.body.audit_events).toHaveLength(MOST_EVENTS % 30);
  expect((await reading(keys.PROVIDER, 'GET /v2/audit_events?page=335')).body.audit_events).toEqual([]);
});

test('a count of 10,000 is exact, and one more is not', async () => {
  const person = await createPerson(admin.key, 'BUSINESS_MANAGER', admin.orgId);
  await insertEvents(MOST_EVENTS - 1, { ...eventOf(person), action: 'api_key.changed' });
  const list = `GET /v2/audit_events?api_key_id=${person.keyId}`;
  const exact = (await reading(admin.key, list)).body;
  expect([exact.count, exact.count_is_exact]).toEqual([MOST_EVENTS, undefined]);
  await insertEvents(1, { ...eventOf(person), action: 'api_key.changed' });
  const stopped = (await reading(admin.key, list)).body;
  expect([stopped.count, stopped.count_is_exact]).toEqual([MOST_EVENTS, false]);
});

test('`before` reaches every event, once', async () => {
  const ids: number[] = [];
  for (let before = ''; ; before = `&before=${ids.at(-1)}`) {
    const query = `?user_id=${member.id}&action=api_key.changed&per_page=100${before}`;
    const first = (await reading(admin.key, `GET /v2/audit_events${query}`)).body;
    for (let page = 1; page <= first.max_page; page += 50) {
      const { body } = await reading(admin.key, `GET /v2/audit_events${query}&page=${page}`);
      expect(body.count).toBe(first.count);
    }
    const { body } = await reading(admin.key, `GET /v2/audit_events${query}&page=${first.max_page}`);
    ids.push(...body.audit_events.map(({ id }: { id: number }) => id));
    if (first.count_is_exact !== false) break;
  }
  // A hundred from the end of each 10,000.
  expect(ids).toHaveLength(300);
  expect(new Set(ids).size).toBe(300);
  const [oldest] = (
    await env.DB.prepare("SELECT min(id) AS id FROM audit_events WHERE action = 'api_key.changed'").all()
  ).results;
  expect(ids.at(-1)).toBe(oldest?.id);
});

describe('a list of keys', () => {
  const KEYS = 5_000;
  let orgAdmin: Person;
  beforeAll(async () => {
    const { body } = await call(keys.PROVIDER, 'POST /v2/org', { body: { name: 'Many keys' } });
    orgAdmin = await createPerson(keys.PROVIDER, 'ORG_ADMIN', body.id);
    await createKey(orgAdmin.key, { label: 'the oldest needle', user_type: 'bot' });
    await env.DB.prepare(
      `INSERT INTO api_keys (org_id, user_id, user_type, label, label_folded, hint, hint_folded, ip_whitelist,
         has_restricted_permissions, permissions, created_by, created_at)
       WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < ?1)
       SELECT ?2, ?3, 'user', 'key ' || n, 'key ' || n, 'lk_…', 'lk_…', '[]', 0, '[]', ?3, 1700000000000 FROM counter`,
    )
      .bind(KEYS, orgAdmin.orgId, orgAdmin.id)
      .run();
  });

  test.each([
    ['by type', '?type=bot'],
    ['by status', '?status=disabled'],
    ['by text', '?search_text=needle'],
    ['on its last page', '?page=167'],
  ])(
    '%s reads the index of its organisation for the count and for the page, and the rows of the page',
    async (_, query) => {
      const { body, rowsRead } = await reading(orgAdmin.key, `GET /v2/api_keys${query}`);
      expect(body.count).toBe(query.includes('page') ? KEYS + 2 : query.includes('disabled') ? 0 : 1);
      expect(rowsRead).toBeLessThanOrEqual(2 * (KEYS + 2) + 300);
    },
  );

  test.each([
    ["user_type = 'bot'", 'USING COVERING INDEX api_keys_listed'],
    ['revoked_at IS NOT NULL', 'USING COVERING INDEX api_keys_listed'],
    ['(revoked_at IS NULL AND paused_at IS NOT NULL)', 'USING COVERING INDEX api_keys_listed'],
    ["(instr(label_folded, 'x') OR instr(hint_folded, 'x'))", 'USING COVERING INDEX api_keys_listed'],
  ])('where %s is counted in its index, without the rows', async (condition, plan) => {
    const { results } = await env.DB.prepare(
      `EXPLAIN QUERY PLAN SELECT count(*) FROM api_keys WHERE org_id = 1 AND ${condition}`,
    ).all();
    expect(JSON.stringify(results)).toContain(plan);
  });
});

describe('reads that cost much have a limit of their own for each user:', () => {
  /** Says no from the first call on, and who was charged. */
  function spent() {
    const charged: string[] = [];
    const limit = async ({ key }: { key: string }) => {
      charged.push(key);
      return { success: false };
    };
    return { charged, env: { RATE_LIMIT: 'on', READ_RATE_LIMIT: { limit } } as const };
  }

  test.each<[string, () => [string, string, unknown?]]>([
    ['the audit log', () => [admin.key, 'GET /v2/audit_events']],
    ['usage', () => [admin.key, `GET /v2/api_keys/usage/${admin.keyId}`]],
    ['rehearsing of a key', () => [admin.key, `POST /v2/api_keys/rehearse/${admin.keyId}`, { revoke: true }]],
    ['rehearsing of a user', () => [admin.key, `POST /v2/user/${admin.id}/rehearse`, { role: 'ORG_ADMIN' }]],
    ['a search of keys', () => [admin.key, 'GET /v2/api_keys?search_text=a']],
    ['a search of users', () => [admin.key, 'GET /v2/user/search?query=a']],
    ['a count of one', () => [admin.key, 'GET /v2/user/search/count?query=a']],
    ['a search of organisations', () => [keys.PROVIDER, 'GET /v2/org/search?query=a']],
  ])('%s', async (_, how) => {
    const [by, route, body] = how();
    const options = body === undefined ? {} : { body };
    const { charged, env: over } = spent();
    expectRateLimited(await call(by, route, { ...options, env: over }));
    expect(charged).toHaveLength(1);
    if (by === admin.key) expect(charged).toEqual([`user ${admin.id}`]);
    expect((await call(by, route, { ...options, env: { ...over, RATE_LIMIT: 'off' } })).status).toBe(200);
  });

  test.each<[string, () => [string, string]]>([
    ['a list without a search', () => [admin.key, 'GET /v2/api_keys?status=active']],
    ['a list of users without one', () => [admin.key, 'GET /v2/user/search']],
    ['a count without one', () => [admin.key, 'GET /v2/user/search/count']],
    ['one key', () => [admin.key, `GET /v2/api_keys/${admin.keyId}`]],
    ['verifying', () => [admin.key, 'GET /v2/api_keys/current']],
  ])('but not %s', async (_, how) => {
    const [by, route] = how();
    const { charged, env: over } = spent();
    expect((await call(by, route, { env: over })).status).toBe(200);
    expect(charged).toEqual([]);
  });
});
