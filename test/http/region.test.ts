import { createExecutionContext, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { Hono } from 'hono';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { apiKeyAuth } from '../../src/client/api-key-auth.ts';
import { generateApiKey, hashApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { Region } from '../../src/region/region.ts';
import { ApiKeys } from '../../src/rpc/api-keys.ts';
import type { RpcCall } from '../../src/wire/rpc.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectRateLimited, expectUnauthenticated, expectUnavailable } from '../support/expect-error.ts';
import { type Location, openLocation, type Reach } from '../support/location.ts';

/*
 * Isolates that ask a region. The first part asks the real Durable Object. In the others, a location stands for the
 * region, so that its storage can fail and its clock can be moved; it answers by the code of the Durable Object.
 */

const BOUND_MS = 10_000;
const GRACE_MS = 300_000;
/** The feed is followed in the background when it is older than this. */
const DUE_MS = 5_000;
const REST_MS = 60_000;
const BUDGET_MS = 250;
const NEAR_PRIMARY_BUDGET_MS = 500;
const D1_WAIT_MS = 2_000;

const WITH_REGIONS: Partial<Env> = { REGION: 'on', MAX_STALENESS_SECONDS: '10' };
/** A location in Sydney, whose region is `oc`. */
const SYD = 'SYD';

let keys: RoleKeys;
let key: { id: number; api_key: string };
beforeAll(async () => {
  keys = await deploy();
});
beforeEach(async () => {
  key = await createKey(keys.ORG_ADMIN);
});

function openIsolate({ colo = SYD, settings = {} }: { colo?: string | null; settings?: Partial<Env> } = {}): Location {
  return Object.assign(openLocation({ ...WITH_REGIONS, ...settings }), { colo });
}

async function forgetInKv(): Promise<void> {
  for (const { name } of (await env.KEY_CACHE.list()).keys) await env.KEY_CACHE.delete(name);
}

async function revoke(): Promise<void> {
  expect((await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${key.id}`)).status).toBe(200);
}

const NOTHING_ELSE = { d1: [], kvReads: [], kvWrites: [] };

describe('the region where a call comes in', () => {
  test('is asked once for feed and record, and nothing else is', async () => {
    const here = openIsolate();
    const { asked, result } = await here.asking(() => here.current(key.api_key));
    expect(result.body.id).toBe(key.id);
    expect(asked).toMatchObject(NOTHING_ELSE);
    const question = { hash: hashApiKey(key.api_key), after: 0, epoch: null };
    expect(asked.regions).toEqual([{ name: 'oc 0', question }]);
  });

  test('is asked nothing while memory has the record and the feed was heard of late', async () => {
    const here = openIsolate();
    await here.current(key.api_key);
    const { asked } = await here.asking(() => here.current(key.api_key));
    expect(asked).toMatchObject({ ...NOTHING_ELSE, regions: [] });
  });

  test('is asked for the feed alone, in the background, once that is older than half the bound', async () => {
    const here = openIsolate();
    await here.current(key.api_key);
    here.clock.now += DUE_MS;
    const { asked } = await here.asking(() => here.current(key.api_key));
    expect(asked).toMatchObject(NOTHING_ELSE);
    expect(asked.regions).toMatchObject([{ question: { hash: null } }]);
  });

  test('says that there is no such key, and the isolate remembers it within the bound', async () => {
    const here = openIsolate();
    const unknown = generateApiKey('lk');
    const { asked } = await here.asking(async () => {
      for (let i = 0; i < 3; i++) expectUnauthenticated(await here.current(unknown), 'UNKNOWN_KEY');
    });
    expect(asked.regions).toHaveLength(1);
    expect(asked).toMatchObject(NOTHING_ELSE);
  });

  test('is one of several objects, by the hash of the secret', async () => {
    const here = openIsolate({ settings: { REGION_SHARDS: '4' } });
    const { asked } = await here.asking(async () => {
      for (let i = 0; i < 12; i++) await here.current((await createKey(keys.ORG_ADMIN)).api_key);
      await here.current(key.api_key);
    });
    const names = new Set(asked.regions.map(({ name }) => name));
    expect([...names].every((name) => /^oc [0-3]$/.test(name))).toBe(true);
    expect(names.size).toBeGreaterThan(1);
    const again = openIsolate({ settings: { REGION_SHARDS: '4' } });
    const { asked: askedAgain } = await again.asking(() => again.current(key.api_key));
    expect(askedAgain.regions.at(-1)?.name).toBe(asked.regions.at(-1)?.name);
  });

  test.each<[string, string | null, Partial<Env>]>([
    ['the platform does not say where the call came in', null, {}],
    ['the location is in no list', 'XXX', {}],
    ['the setting is off', SYD, { REGION: 'off' }],
    ['each call asks the primary', SYD, { MAX_STALENESS_SECONDS: '0' }],
  ])('is not asked when %s, and the way without it works', async (_, colo, settings) => {
    const here = openIsolate({ colo, settings });
    const { asked, result } = await here.asking(() => here.current(key.api_key));
    expect(result.body.id).toBe(key.id);
    expect(asked.regions).toEqual([]);
    expect(asked.d1).not.toEqual([]);
  });

  test('is told by another Worker, through the middleware', async () => {
    const calls: RpcCall[] = [];
    const app = new Hono().get('/', apiKeyAuth(), (c) => c.text('let in'));
    const verify = async (asked: RpcCall) => {
      calls.push(asked);
      return { allowed: false, code: 'UNKNOWN_KEY', status: 401, message: '' };
    };
    for (const cf of [{ colo: SYD }, { colo: 7 }, undefined]) {
      const request = new Request('https://shop.example/', { headers: { 'x-APIKey': key.api_key } });
      await app.fetch(Object.defineProperty(request, 'cf', { value: cf }), { API_KEYS: { verify } });
    }
    expect(calls.map(({ colo }) => colo)).toEqual([SYD, undefined, undefined]);
  });

  test('is asked over RPC when the call says where it came in', async () => {
    const names: string[] = [];
    const REGIONS = {
      getByName: (name: string) => {
        names.push(name);
        return { ask: async () => null };
      },
    };
    const entrypoint = new ApiKeys(createExecutionContext(), Object.assign({ ...env, ...WITH_REGIONS }, { REGIONS }));
    const { api_key: apiKey } = await createKey(keys.ORG_ADMIN);
    expect(await entrypoint.verify({ apiKey, ip: null, colo: 'NRT' })).toMatchObject({ allowed: true });
    expect(names).toEqual(['apac-ne 0']);
    for (const colo of [7, {}, true]) {
      const wrong = () =>
        entrypoint.verify(Object.assign({ apiKey, ip: null }, { colo: JSON.parse(JSON.stringify(colo)) }));
      expect(wrong).toThrow(TypeError);
    }
  });
});

describe('the object of a region', () => {
  test('follows the feed by an alarm while it is asked, and sleeps when it is not', async () => {
    const stub = env.REGIONS.getByName('eeur 0');
    expect(await stub.ask({ hash: null, after: 0, epoch: null })).toMatchObject({ found: null });
    const nextAlarm = () => runInDurableObject(stub, async (_, state) => state.storage.getAlarm());
    expect(await nextAlarm()).not.toBeNull();
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await nextAlarm()).not.toBeNull();

    const unasked = env.REGIONS.getByName('me 0');
    await runInDurableObject(unasked, async (_, state) => state.storage.setAlarm(Date.now() + 60_000));
    expect(await runDurableObjectAlarm(unasked)).toBe(true);
    expect(await runInDurableObject(unasked, async (_, state) => state.storage.getAlarm())).toBeNull();
  });

  test('has one alarm under way, however seldom it polls', async () => {
    const stub = env.REGIONS.getByName('afr 0');
    await runInDurableObject(stub, async (_, state) => {
      const region = new Region(state, { ...env, REGION_POLL_SECONDS: '60' });
      await region.ask({ hash: null, after: 0, epoch: null });
      const first = await state.storage.getAlarm();
      await scheduler.wait(5);
      await region.ask({ hash: null, after: 0, epoch: null });
      expect(first).not.toBeNull();
      expect(await state.storage.getAlarm()).toBe(first);
      await state.storage.deleteAlarm();
    });
  });

  test('answers again when it was alarmed, with a feed that is younger', async () => {
    const stub = env.REGIONS.getByName('weur 0');
    const first = await stub.ask({ hash: null, after: 0, epoch: null });
    await revoke();
    await runDurableObjectAlarm(stub);
    const second = await stub.ask({ hash: null, after: first?.feed.head ?? 0, epoch: first?.feed.epoch ?? null });
    expect(second?.feed.head).toBeGreaterThan(first?.feed.head ?? 0);
    expect(second?.feed.changes.map(([id]) => id)).toContain(key.id);
  });

  test('answers nothing but a question', async () => {
    const stub = env.REGIONS.getByName('sam 0');
    for (const wrong of [null, {}, { hash: 1, after: 0, epoch: null }, { hash: null, after: -1, epoch: null }]) {
      expect(await stub.ask(JSON.parse(JSON.stringify(wrong)))).toBeNull();
    }
  });

  test('keeps nothing of keys on disk', async () => {
    const stub = env.REGIONS.getByName('wnam 0');
    await stub.ask({ hash: hashApiKey(key.api_key), after: 0, epoch: null });
    const stored = await runInDurableObject(stub, async (_, state) => [...(await state.storage.list())]);
    expect(stored).toEqual([]);
  });
});

describe('with a region whose storage and clock are known', () => {
  let region: Location;
  let here: Location;
  beforeEach(async () => {
    region = openLocation(WITH_REGIONS);
    here = openIsolate();
    here.region = region.answer;
    // They serve another key, and have heard the feed.
    await here.current(keys.ORG_ADMIN);
  });

  /** Lets time pass for the isolate and its region. */
  function pass(milliseconds: number): void {
    for (const at of [here, region]) at.clock.now += milliseconds;
  }

  /** How long (milliseconds) the isolate waited for this. */
  async function timing(act: () => Promise<unknown>): Promise<number> {
    const before = here.clock.now;
    await act();
    return here.clock.now - before;
  }

  const lose = (how: Reach) => Object.assign(here, { regions: { oc: how } });

  test('a revocation holds within the bound, and only the region asks the primary', async () => {
    await here.current(key.api_key);
    await revoke();
    expect((await here.current(key.api_key)).status).toBe(200);
    pass(BOUND_MS);
    const { asked } = await here.asking(async () => {
      expectUnauthenticated(await here.current(key.api_key), 'REVOKED');
    });
    expect(asked).toMatchObject(NOTHING_ELSE);
  });

  test("the age is the region's, so its answers count no longer than if the isolate had asked", async () => {
    await region.answer({ hash: hashApiKey(key.api_key), after: 0, epoch: null });
    await revoke();
    // The region's feed is not yet old enough for it to poll first.
    pass(DUE_MS - 1);
    const cold = Object.assign(openIsolate(), { region: region.answer });
    expect((await cold.current(key.api_key)).status).toBe(200);
    cold.regions = { oc: 'hangs' };
    cold.clock.now += DUE_MS;
    expect((await cold.current(key.api_key)).status).toBe(200);
    // Now 10 s after the region heard the feed, and 5 s after it told of it.
    cold.clock.now += 1;
    expectUnauthenticated(await cold.current(key.api_key), 'REVOKED');
  });

  test('a clock of the region that is an hour off changes nothing', async () => {
    for (const off of [3_600_000, -3_600_000]) {
      region.clock.now += off;
      const cold = Object.assign(openIsolate(), { region: region.answer });
      const { api_key } = await createKey(keys.ORG_ADMIN);
      const { asked, result } = await cold.asking(() => cold.current(api_key));
      expect(result.status).toBe(200);
      expect(asked).toMatchObject(NOTHING_ELSE);
    }
  });

  test('a region that restarts with an empty memory answers after its own poll', async () => {
    region.restartRegion();
    const { asked: askedOfRegion } = await region.asking(async () => {
      const { asked, result } = await here.asking(() => here.current(key.api_key));
      expect(result.status).toBe(200);
      expect(asked).toMatchObject(NOTHING_ELSE);
    });
    // The poll brings the record: one query.
    expect(askedOfRegion.feed).toHaveLength(1);
  });

  test('a region looks in no KV, and writes what it has read where KV does not have it', async () => {
    region.restartRegion();
    await region.answer({ hash: null, after: 0, epoch: null });
    const ask = () => region.answer({ hash: hashApiKey(key.api_key), after: 0, epoch: null });
    const { asked } = await region.asking(ask);
    expect([asked.records.length, asked.kvReads.length, asked.kvWrites.length]).toEqual([1, 1, 0]);
    region.restartRegion();
    await forgetInKv();
    await region.answer({ hash: null, after: 0, epoch: null });
    region.kvReads = 'rejects';
    expect(await ask()).toMatchObject({ found: { record: { keyId: key.id } } });
    region.kvReads = 'answers';
    region.restartRegion();
    await region.answer({ hash: null, after: 0, epoch: null });
    const { asked: later } = await region.asking(ask);
    expect([later.records.length, later.kvWrites.length]).toEqual([1, 1]);
  });

  test('questions that come at once share one poll of the region', async () => {
    region.restartRegion();
    const cold = Array.from({ length: 8 }, () => Object.assign(openIsolate(), { region: region.answer }));
    const before = region.clock.now;
    const { asked } = await region.asking(async () => {
      const answers = await Promise.all(cold.map((isolate) => isolate.current(key.api_key)));
      expect(answers.map(({ status }) => status)).toEqual(cold.map(() => 200));
    });
    expect(asked.feed).toHaveLength(1);
    // They wait for the poll itself, and not by a timer that looks again now and then.
    expect(region.clock.now).toBe(before);
  });

  test('a region polls before it answers once its feed is older than half the bound', async () => {
    const ask = () => region.answer({ hash: null, after: 0, epoch: null });
    region.restartRegion();
    await ask();
    region.clock.now += DUE_MS - 1;
    region.d1Takes = 10;
    expect((await ask())?.feed.age).toBe(DUE_MS - 1);
    await region.pass(D1_WAIT_MS);
    region.clock.now += DUE_MS;
    // 10 ms is how long the poll took.
    expect((await ask())?.feed.age).toBe(10);
  });

  test('a region that has heard less than the isolate polls before it answers', async () => {
    // A second object of the same name, say, whose last poll was before the change.
    const other = openLocation(WITH_REGIONS);
    await other.answer({ hash: null, after: 0, epoch: null });
    await revoke();
    pass(BOUND_MS);
    expectUnauthenticated(await here.current(key.api_key), 'REVOKED');
    here.region = other.answer;
    const next = await createKey(keys.ORG_ADMIN);
    const { asked } = await here.asking(async () => expect((await here.current(next.api_key)).status).toBe(200));
    expect(asked).toMatchObject(NOTHING_ELSE);
  });

  test('a region that is behind and cannot poll vouches for nothing, and shows no restore', async () => {
    await region.answer({ hash: hashApiKey(key.api_key), after: 0, epoch: null });
    region.d1 = 'rejects';
    await revoke();
    lose('rejects');
    pass(BOUND_MS);
    // The isolate hears of the revocation from the primary.
    expectUnauthenticated(await here.current(key.api_key), 'REVOKED');
    lose('answers');
    await forgetInKv();
    const { api_key } = await createKey(keys.ORG_ADMIN);
    expect((await here.current(api_key)).status).toBe(200);
    expectUnauthenticated(await here.current(key.api_key), 'REVOKED');
  });

  test('a region of another epoch is not believed: the primary shows that there was a restore', async () => {
    here.region = async (question) => {
      const answer = await region.answer(question);
      return answer === null ? null : { ...answer, feed: { ...answer.feed, epoch: 'another' } };
    };
    const { asked, result } = await here.asking(() => here.current(key.api_key));
    expect(result.status).toBe(200);
    expect(asked.records.length + asked.kvReads.length).toBeGreaterThan(0);
    // What was remembered before is still used.
    const { asked: nothing } = await here.asking(() => here.current(keys.ORG_ADMIN));
    expect(nothing).toMatchObject({ ...NOTHING_ELSE, regions: [] });
  });

  test('more changes than are told at once do not make the record of a key useless', async () => {
    // The region has the record from before all of them.
    await here.current(key.api_key);
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
       INSERT INTO key_changes (api_key_id, at) SELECT 1000000 + i, 0 FROM n`,
    ).run();
    await env.DB.prepare('UPDATE feed_state SET head = (SELECT max(seq) FROM key_changes)').run();
    pass(BOUND_MS);
    await region.answer({ hash: null, after: 0, epoch: null });
    const cold = Object.assign(openIsolate(), { region: region.answer });
    const { asked, result } = await cold.asking(() => cold.current(key.api_key));
    expect(result.status).toBe(200);
    expect(asked).toMatchObject(NOTHING_ELSE);
  });

  describe.each<Reach>(['throws', 'rejects', 'hangs'])('that %s', (fault) => {
    test('is waited for no longer than its budget, and the own way answers', async () => {
      lose(fault);
      const waited = await timing(async () => expect((await here.current(key.api_key)).status).toBe(200));
      expect(waited).toBe(fault === 'hangs' ? BUDGET_MS : 0);
    });

    test('is not asked for a minute after three questions in vain, and then again', async () => {
      lose(fault);
      const { asked } = await here.asking(async () => {
        for (let i = 0; i < 6; i++) {
          here.clock.now += 1;
          const { api_key } = await createKey(keys.ORG_ADMIN);
          expect((await here.current(api_key)).status).toBe(200);
        }
      });
      expect(asked.regions).toHaveLength(3);
      lose('answers');
      pass(REST_MS);
      const { asked: later } = await here.asking(() => here.current(key.api_key));
      expect(later.regions).toHaveLength(1);
      expect(later).toMatchObject(NOTHING_ELSE);
    });

    test('is replaced by the one near the primary while it rests', async () => {
      const settings = { REGION_NEAR_PRIMARY: 'weur' };
      const cold = Object.assign(openIsolate({ settings }), { region: region.answer, regions: { oc: fault } });
      const { asked } = await cold.asking(async () => {
        for (let i = 0; i < 5; i++) {
          cold.clock.now += 1;
          const { api_key } = await createKey(keys.ORG_ADMIN);
          expect((await cold.current(api_key)).status).toBe(200);
        }
      });
      expect(asked.regions.map(({ name }) => name)).toEqual(['oc 0', 'oc 0', 'oc 0', 'weur 0', 'weur 0']);
    });

    test('sends no poll to the primary in the background', async () => {
      await here.current(key.api_key);
      lose(fault);
      const { asked } = await here.asking(async () => {
        for (let i = 1; i < BOUND_MS / 1_000; i++) {
          here.clock.now += 1_000;
          expect((await here.current(key.api_key)).status).toBe(200);
        }
      });
      expect(asked.d1).toEqual([]);
      here.clock.now += 1_000;
      const { asked: later } = await here.asking(() => here.current(key.api_key));
      expect(later.feed).toHaveLength(1);
    });
  });

  test('goes on being asked while now and then a question is in vain, or many at once are', async () => {
    const fresh = () => Promise.all(Array.from({ length: 5 }, () => createKey(keys.ORG_ADMIN)));
    const { asked } = await here.asking(async () => {
      for (const how of ['rejects', 'answers', 'rejects', 'answers', 'rejects', 'answers'] as const) {
        lose(how);
        here.clock.now += 1;
        await Promise.all((await fresh()).map(({ api_key }) => here.current(api_key)));
      }
    });
    expect(asked.regions).toHaveLength(30);
  });

  test('near the primary is waited for longer, because it may be far', async () => {
    const settings = { REGION_NEAR_PRIMARY: 'weur' };
    here = Object.assign(openIsolate({ settings }), { regions: { oc: 'rejects', weur: 'hangs' } });
    for (let i = 0; i < 3; i++) {
      here.clock.now += 1;
      await here.current((await createKey(keys.ORG_ADMIN)).api_key);
    }
    const next = await createKey(keys.ORG_ADMIN);
    expect(await timing(() => here.current(next.api_key))).toBe(NEAR_PRIMARY_BUDGET_MS);
  });

  test('all regions gone: calls that meet an old feed at the same time send one poll between them', async () => {
    lose('rejects');
    const others = await Promise.all(Array.from({ length: 10 }, () => createKey(keys.ORG_ADMIN)));
    for (const { api_key } of others) await here.current(api_key);
    here.clock.now += BOUND_MS;
    const { asked } = await here.asking(async () => {
      const answers = await Promise.all(others.map(({ api_key }) => here.current(api_key)));
      expect(answers.map(({ status }) => status)).toEqual(others.map(() => 200));
    });
    expect(asked.feed).toHaveLength(1);
  });

  test('a slow one has begun a race: the first usable answer wins, and the late one is kept', async () => {
    here.regionTakes = BUDGET_MS + 50;
    const { asked } = await here.asking(async () => {
      expect((await here.current(key.api_key)).status).toBe(200);
    });
    expect(asked.regions).toHaveLength(1);
    expect(asked.kvReads).toHaveLength(1);
    here.regionTakes = 0;

    // With a primary that is slower still, the region's late answer is the first.
    const cold = Object.assign(openIsolate(), { region: region.answer, regionTakes: BUDGET_MS + 50, d1: 'hangs' });
    const before = cold.clock.now;
    expect((await cold.current(key.api_key)).status).toBe(200);
    expect(cold.clock.now - before).toBe(BUDGET_MS + 50);
  });

  test.each<[string, (answer: object) => unknown]>([
    ['nothing', () => null],
    ['a text', () => 'VALID'],
    ['an empty object', () => ({})],
    ['no feed', ({ ...rest }) => ({ ...rest, feed: null })],
    ['an age that is no number', (answer) => withFeed(answer, { age: Number.NaN })],
    ['an age from the future', (answer) => withFeed(answer, { age: -1 })],
    ['an age as text', (answer) => withFeed(answer, { age: '0' })],
    ['no floor', (answer) => withFeed(answer, { floor: undefined })],
    ['changes that are none', (answer) => withFeed(answer, { changes: [[null, 1]] })],
    ['a field that is not known', (answer) => ({ ...answer, verdict: 'VALID' })],
  ])('an answer that has %s is none', async (_, garble) => {
    const cold = openIsolate();
    cold.region = async (question) => garble((await region.answer(question)) ?? {});
    const { asked, result } = await cold.asking(() => cold.current(key.api_key));
    expect(result.status).toBe(200);
    expect(asked.feed).toHaveLength(1);
  });

  test('a record that cannot be read counts as one that the region does not have', async () => {
    here.region = async (question) => {
      const answer = await region.answer(question);
      if (answer?.found == null || !('record' in answer.found)) return answer;
      // Written by an older version, say, that knows of no pauses.
      const { paused, ...record } = answer.found.record;
      return { ...answer, found: { record } };
    };
    const { asked, result } = await here.asking(() => here.current(key.api_key));
    expect(result.status).toBe(200);
    expect(asked.kvReads).toHaveLength(1);
  });

  describe('in an outage of its own', () => {
    beforeEach(async () => {
      await region.answer({ hash: hashApiKey(key.api_key), after: 0, epoch: null });
      region.d1 = 'rejects';
      await revoke();
    });

    test('gives no grace: the isolate asks the primary', async () => {
      pass(BOUND_MS);
      const cold = Object.assign(openIsolate(), { region: region.answer });
      const { asked } = await cold.asking(async () => {
        expectUnauthenticated(await cold.current(key.api_key), 'REVOKED');
      });
      expect(asked.feed).toHaveLength(1);
    });

    test('gives no grace to an isolate whose primary is slow', async () => {
      pass(BOUND_MS);
      const cold = Object.assign(openIsolate(), { region: region.answer, d1: 'hangs' });
      expectUnavailable(await cold.current(key.api_key));
    });

    test("has the grace run from the region's age once the isolate's own query has failed", async () => {
      pass(BOUND_MS);
      const cold = Object.assign(openIsolate(), { region: region.answer, d1: 'rejects' });
      expect((await cold.current(key.api_key)).status).toBe(200);
      for (const at of [cold, region]) at.clock.now += GRACE_MS - BOUND_MS - 1;
      expect((await cold.current(key.api_key)).status).toBe(200);
      for (const at of [cold, region]) at.clock.now += 1;
      expectUnavailable(await cold.current(key.api_key));
    });

    test('never says that a key does not exist', async () => {
      const unknown = generateApiKey('lk');
      region.d1 = 'answers';
      await region.answer({ hash: hashApiKey(unknown), after: 0, epoch: null });
      region.d1 = 'rejects';
      pass(BOUND_MS);
      const cold = Object.assign(openIsolate(), { region: region.answer, d1: 'rejects' });
      expectUnavailable(await cold.current(unknown));
    });
  });

  /** Has the region say that it knows of no key, as when its replica lags. */
  function sayAbsent(): void {
    here.region = async (question) => {
      const answer = await region.answer({ ...question, hash: null });
      return answer === null || question.hash === null ? answer : { ...answer, found: { absentFor: 0 } };
    };
  }

  test('an absence that comes late does not lock out a key that was found meanwhile', async () => {
    sayAbsent();
    here.regionTakes = BUDGET_MS + 50;
    expect((await here.current(key.api_key)).status).toBe(200);
    await here.pass(50);
    here.regionTakes = 0;
    const { asked, result } = await here.asking(() => here.current(key.api_key));
    expect(result.status).toBe(200);
    expect(asked).toMatchObject({ ...NOTHING_ELSE, regions: [] });
  });

  test('a key works at once where it was created, although the region has not heard of it', async () => {
    sayAbsent();
    const created = await here.call(keys.ORG_ADMIN, 'POST /v2/api_keys', { body: { label: 'new' } });
    expect(created.status).toBe(201);
    expect((await here.current(created.body.api_key)).status).toBe(200);
    // Of other keys, and once it has heard of the new one, the region is believed.
    pass(DUE_MS);
    await here.current(keys.ORG_ADMIN);
    const { asked } = await here.asking(async () => {
      expectUnauthenticated(await here.current(generateApiKey('lk')), 'UNKNOWN_KEY');
    });
    expect(asked).toMatchObject(NOTHING_ELSE);
  });

  test('a region whose primary hangs makes only the first question wait, and tells how old its feed is', async () => {
    const ask = () => region.answer({ hash: null, after: 0, epoch: null });
    await ask();
    region.clock.now += DUE_MS;
    region.d1 = 'hangs';
    const { age = 0 } = (await ask())?.feed ?? {};
    const before = region.clock.now;
    expect((await ask())?.feed.age).toBe(age);
    expect(region.clock.now).toBe(before);
  });

  test('an absence is as old as the region says', async () => {
    const apiKey = generateApiKey('lk');
    await region.answer({ hash: hashApiKey(apiKey), after: 0, epoch: null });
    pass(DUE_MS - 1);
    const { asked } = await here.asking(async () => {
      expectUnauthenticated(await here.current(apiKey), 'UNKNOWN_KEY');
      here.clock.now += DUE_MS;
      expectUnauthenticated(await here.current(apiKey), 'UNKNOWN_KEY');
      here.clock.now += 1;
      region.clock.now = here.clock.now;
      expectUnauthenticated(await here.current(apiKey), 'UNKNOWN_KEY');
    });
    expect(asked.regions.filter(({ question }) => question.hash !== null)).toHaveLength(2);
  });

  test('an absence that is as old as the bound is none', async () => {
    const answering = (absentFor: number) => async (question: Parameters<Location['answer']>[0]) => {
      const answer = await region.answer(question);
      return answer === null ? null : { ...answer, found: { absentFor } };
    };
    here.region = answering(BOUND_MS);
    expect((await here.current(key.api_key)).status).toBe(200);
    const { api_key } = await createKey(keys.ORG_ADMIN);
    here.region = answering(BOUND_MS - 1);
    expectUnauthenticated(await here.current(api_key), 'UNKNOWN_KEY');
  });

  test('a clock of the isolate that is set back while it asks makes no absence young', async () => {
    const apiKey = generateApiKey('lk');
    await region.answer({ hash: hashApiKey(apiKey), after: 0, epoch: null });
    pass(DUE_MS - 1);
    here.region = async (question) => {
      const answer = await region.answer(question);
      if (question.hash !== null) here.clock.now -= DUE_MS / 2;
      return answer;
    };
    const { asked } = await here.asking(async () => {
      expectUnauthenticated(await here.current(apiKey), 'UNKNOWN_KEY');
    });
    expect(asked.records.length + asked.feed.length).toBeGreaterThan(0);
  });

  test('a clock of the isolate that is set back makes no old answer young', async () => {
    await here.current(key.api_key);
    await revoke();
    here.clock.now -= 60_000;
    region.clock.now += BOUND_MS;
    expectUnauthenticated(await here.current(key.api_key), 'REVOKED');
  });

  test('strangers who have used up their budget do not reach it', async () => {
    const ip = '198.19.7.7';
    const { asked } = await here.asking(async () => {
      for (let i = 0; i < 100; i++) await here.current(generateApiKey('lk'), { ip });
    });
    expect(asked.regions.length).toBeGreaterThanOrEqual(99);
    const { asked: later } = await here.asking(async () => {
      expectRateLimited(await here.current(generateApiKey('lk'), { ip }));
    });
    expect(later).toMatchObject({ ...NOTHING_ELSE, regions: [] });
  });

  test('a region that hangs with a primary that hangs is waited for no longer than a slow primary', async () => {
    const cold = Object.assign(openIsolate(), { regions: { oc: 'hangs' }, d1: 'hangs' });
    const before = cold.clock.now;
    expectUnavailable(await cold.current(key.api_key));
    expect(cold.clock.now - before).toBeLessThanOrEqual(BUDGET_MS + 2 * D1_WAIT_MS);
  });
});

function withFeed(answer: object, fields: object): object {
  return { ...answer, feed: { ...('feed' in answer ? Object(answer.feed) : {}), ...fields } };
}
