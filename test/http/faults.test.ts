import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { generateApiKey, hashApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectUnauthenticated, expectUnavailable } from '../support/expect-error.ts';
import { type Location, openLocation, type Reach, START } from '../support/location.ts';
import { dumpCache } from '../support/stored.ts';

/*
 * D1 and KV that fail or never answer. The clock of a location stands still but for what a call waits, so what a call
 * waited can be read off it.
 */

const BOUND_MS = 30_000;
const POLL_MS = 10_000;
const GRACE_MS = 300_000;
/** How long a call waits for an answer of D1, and how long D1 has to be silent to be out of reach. */
const WAIT_MS = 2_000;
const SILENCE_MS = 10_000;

const FAULTS: Reach[] = ['throws', 'rejects', 'hangs'];

let keys: RoleKeys;
let here: Location;
let key: { id: number; api_key: string };
beforeAll(async () => {
  keys = await deploy();
});
beforeEach(async () => {
  key = await createKey(keys.ORG_ADMIN);
  here = openLocation();
  expect((await here.current(keys.ORG_ADMIN)).status).toBe(200);
});

async function entryOf(apiKey: string): Promise<{ name: string; value: string }> {
  const hash = hashApiKey(apiKey);
  const entry = (await dumpCache()).find(({ name }) => name.includes(hash));
  if (entry === undefined) throw new Error('KV has no such entry');
  return { name: entry.name, value: entry.value ?? '' };
}

async function forget(apiKey: string): Promise<void> {
  await env.KEY_CACHE.delete((await entryOf(apiKey)).name);
}

