import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { generateApiKey, hashApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { type Answer, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectUnauthenticated, expectUnavailable } from '../support/expect-error.ts';
import { type Location, openLocation, START } from '../support/location.ts';
import { createPerson, type Person } from '../support/people.ts';
import { dumpCache } from '../support/stored.ts';

/*
 * Memory, then KV, then D1: a hit in a lower tier fills the upper ones, and none of them is believed past what the feed
 * told. Between two locations, each with an isolate and a clock of its own.
 */

const BOUND_MS = 30_000;
const POLL_MS = 10_000;

let keys: RoleKeys;
let orgId: number;
let a: Location;
let b: Location;
let person: Person;
beforeAll(async () => {
  keys = await deploy();
  orgId = (await readCurrent(keys.ORG_ADMIN)).org_id;
});
beforeEach(async () => {
  person = await createPerson(keys.PROVIDER, 'ORG_MANAGER', orgId);
  a = openLocation();
  b = openLocation();
  // Both have heard the feed.
  for (const location of [a, b]) expect((await location.current(keys.ORG_ADMIN)).status).toBe(200);
});

async function entryOf(apiKey: string): Promise<{ name: string; value: string } | null> {
  const hash = hashApiKey(apiKey);
  const entry = (await dumpCache()).find(({ name }) => name.includes(hash));
  return entry === undefined ? null : { name: entry.name, value: entry.value ?? '' };
}

async function forget(apiKey: string): Promise<void> {
  const entry = await entryOf(apiKey);
  if (entry === null) throw new Error('KV has no such entry');
  await env.KEY_CACHE.delete(entry.name);
}

/** Does something that KV never sees. */
async function behindTheBackOfKv(apiKey: string, act: () => Promise<unknown>): Promise<void> {
  const entry = await entryOf(apiKey);
  await act();
  if (entry !== null) await env.KEY_CACHE.put(entry.name, entry.value);
}

async function succeed(called: Promise<Answer>): Promise<Answer['body']> {
  const { status, body } = await called;
  if (status !== 200 && status !== 201) throw new Error(`The call did not succeed: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** Hears the feed, by a call with a key that no one changes. */
async function poll(location: Location): Promise<void> {
  location.clock.now += POLL_MS;
  const { asked } = await location.asking(() => location.current(keys.ORG_ADMIN));
  expect(asked.feed).toHaveLength(1);
}

const NOTHING = { d1: [], feed: [], records: [], sessions: [], kvReads: [], kvWrites: [], regions: [], usageDb: [] };

describe('a key that is', () => {
  test('in memory is verified with nothing asked', async () => {
    await b.current(person.key);
    const { asked, result } = await b.asking(() => b.current(person.key));
    expect(result.body.id).toBe(person.keyId);
    expect(asked).toEqual(NOTHING);
  });

  test('in memory is verified with KV and D1 out of reach', async () => {
    await b.current(person.key);
    Object.assign(b, { d1: 'rejects', kvReads: 'rejects', kvWrites: 'rejects' });
    expect((await b.current(person.key)).body.id).toBe(person.keyId);
  });

  test('in KV, put there by another location, is verified with D1 out of reach, and then is in memory', async () => {
    await forget(person.key);
    await a.current(person.key);
    b.d1 = 'rejects';
    const first = await b.asking(() => b.current(person.key));
    expect(first.result.body.id).toBe(person.keyId);
    expect(first.asked).toEqual({ ...NOTHING, kvReads: [expect.stringContaining(hashApiKey(person.key))] });
    b.kvReads = 'rejects';
    expect((await b.current(person.key)).body.id).toBe(person.keyId);
  });

  test('in D1 alone is verified with one read of KV and one query, and then is in memory and KV', async () => {
    const before = await entryOf(person.key);
    await forget(person.key);
    const first = await b.asking(() => b.current(person.key));
    expect(first.result.body.id).toBe(person.keyId);
    expect([first.asked.kvReads.length, first.asked.d1.length, first.asked.kvWrites.length]).toEqual([1, 1, 1]);
    expect(first.asked.records).toHaveLength(1);
    const written = JSON.parse((await entryOf(person.key))?.value ?? 'null');
    expect(written).toEqual({ ...JSON.parse(before?.value ?? 'null'), seq: written.seq });
    expect(written.seq).toEqual(expect.any(Number));
    const second = await b.asking(() => b.current(person.key));
    expect([second.result.status, second.asked]).toEqual([200, NOTHING]);
  });

  test('in D1 alone is in memory even if KV does not take it', async () => {
    await forget(person.key);
    b.kvWrites = 'rejects';
    await b.current(person.key);
    expect(await entryOf(person.key)).toBeNull();
    const { asked, result } = await b.asking(() => b.current(person.key));
    expect([result.status, asked]).toEqual([200, NOTHING]);
  });

  test('in no cache and found in D1 is found in KV by the next location', async () => {
    await forget(person.key);
    await b.current(person.key);
    a.d1 = 'rejects';
    expect((await a.current(person.key)).body.id).toBe(person.keyId);
  });

  test('new is in KV at once', async () => {
    const created = await succeed(a.call(keys.ORG_ADMIN, 'POST /v2/api_keys', { body: { label: 'new' } }));
    b.d1 = 'rejects';
    expect((await b.current(created.api_key)).body.id).toBe(created.id);
  });
});

describe('KV has of a key', () => {
  test('stored permissions and a role, never what follows from the two', async () => {
    const { user_id } = await readCurrent(keys.PUBLISHER);
    const permissions = ['review_read', 'review_reply'];
    const { api_key } = await createKey(keys.ORG_ADMIN, { user_id, has_restricted_permissions: true, permissions });
    expect(JSON.parse((await entryOf(api_key))?.value ?? 'null')).toMatchObject({ userRole: 'PUBLISHER', permissions });
  });

  test('what a change left', async () => {
    const body = { label: 'after', ip_whitelist: ['203.0.113.7'], expiration_date: '2999-12-31' };
    await succeed(a.call(person.key, `PUT /v2/api_keys/${person.keyId}`, { body, ip: '203.0.113.7' }));
    const changed = { label: 'after', ipWhitelist: ['203.0.113.7'], expirationDate: '2999-12-31', revoked: false };
    expect(JSON.parse((await entryOf(person.key))?.value ?? 'null')).toMatchObject(changed);
    await succeed(a.call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${person.keyId}`));
    expect(JSON.parse((await entryOf(person.key))?.value ?? 'null')).toMatchObject({ ...changed, revoked: true });
  });
});

