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
  test('a key in memory goes on working until the grace ends', async () => {
    await here.current(key.api_key);
    here.d1 = fault;
    for (const age of [0, BOUND_MS, BOUND_MS + 1, 2 * BOUND_MS, GRACE_MS - 2_000]) {
      here.clock.now = START + age;
      expect((await here.current(key.api_key)).body).toMatchObject({ id: key.id });
    }
    here.clock.now = START + GRACE_MS + 1;
    expectUnavailable(await here.current(key.api_key));
  });

  test('a key in KV works, before the grace ends', async () => {
    here.d1 = fault;
    here.clock.now = START + GRACE_MS - 2_000;
    expect((await here.current(key.api_key)).body).toMatchObject({ id: key.id });
    const { api_key } = await createKey(keys.ORG_ADMIN);
    here.clock.now = START + GRACE_MS + 1;
    expectUnavailable(await here.current(api_key));
  });

  test('the grace is counted from when the feed was heard last, and ends by a poll', async () => {
    await here.current(key.api_key);
    here.clock.now = START + POLL_MS;
    await here.current(key.api_key);
    here.d1 = fault;
    here.clock.now = START + POLL_MS + GRACE_MS - 2_000;
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
    here.clock.now = START + BOUND_MS;
    expectUnauthenticated(await here.current(unknown), 'UNKNOWN_KEY');
    here.clock.now = START + BOUND_MS + 1;
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
      here.d1 = fault;
      here.clock.now += age;
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
      here.d1 = fault;
      here.clock.now += age;
      expectUnavailable(await here.current(key.api_key));
    });

    test('a revocation that was made here refuses, before the feed told of it', async () => {
      await here.current(key.api_key);
      const { name, value } = await entryOf(key.api_key);
      const revocation = await here.call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${key.id}`);
      expect(revocation.status).toBe(200);
      await env.KEY_CACHE.put(name, value);
      here.d1 = fault;
      here.clock.now += age;
      expectUnavailable(await here.current(key.api_key));
    });
  });

  test('after a poll that failed no call waits for another one for 2 s', async () => {
    await here.current(key.api_key);
    here.d1 = fault;
    const wait = fault === 'hangs' ? 1_000 : 0;
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
    here.d1 = fault;
    here.clock.now = START + 2 * BOUND_MS;
    expect(await timing(() => here.current(key.api_key))).toBe(fault === 'hangs' ? 3_000 : 0);
  });

  test('no call waits while what was heard is within the bound', async () => {
    await here.current(key.api_key);
    here.d1 = fault;
    for (const age of [POLL_MS, POLL_MS + 1, BOUND_MS]) {
      here.clock.now = START + age;
      expect(await timing(() => here.current(key.api_key))).toBe(0);
    }
  });

  test('and KV does so too, a key in memory works', async () => {
    await here.current(key.api_key);
    Object.assign(here, { d1: fault, kvReads: fault, kvWrites: fault });
    here.clock.now = START + BOUND_MS + 1;
    expect((await here.current(key.api_key)).body.id).toBe(key.id);
    expectUnavailable(await here.current((await createKey(keys.ORG_ADMIN)).api_key));
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