async function revokeElsewhere(): Promise<void> {
  expect((await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${key.id}`)).status).toBe(200);
}

/** How long (milliseconds) this took by the location's clock. */
async function timing(act: () => Promise<unknown>): Promise<number> {
  const before = here.clock.now;
  await act();
  return here.clock.now - before;
}

describe.each(FAULTS)('while D1 %s', (fault) => {
  /** D1 has been lost for so long; where that is long enough, a poll of this location has come to nothing. */
  async function loseD1For(milliseconds: number): Promise<void> {
    const since = here.clock.now;
    here.d1 = fault;
    if (milliseconds >= POLL_MS + SILENCE_MS) {
      here.clock.now = since + POLL_MS;
      expect((await here.current(keys.ORG_ADMIN)).status).toBe(200);
      await here.pass(SILENCE_MS);
    }
    here.clock.now = since + milliseconds;
  }

  test('a key in memory goes on working until the grace ends', async () => {
    await here.current(key.api_key);
    await loseD1For(POLL_MS + SILENCE_MS);
    for (const age of [POLL_MS + SILENCE_MS, BOUND_MS - 1, BOUND_MS, 2 * BOUND_MS, GRACE_MS - WAIT_MS - 1]) {
      here.clock.now = START + age;
      expect((await here.current(key.api_key)).body).toMatchObject({ id: key.id });
    }
    here.clock.now = START + GRACE_MS;
    expectUnavailable(await here.current(key.api_key));
  });

  test('a key in KV works, before the grace ends', async () => {
    await loseD1For(GRACE_MS - WAIT_MS - 1);
    expect((await here.current(key.api_key)).body).toMatchObject({ id: key.id });
    const { api_key } = await createKey(keys.ORG_ADMIN);
    here.clock.now = START + GRACE_MS + 1;
    expectUnavailable(await here.current(api_key));
  });

  test('the grace is counted from when the feed was heard last, and ends by a poll', async () => {
    await here.current(key.api_key);
    here.clock.now = START + POLL_MS;
    await here.current(key.api_key);
    await loseD1For(GRACE_MS - WAIT_MS - 1);
    expect((await here.current(key.api_key)).status).toBe(200);
    await revokeElsewhere();
    here.d1 = 'answers';
    here.clock.now += 2_000;
    expectUnauthenticated(await here.current(key.api_key), 'REVOKED');
  });

  test.each(['that exists', 'that does not exist'])(
    'a key in no cache %s is neither let in nor called wrong',
    async (which) => {
      await forget(key.api_key);
      const apiKey = which === 'that exists' ? key.api_key : generateApiKey('lk');
      here.d1 = fault;
      for (const age of [0, BOUND_MS + 1, GRACE_MS + 1]) {
        here.clock.now = START + age;
        expectUnavailable(await here.current(apiKey));
      }
    },
  );

  test('that a key does not exist is not said past the bound', async () => {
    const unknown = generateApiKey('lk');
    expectUnauthenticated(await here.current(unknown), 'UNKNOWN_KEY');
    here.d1 = fault;
    here.clock.now = START + BOUND_MS - 1;
    expectUnauthenticated(await here.current(unknown), 'UNKNOWN_KEY');
    here.clock.now = START + BOUND_MS;
    expectUnavailable(await here.current(unknown));
  });

  test('an isolate that never heard the feed lets no one in, whatever is in KV', async () => {
    const begun = openLocation();
    begun.d1 = fault;
    expectUnavailable(await begun.current(key.api_key));
    begun.d1 = 'answers';
    begun.clock.now += 2_000;
    expect((await begun.current(key.api_key)).body.id).toBe(key.id);
  });

  describe.each([
    ['within the bound', 1],
    ['within the grace', BOUND_MS + POLL_MS + 1],
    ['after the grace', GRACE_MS + POLL_MS + 1],
  ])('%s', (when, age) => {
    test('a revocation that was heard refuses', async () => {
      await here.current(key.api_key);
      await revokeElsewhere();
      here.clock.now = START + POLL_MS;
      await here.current(keys.ORG_ADMIN);
      await loseD1For(age);
      const answer = await here.current(key.api_key);
      if (when === 'after the grace') expectUnavailable(answer);
      else expectUnauthenticated(answer, 'REVOKED');
    });

    test('a revocation that was heard refuses what KV has from before it', async () => {
      await here.current(key.api_key);
      const { name, value } = await entryOf(key.api_key);
      await revokeElsewhere();
      await env.KEY_CACHE.put(name, value);
      here.clock.now = START + POLL_MS;
      await here.current(keys.ORG_ADMIN);
      await loseD1For(age);
      expectUnavailable(await here.current(key.api_key));
    });

    test('a revocation that was made here refuses, before the feed told of it', async () => {
      await here.current(key.api_key);
      const { name, value } = await entryOf(key.api_key);
      const revocation = await here.call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${key.id}`);
      expect(revocation.status).toBe(200);
      await env.KEY_CACHE.put(name, value);
      await loseD1For(age);
      expectUnavailable(await here.current(key.api_key));
    });
  });

  test('after a poll that failed no call waits for another one for 2 s', async () => {
    await here.current(key.api_key);
    here.d1 = fault;
    const wait = fault === 'hangs' ? WAIT_MS : 0;
    here.clock.now = START + 2 * BOUND_MS;
    const first = await here.asking(() => timing(() => here.current(key.api_key)));
    expect([first.result, first.asked.sessions.length]).toEqual([wait, 1]);
    const failedAt = here.clock.now;
    for (const since of [0, 1, 1_000, 1_999]) {
      here.clock.now = failedAt + since;
      const { asked, result } = await here.asking(() => timing(() => here.current(key.api_key)));
      expect([result, asked.sessions]).toEqual([0, []]);
    }
    here.clock.now = failedAt + 2_000;
    const again = await here.asking(() => timing(() => here.current(key.api_key)));
    expect([again.result, again.asked.sessions.length]).toEqual([wait, 1]);
  });

  test('a call waits for its poll and its look-up, and no longer', async () => {
    await forget(key.api_key);
    await loseD1For(2 * BOUND_MS);
    expect(await timing(() => here.current(key.api_key))).toBe(fault === 'hangs' ? 2 * WAIT_MS : 0);
  });

  test('no call waits while what was heard is within the bound', async () => {
    await here.current(key.api_key);
    here.d1 = fault;
    for (const age of [POLL_MS, POLL_MS + 1, BOUND_MS - 1]) {
      here.clock.now = START + age;
      expect(await timing(() => here.current(key.api_key))).toBe(0);
    }
  });

  test('and KV does so too, a key in memory works', async () => {
    await here.current(key.api_key);
    await loseD1For(BOUND_MS + 1);
    Object.assign(here, { kvReads: fault, kvWrites: fault });
    expect((await here.current(key.api_key)).body.id).toBe(key.id);
    expectUnavailable(await here.current((await createKey(keys.ORG_ADMIN)).api_key));
  });
});