describe('KV has something else of a key, which is not believed:', () => {
  /** What is there of the person's key, which has been revoked since, changed into something else. */
  const FOREIGN: [string, (record: Record<string, unknown>) => unknown][] = [
    ['one that lacks whether it is revoked', ({ revoked, ...others }) => others],
    ['one of an older version, which lacks whether it is paused', ({ paused, ...others }) => others],
    ['one that lacks when its secret ends', ({ retiresAt, ...others }) => others],
    ['one of an older version, which lacks when its key was created', ({ createdAt, ...others }) => others],
    ['one that lacks its list', ({ ipWhitelist, ...others }) => others],
    ['one of a newer version, which knows of one more reason to refuse', (record) => ({ ...record, frozenAt: 1 })],
    ['whether it is revoked, as a number', (record) => ({ ...record, revoked: 0 })],
    ['whether it is revoked, as null', (record) => ({ ...record, revoked: null })],
    ['a list that is a text', (record) => ({ ...record, ipWhitelist: '' })],
    ['a list that means nothing', (record) => ({ ...record, ipWhitelist: ['office'] })],
    ['a role that there is not', (record) => ({ ...record, userRole: 'OWNER' })],
    ['an expiration that is no date', (record) => ({ ...record, expirationDate: 'some day' })],
    ['a place in the feed that is no number', (record) => ({ ...record, seq: '999999' })],
    ['a list of records', (record) => [record]],
    ['null', () => null],
    ['a text', () => 'allowed'],
  ];

  test.each(FOREIGN)('%s', async (_, change) => {
    const entry = await entryOf(person.key);
    if (entry === null) throw new Error('KV has no such entry');
    const record = JSON.parse(entry.value);
    await succeed(a.call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${person.keyId}`));
    // As far as this location has heard, nothing has changed: the feed alone would not refuse it.
    await env.KEY_CACHE.put(entry.name, JSON.stringify(change(record)));
    const { asked, result } = await b.asking(() => b.current(person.key));
    expectUnauthenticated(result, 'REVOKED');
    expect(asked.records).toHaveLength(1);
    // What D1 said is there in its place.
    expect(JSON.parse((await entryOf(person.key))?.value ?? 'null')).toMatchObject({ revoked: true });
  });

  test('and what it says while D1 is away opens nothing', async () => {
    const entry = await entryOf(person.key);
    const { revoked, ...others } = JSON.parse(entry?.value ?? 'null');
    await env.KEY_CACHE.put(entry?.name ?? '', JSON.stringify(others));
    b.d1 = 'rejects';
    expectUnavailable(await b.current(person.key));
  });

  test('what is no JSON', async () => {
    await env.KEY_CACHE.put((await entryOf(person.key))?.name ?? '', '{');
    expect((await b.current(person.key)).body.id).toBe(person.keyId);
  });
});

describe('a key that is in use all the time', () => {
  const HALF_AN_HOUR_MS = 30 * 60_000;

  async function useEveryTenSeconds(milliseconds: number): Promise<number> {
    const { asked } = await b.asking(async () => {
      for (let passed = 0; passed < milliseconds; passed += POLL_MS) {
        b.clock.now += POLL_MS;
        expect((await b.current(person.key)).body.id).toBe(person.keyId);
      }
    });
    return asked.kvWrites.length;
  }

  test('is written to KV again before it lapses there, once in half an hour, and nothing waits for it', async () => {
    await b.current(person.key);
    expect(await useEveryTenSeconds(HALF_AN_HOUR_MS - POLL_MS)).toBe(0);
    await forget(person.key);
    expect(await useEveryTenSeconds(POLL_MS)).toBe(1);
    expect(await useEveryTenSeconds(HALF_AN_HOUR_MS - POLL_MS)).toBe(0);
    // Another isolate that has heard the feed has it from there, and asks D1 for no record.
    const begun = openLocation();
    begun.clock.now = b.clock.now;
    await begun.current(keys.ORG_ADMIN);
    const { asked, result } = await begun.asking(() => begun.current(person.key));
    expect(result.body.id).toBe(person.keyId);
    expect(asked.records).toEqual([]);
  });

  test('is not written where KV cannot be asked, and goes on', async () => {
    await b.current(person.key);
    Object.assign(b, { kvReads: 'rejects', kvWrites: 'rejects' });
    await useEveryTenSeconds(HALF_AN_HOUR_MS + POLL_MS);
  });

  test('is not written as it was before a change that was heard of meanwhile', async () => {
    await b.current(person.key);
    b.clock.now += HALF_AN_HOUR_MS;
    expect((await b.current(person.key)).status).toBe(200);
    await behindTheBackOfKv(person.key, () =>
      succeed(a.call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${person.keyId}`)),
    );
    b.clock.now += HALF_AN_HOUR_MS;
    const before = await entryOf(person.key);
    expectUnauthenticated(await b.current(person.key), 'REVOKED');
    expect(await entryOf(person.key)).toEqual(before);
    // Whoever meets the old record in KV, knowing of the change, writes the new one.
    const other = openLocation();
    other.clock.now = b.clock.now;
    await other.current(keys.ORG_ADMIN);
    expectUnauthenticated(await other.current(person.key), 'REVOKED');
    expect(JSON.parse((await entryOf(person.key))?.value ?? 'null')).toMatchObject({ revoked: true });
  });
});