describe('a D1 that falls silent', () => {
  test('is out of reach when a poll has been unanswered for 10 s, and until then nothing is said', async () => {
    await here.current(key.api_key);
    here.d1 = 'hangs';
    here.clock.now = START + BOUND_MS + 1;
    expect(await timing(async () => expectUnavailable(await here.current(key.api_key)))).toBe(WAIT_MS);
    here.clock.now = START + BOUND_MS + SILENCE_MS - WAIT_MS;
    expectUnavailable(await here.current(key.api_key));
    await here.pass(1);
    expect((await here.current(key.api_key)).body.id).toBe(key.id);
  });

  test('and answers after all is within reach again, at its next answer', async () => {
    await here.current(key.api_key);
    here.d1 = 'hangs';
    here.clock.now = START + BOUND_MS + 1;
    expectUnavailable(await here.current(key.api_key));
    await here.pass(SILENCE_MS);
    expect((await here.current(key.api_key)).status).toBe(200);
    await revokeElsewhere();
    here.d1 = 'answers';
    await here.pass(WAIT_MS);
    expectUnauthenticated(await here.current(key.api_key), 'REVOKED');
    // What was one outage is no excuse in the next.
    here.d1 = 'hangs';
    await here.pass(BOUND_MS + 1);
    expectUnavailable(await here.current(keys.ORG_ADMIN));
  });
});

describe.each([1_100, 2_500])('while each answer of D1 takes %d ms', (takes) => {
  beforeEach(async () => {
    await here.current(key.api_key);
    here.d1Takes = takes;
  });

  test.each(['called all the time', 'called again after the bound'])(
    'a revoked key is not let in past the bound: %s',
    async (how) => {
      const { name, value } = await entryOf(key.api_key);
      await revokeElsewhere();
      await env.KEY_CACHE.put(name, value);
      if (how === 'called again after the bound') here.clock.now = START + BOUND_MS + 1;
      for (let seconds = 0; seconds < 60; seconds++) {
        const { status, body } = await here.current(key.api_key);
        if (here.clock.now >= START + BOUND_MS) expect([status, body.code]).not.toContain(200);
        await here.pass(1_000);
      }
      expectUnauthenticated(await here.current(key.api_key), 'REVOKED');
    },
  );

  test('a good key that is in use is verified all the time, and no call waits', async () => {
    for (let seconds = 0; seconds < 90; seconds++) {
      const wait = await timing(async () => expect((await here.current(key.api_key)).body.id).toBe(key.id));
      expect(wait).toBe(0);
      await here.pass(1_000);
    }
  });

  test('a good key that was not in use for an hour is verified again, in a moment', async () => {
    here.clock.now = START + 3_600_000;
    const first = await here.current(key.api_key);
    if (takes <= WAIT_MS) expect(first.body.id).toBe(key.id);
    else expectUnavailable(first);
    await here.pass(1_000);
    expect((await here.current(key.api_key)).body.id).toBe(key.id);
  });

  test('a good key that is in no cache is verified, in a moment', async () => {
    const cold = await createKey(keys.ORG_ADMIN);
    await forget(cold.api_key);
    const first = await here.current(cold.api_key);
    if (takes <= WAIT_MS) expect(first.body.id).toBe(cold.id);
    else expectUnavailable(first);
    await here.pass(1_000);
    expect((await here.current(cold.api_key)).body.id).toBe(cold.id);
  });
});