/** What can be done to a key in one location, and what another has to answer once it knows. */
const CHANGES: [string, change: (at: Location) => Promise<Answer>, expected: { status: number; body: object }][] = [
  [
    'revoking it',
    (at) => at.call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${person.keyId}`),
    { status: 401, body: { code: 'REVOKED' } },
  ],
  [
    'tightening its allowlist',
    (at) => at.call(person.key, `PUT /v2/api_keys/${person.keyId}`, { body: { ip_whitelist: ['192.0.2.1'] } }),
    { status: 403, body: { code: 'IP_NOT_ALLOWED' } },
  ],
  [
    'restricting its permissions',
    (at) => {
      const body = { has_restricted_permissions: true, permissions: ['review_read'] };
      return at.call(person.key, `PUT /v2/api_keys/${person.keyId}`, { body });
    },
    { status: 200, body: { permissions: ['review_read'] } },
  ],
  [
    'bringing its expiry forward',
    (at) => at.call(person.key, `PUT /v2/api_keys/${person.keyId}`, { body: { expiration_date: '2031-05-06' } }),
    { status: 401, body: { code: 'EXPIRED' } },
  ],
  [
    "changing its user's role",
    (at) => at.call(keys.ORG_ADMIN, `POST /v2/user/${person.id}`, { body: { role: 'PUBLISHER' } }),
    { status: 200, body: { user_role: 'PUBLISHER', permissions: ['review_read', 'api_key_read'] } },
  ],
  [
    'disabling its user',
    (at) => at.call(keys.ORG_ADMIN, `POST /v2/user/${person.id}`, { body: { disabled: true } }),
    { status: 401, body: { code: 'USER_DISABLED' } },
  ],
  [
    'deleting its user',
    (at) => at.call(keys.ORG_ADMIN, `DELETE /v2/user/${person.id}`),
    { status: 401, body: { code: 'UNKNOWN_KEY' } },
  ],
  [
    'rotating its secret out',
    (at) => at.call(person.key, `POST /v2/api_keys/rotate/${person.keyId}`, { body: {} }),
    { status: 401, body: { code: 'REVOKED' } },
  ],
  [
    'rotating its secret out with an overlap, which ends',
    (at) => at.call(person.key, `POST /v2/api_keys/rotate/${person.keyId}`, { body: { overlap_seconds: 5 } }),
    { status: 401, body: { code: 'REVOKED' } },
  ],
  [
    'giving itself up',
    (at) => at.call(person.key, 'POST /v2/api_keys/revoke_current'),
    { status: 401, body: { code: 'REVOKED' } },
  ],
  [
    'rotating its secret out with an overlap, which it ends itself',
    async (at) => {
      const body = { overlap_seconds: 3_600 };
      await succeed(at.call(person.key, `POST /v2/api_keys/rotate/${person.keyId}`, { body }));
      return at.call(person.key, 'POST /v2/api_keys/revoke_current');
    },
    { status: 401, body: { code: 'REVOKED' } },
  ],
];

describe.each(CHANGES)('%s in one location', (_, change, expected) => {
  const asItWas = { status: 200, body: { permissions: expect.arrayContaining(['api_key_manage']) } };

  test('is known there at once', async () => {
    await a.current(person.key);
    await behindTheBackOfKv(person.key, () => succeed(change(a)));
    // For an expiry, and an overlap, to come.
    a.clock.now += 5_000;
    expect(await a.current(person.key)).toMatchObject(expected);
  });

  test('reaches the memory of another with its next poll, in which nothing is waited for', async () => {
    await b.current(person.key);
    await succeed(change(a));
    const { asked, result } = await b.asking(() => b.current(person.key));
    expect(result).toMatchObject(asItWas);
    expect(asked).toEqual(NOTHING);
    await poll(b);
    expect(await b.current(person.key)).toMatchObject(expected);
  });

  test('reaches the memory of another within the bound, if nothing was asked there meanwhile', async () => {
    await b.current(person.key);
    await succeed(change(a));
    b.clock.now = START + BOUND_MS;
    expect(await b.current(person.key)).toMatchObject(expected);
  });

  test('reaches another that has it from a KV which was not told', async () => {
    await behindTheBackOfKv(person.key, () => succeed(change(a)));
    expect(await b.current(person.key)).toMatchObject(asItWas);
    await poll(b);
    expect(await b.current(person.key)).toMatchObject(expected);
  });

  test('reaches another that first hears of it by the feed, past a KV which was not told', async () => {
    await behindTheBackOfKv(person.key, () => succeed(change(a)));
    await poll(b);
    expect(await b.current(person.key)).toMatchObject(expected);
  });

  test('reaches an isolate that begins after it, past a KV which was not told', async () => {
    await behindTheBackOfKv(person.key, () => succeed(change(a)));
    const late = openLocation();
    late.clock.now = START + 5_000;
    expect(await late.current(person.key)).toMatchObject(expected);
  });
});

test('what is held goes on being used up to the bound', async () => {
  await b.current(person.key);
  await succeed(a.call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${person.keyId}`));
  b.clock.now = START + BOUND_MS - 1;
  const { asked, result } = await b.asking(() => b.current(person.key));
  expect(result.status).toBe(200);
  // Asked in the background, so the next call knows.
  expect(asked.feed).toHaveLength(1);
  expectUnauthenticated(await b.current(person.key), 'REVOKED');
});