describe.each(FAULTS)('while reading KV %s', (fault) => {
  beforeEach(() => {
    here.kvReads = fault;
  });

  test('a key is found in D1, within the budget, and then is in memory', async () => {
    const wait = await timing(async () => {
      expect((await here.current(key.api_key)).body.id).toBe(key.id);
    });
    expect(wait).toBe(fault === 'hangs' ? 300 : 0);
    expect(await timing(() => here.current(key.api_key))).toBe(0);
  });

  test('a key that does not exist is told so', async () => {
    expectUnauthenticated(await here.current(generateApiKey('lk')), 'UNKNOWN_KEY');
  });

  test('a revoked key is refused', async () => {
    await here.current(key.api_key);
    await revokeElsewhere();
    here.clock.now = START + BOUND_MS + 1;
    expectUnauthenticated(await here.current(key.api_key), 'REVOKED');
  });

  test('an isolate begins', async () => {
    const begun = openLocation();
    begun.kvReads = fault;
    expect((await begun.current(key.api_key)).body.id).toBe(key.id);
  });
});

describe.each(FAULTS)('while writing KV %s', (fault) => {
  beforeEach(() => {
    here.kvWrites = fault;
  });

  test('keys are made, changed and revoked, and no one waits', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const wait = await timing(async () => {
      const created = await here.call(keys.ORG_ADMIN, 'POST /v2/api_keys', { body: { label: 'unwritten' } });
      expect(created.status).toBe(201);
      const { id, api_key } = created.body;
      expect((await here.current(api_key)).body.id).toBe(id);
      const list = { ip_whitelist: ['192.0.2.1'] };
      expect((await here.call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: list })).status).toBe(200);
      expect((await here.current(api_key)).body.code).toBe('IP_NOT_ALLOWED');
      expect((await here.call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`)).status).toBe(200);
      expect((await here.current(api_key)).body.code).toBe('REVOKED');
    });
    expect(wait).toBe(0);
    const logged = log.mock.calls.flat().join('\n');
    log.mockRestore();
    if (fault !== 'hangs') expect(logged).toMatch(/deferred work failed.*Out of reach/);
  });

  test('a key that is in D1 alone is verified', async () => {
    await forget(key.api_key);
    expect((await here.current(key.api_key)).body.id).toBe(key.id);
    expect((await here.current(key.api_key)).body.id).toBe(key.id);
  });
});

describe.each([
  ['30 seconds', 30_000],
  ['an hour', 3_600_000],
])('a clock that is set back by %s, while D1 is well', (_, jump) => {
  beforeEach(async () => {
    await here.current(key.api_key);
    here.clock.now = START + POLL_MS;
    await here.current(key.api_key);
    here.clock.now = START + POLL_MS + 5_000;
    await here.current(key.api_key);
    here.clock.now -= jump;
  });

  test('keeps no one out, and the feed is asked as before', async () => {
    const first = await here.asking(() => here.current(key.api_key));
    expect([first.result.status, first.asked.feed.length]).toEqual([200, 1]);
    for (let polls = 1; polls <= 6; polls++) {
      here.clock.now += POLL_MS;
      const { asked, result } = await here.asking(() => here.current(key.api_key));
      expect([result.status, asked.feed.length]).toEqual([200, 1]);
    }
  });

  test('keeps no one out under load', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => here.current(key.api_key)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  });

  test('lets no revoked key in: what was heard before it counts for nothing', async () => {
    const { name, value } = await entryOf(key.api_key);
    await revokeElsewhere();
    await env.KEY_CACHE.put(name, value);
    expectUnauthenticated(await here.current(key.api_key), 'REVOKED');
  });

  test('leaves no absence from before it', async () => {
    here.clock.now += jump;
    const unknown = generateApiKey('lk');
    expectUnauthenticated(await here.current(unknown), 'UNKNOWN_KEY');
    here.clock.now -= jump;
    const { asked, result } = await here.asking(() => here.current(unknown));
    expectUnauthenticated(result, 'UNKNOWN_KEY');
    expect(asked.records).toHaveLength(1);
  });

  test('in an outage, lets no one in', async () => {
    here.d1 = 'rejects';
    expectUnavailable(await here.current(key.api_key));
    here.clock.now += jump;
    expectUnavailable(await here.current(key.api_key));
  });
});

describe('a clock that goes back', () => {
  const JUMPS: [string, number][] = [
    ['a millisecond', 1],
    ['five seconds', 5_000],
    ['an hour', 3_600_000],
  ];

  test.each(JUMPS)('%s: a key revoked meanwhile is not let in', async (_, jump) => {
    await here.current(key.api_key);
    const { name, value } = await entryOf(key.api_key);
    await revokeElsewhere();
    await env.KEY_CACHE.put(name, value);
    here.clock.now = START - jump;
    for (let times = 0; times < 3; times++) {
      expect([401, 503]).toContain((await here.current(key.api_key)).status);
      here.clock.now += 1;
    }
  });

  test.each(JUMPS)('%s, in an outage: nothing is vouched for, so no one is let in', async (_, jump) => {
    await here.current(key.api_key);
    here.d1 = 'rejects';
    here.clock.now = START - jump;
    expectUnavailable(await here.current(key.api_key));
  });

  test.each(JUMPS)('%s: all is as before when it has caught up', async (_, jump) => {
    await here.current(key.api_key);
    here.clock.now = START - jump;
    await here.current(key.api_key);
    here.clock.now = START + BOUND_MS + 1;
    expect((await here.current(key.api_key)).body.id).toBe(key.id);
  });
});

test('a feed that was restored to an earlier moment takes everything that was held with it', async () => {
  await here.current(key.api_key);
  const { name, value } = await entryOf(key.api_key);
  await env.DB.prepare("UPDATE feed_state SET epoch = 'restored'").run();
  await env.DB.prepare('DELETE FROM api_key_secrets WHERE key_id = ?').bind(key.id).run();
  await env.KEY_CACHE.put(name, value);
  expect((await here.current(key.api_key)).status).toBe(200);
  here.clock.now = START + BOUND_MS + 1;
  expectUnauthenticated(await here.current(key.api_key), 'UNKNOWN_KEY');
});

test('that a key does not exist is not said while the feed cannot be heard, also when D1 was just asked', async () => {
  // The records can be read, by a replica say, and the feed cannot: a key that was just made may be missing there.
  here.feed = 'rejects';
  here.clock.now = START + BOUND_MS + 1;
  const { asked, result } = await here.asking(() => here.current(generateApiKey('lk')));
  expectUnavailable(result);
  expect(asked.records.length).toBeGreaterThan(0);
  // A key that is there can be said to be.
  await forget(key.api_key);
  expect((await here.current(key.api_key)).body.id).toBe(key.id);
});

test('a change that was made here is answered for from the primary while the replica lacks it', async () => {
  await forget(key.api_key);
  await here.current(key.api_key);
  const body = { label: 'changed here' };
  expect((await here.call(keys.ORG_ADMIN, `PUT /v2/api_keys/${key.id}`, { body })).status).toBe(200);
  await forget(key.api_key);
  here.replicaLags = true;
  const { asked, result } = await here.asking(() => here.current(key.api_key));
  expect(result.body).toMatchObject({ id: key.id, label: 'changed here' });
  expect(asked.sessions).toEqual([expect.not.stringContaining('first-primary'), 'first-primary']);
});