describe('KV is written to', () => {
  async function countWrites(route: string, body?: unknown): Promise<number> {
    await a.current(person.key);
    await a.current(keys.PROVIDER);
    const key = route.includes('user') ? keys.PROVIDER : person.key;
    const { asked, result } = await a.asking(() => a.call(key, route, { body }));
    expect([200, 201]).toContain(result.status);
    return asked.kvWrites.length;
  }

  test.each<[string, () => string, unknown, number]>([
    ['creating a key', () => 'POST /v2/api_keys', { label: 'new' }, 1],
    ['changing a key', () => `PUT /v2/api_keys/${person.keyId}`, { label: 'other' }, 1],
    ['revoking a key', () => `POST /v2/api_keys/revoke/${person.keyId}`, undefined, 1],
    ['giving up the key that calls', () => 'POST /v2/api_keys/revoke_current', undefined, 1],
    ['rotating a key', () => `POST /v2/api_keys/rotate/${person.keyId}`, {}, 1],
    ['rotating a key with an overlap', () => `POST /v2/api_keys/rotate/${person.keyId}`, { overlap_seconds: 60 }, 2],
    ['changing a user', () => `POST /v2/user/${person.id}`, { role: 'PUBLISHER' }, 0],
    ['deleting a user', () => `DELETE /v2/user/${person.id}`, undefined, 0],
    ['reading a key', () => `GET /v2/api_keys/${person.keyId}`, undefined, 0],
    ['listing keys', () => 'GET /v2/api_keys', undefined, 0],
  ])('%s', async (_, route, body, writes) => {
    expect(await countWrites(route(), body)).toBe(writes);
  });

  test('twice by a change of a key that is within an overlap', async () => {
    const rotation = await a.call(person.key, `POST /v2/api_keys/rotate/${person.keyId}`, {
      body: { overlap_seconds: 60 },
    });
    person.key = rotation.body.api_key;
    expect(await countWrites(`PUT /v2/api_keys/${person.keyId}`, { label: 'other' })).toBe(2);
  });

  test('never by calls, whatever becomes of them', async () => {
    await succeed(a.call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${person.keyId}`));
    const { asked } = await b.asking(async () => {
      for (const key of [person.key, keys.ORG_ADMIN, generateApiKey('lk'), 'lk_malformed']) {
        for (let times = 0; times < 3; times++) await b.current(key);
      }
      await b.call(keys.PUBLISHER, `POST /v2/api_keys`, { body: { label: 'not allowed' } });
      await b.call(keys.ORG_ADMIN, `PUT /v2/api_keys/${person.keyId}`, { body: { label: 'not allowed' } });
    });
    expect(asked.kvWrites).toEqual([]);
  });

  test('once by a fill, however often the key is used then', async () => {
    await forget(person.key);
    const { asked } = await b.asking(async () => {
      for (let times = 0; times < 5; times++) await b.current(person.key);
    });
    expect(asked.kvWrites).toHaveLength(1);
  });
});

describe('a key that does not exist', () => {
  /** Gives the person's key another secret, of which KV knows nothing. */
  async function bringAbout(secret: string): Promise<void> {
    await env.DB.prepare('UPDATE api_key_secrets SET hash = ? WHERE key_id = ?')
      .bind(hashApiKey(secret), person.keyId)
      .run();
  }

  test('is remembered for the bound, and found after it when it was made meanwhile', async () => {
    const secret = generateApiKey('lk');
    expectUnauthenticated(await b.current(secret), 'UNKNOWN_KEY');
    await bringAbout(secret);
    b.clock.now = START + BOUND_MS - 1;
    const { asked, result } = await b.asking(() => b.current(secret));
    expectUnauthenticated(result, 'UNKNOWN_KEY');
    expect([asked.kvReads, asked.records]).toEqual([[], []]);
    b.clock.now = START + BOUND_MS;
    expect((await b.current(secret)).body.id).toBe(person.keyId);
  });

  test('is looked for again after the bound even where the feed is heard all the time', async () => {
    const secret = generateApiKey('lk');
    expectUnauthenticated(await b.current(secret), 'UNKNOWN_KEY');
    await bringAbout(secret);
    for (let polls = 0; polls < 4; polls++) await poll(b);
    expect((await b.current(secret)).body.id).toBe(person.keyId);
  });

  test('is not in KV, where no other location could get rid of it', async () => {
    const secret = generateApiKey('lk');
    const before = await dumpCache();
    const { asked } = await b.asking(() => b.current(secret));
    expect(asked.kvWrites).toEqual([]);
    expect(await dumpCache()).toEqual(before);
    await bringAbout(secret);
    expect((await a.current(secret)).body.id).toBe(person.keyId);
  });

  test('is found at once where it was not looked for before', async () => {
    const secret = generateApiKey('lk');
    await bringAbout(secret);
    expect((await b.current(secret)).body.id).toBe(person.keyId);
  });
});

describe('with MAX_STALENESS_SECONDS=0', () => {
  let strict: Location;
  beforeEach(() => {
    strict = openLocation({ MAX_STALENESS_SECONDS: '0' });
  });

  test('each call asks the primary once, and no cache', async () => {
    for (let times = 0; times < 3; times++) {
      const { asked, result } = await strict.asking(() => strict.current(person.key));
      expect(result.status).toBe(200);
      expect({ ...asked, d1: asked.d1.length, records: asked.records.length }).toEqual({
        ...NOTHING,
        d1: 1,
        records: 1,
        sessions: ['first-primary'],
      });
    }
  });

  test.each(CHANGES)('%s elsewhere is known at the next call', async (_, change, expected) => {
    await strict.current(person.key);
    await succeed(change(a));
    strict.clock.now += 5_000;
    expect(await strict.current(person.key)).toMatchObject(expected);
  });

  test('a key that is made is found, though it was looked for just before', async () => {
    const secret = generateApiKey('lk');
    expectUnauthenticated(await strict.current(secret), 'UNKNOWN_KEY');
    await env.DB.prepare('UPDATE api_key_secrets SET hash = ? WHERE key_id = ?')
      .bind(hashApiKey(secret), person.keyId)
      .run();
    expect((await strict.current(secret)).body.id).toBe(person.keyId);
  });

  test.each(['rejects', 'hangs'] as const)('there is no grace: D1 %s', async (how) => {
    await strict.current(person.key);
    strict.d1 = how;
    expectUnavailable(await strict.current(person.key));
  });
});
