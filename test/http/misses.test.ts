import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectRateLimited, expectUnauthenticated, expectUnavailable } from '../support/expect-error.ts';
import { type Location, openLocation } from '../support/location.ts';

/*
 * Someone who tries keys: what that costs, and whom it keeps out. The budget is counted by the real rate limit of the
 * local runtime, so each test comes from addresses of its own.
 */

const BUDGET = 100;
const BUDGET_OF_SITE = 300;
/** Of one address, in each isolate, before the first of them has found no key. */
const UNCHECKED = 100;
const MANY = 20_000;
const AT_ONCE = 100;

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

/** An address out of a network that is given up to its last part. */
function somewhereIn(network: string): string {
  return network + (network.includes(':') ? randomGroup() : String(1 + Math.floor(Math.random() * 254)));
}

function randomGroup(): string {
  return Math.floor(Math.random() * 0x10000).toString(16);
}

async function forgetAllInKv(): Promise<void> {
  for (const { name } of (await env.KEY_CACHE.list()).keys) await env.KEY_CACHE.delete(name);
}

/** Tries so many unknown keys from an address, and gives how often each code was answered. */
async function tryKeys(from: Location, ip: string, count: number): Promise<Record<string, number>> {
  const codes: Record<string, number> = {};
  for (let done = 0; done < count; done += AT_ONCE) {
    const calls = Array.from({ length: Math.min(AT_ONCE, count - done) }, () =>
      from.current(generateApiKey('lk'), { ip }),
    );
    for (const { body } of await Promise.all(calls)) codes[body.code] = (codes[body.code] ?? 0) + 1;
  }
  return codes;
}

/** How many minutes of the rate limit this touches: each has a budget of its own. */
async function countingMinutes<Result>(act: () => Promise<Result>): Promise<{ minutes: number; result: Result }> {
  const first = Math.floor(Date.now() / 60_000);
  const result = await act();
  return { minutes: Math.floor(Date.now() / 60_000) - first + 1, result };
}

test('20,000 unknown keys from one address cost D1 the budget, and keep out no one else', {
  timeout: 240_000,
}, async () => {
  const here = openLocation();
  const ip = somewhereIn('198.51.100.');
  const warm = (await createKey(keys.ORG_ADMIN)).api_key;
  const cold = (await createKey(keys.ORG_ADMIN)).api_key;
  expect((await here.current(warm, { ip })).status).toBe(200);
  await forgetAllInKv();

  const half = async () => tryKeys(here, ip, MANY / 2);
  const { minutes, result } = await countingMinutes(() =>
    here.asking(async () => {
      const first = await half();
      // Meanwhile:
      expect((await here.current(warm, { ip })).status).toBe(200);
      expectRateLimited(await here.current(generateApiKey('lk'), { ip }));
      return [first, await half()];
    }),
  );
  const looked = result.asked.records.length;
  const unknown = result.result.reduce((sum, codes) => sum + (codes.UNKNOWN_KEY ?? 0), 0);
  const limited = result.result.reduce((sum, codes) => sum + (codes.RATE_LIMITED ?? 0), 0);
  expect(unknown + limited).toBe(MANY);
  expect(looked).toBe(unknown);
  expect(looked).toBeGreaterThanOrEqual(BUDGET);
  expect(looked).toBeLessThanOrEqual(BUDGET * minutes);
  expect(result.asked.d1.length - result.asked.feed.length).toBe(looked);
  expect(result.asked.kvWrites).toEqual([]);

  const other = await here.asking(() => here.current(cold));
  expect(other.result.status).toBe(200);
  expect(other.asked.records).toHaveLength(1);
  expect((await here.current(warm, { ip })).status).toBe(200);
});

// Again, for the case that a minute ends between using the budget up and the call.
describe('past the budget of an address', { retry: 2 }, () => {
  test.each<[string, Partial<Env>]>([
    ['an unknown key is told to come back in a minute', {}],
    ['that is so where organisations are limited, too', { RATE_LIMIT: 'on' }],
    ['and where they are not', { RATE_LIMIT: 'off' }],
  ])('%s', async (_, settings) => {
    const here = openLocation(settings);
    const codes = await tryKeys(here, here.ip, BUDGET + 20);
    expect(codes).toEqual({ UNKNOWN_KEY: BUDGET, RATE_LIMITED: 20 });
    const { asked, result } = await here.asking(() => here.current(generateApiKey('lk')));
    expectRateLimited(result);
    expect(asked.d1).toEqual([]);
  });

  test('a good key that is in no cache is not looked up, and not called unknown', async () => {
    const here = openLocation();
    const { api_key } = await createKey(keys.ORG_ADMIN);
    await forgetAllInKv();
    await tryKeys(here, here.ip, BUDGET + 1);
    expectRateLimited(await here.current(api_key));
    expect((await here.current(api_key, { ip: somewhereIn('192.0.2.') })).status).toBe(200);
    // Now it is in a cache.
    expect((await here.current(api_key)).status).toBe(200);
  });

  test('a good key is not looked up in KV either, and works where it is in memory', async () => {
    const here = openLocation();
    const { api_key } = await createKey(keys.ORG_ADMIN);
    const inMemory = (await createKey(keys.ORG_ADMIN)).api_key;
    expect((await here.current(inMemory)).status).toBe(200);
    await tryKeys(here, here.ip, BUDGET + 1);
    const { asked, result } = await here.asking(() => here.current(api_key));
    expectRateLimited(result);
    expect([asked.kvReads, asked.d1]).toEqual([[], []]);
    expect((await here.current(inMemory)).status).toBe(200);
    // From another address it is in KV.
    expect((await here.current(api_key, { ip: somewhereIn('192.0.2.') })).status).toBe(200);
  });

  test('a strict bound has the same gate', async () => {
    const here = openLocation({ MAX_STALENESS_SECONDS: '0' });
    const inUse = (await createKey(keys.ORG_ADMIN)).api_key;
    expect((await here.current(inUse)).status).toBe(200);
    expect(await tryKeys(here, here.ip, BUDGET + 20)).toEqual({ UNKNOWN_KEY: BUDGET, RATE_LIMITED: 20 });
    const { asked, result } = await here.asking(() => here.current(generateApiKey('lk')));
    expectRateLimited(result);
    expect(asked.d1).toEqual([]);
    // A key that is known to exist is asked about at each call, from there as well.
    for (let times = 0; times < 3; times++) expect((await here.current(inUse)).status).toBe(200);
    const { api_key } = await createKey(keys.ORG_ADMIN);
    expect((await here.current(api_key, { ip: somewhereIn('192.0.2.') })).status).toBe(200);
  });

  test('a good key whose record is out of date is looked up: it is in a cache', async () => {
    const here = openLocation();
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    expect((await here.current(api_key)).status).toBe(200);
    await forgetAllInKv();
    await tryKeys(here, here.ip, BUDGET + 1);
    const renaming = await here.call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, {
      body: { label: 'renamed' },
      ip: somewhereIn('192.0.2.'),
    });
    expect(renaming.status).toBe(200);
    await forgetAllInKv();
    expect((await here.current(api_key)).body.label).toBe('renamed');
  });

  test('an unknown key that was looked up before is still told so, at no cost', async () => {
    const here = openLocation();
    const unknown = generateApiKey('lk');
    expectUnauthenticated(await here.current(unknown), 'UNKNOWN_KEY');
    await tryKeys(here, here.ip, BUDGET + 1);
    expectUnauthenticated(await here.current(unknown), 'UNKNOWN_KEY');
  });

  const one = `2001:db8:${randomGroup()}:1`;
  const two = `2001:db8:${randomGroup()}:2`;
  test.each<[string, string, string, boolean]>([
    ['of the same IPv6 /64 share it', `${one}:1:2:3:`, `${one}:4:5:6:`, true],
    ['of two IPv6 /64 do not', `${two}:1:2:3:`, `${two.slice(0, -1)}3:1:2:3:`, false],
    [
      'of one IPv6 /48 do not before the site has spent its own',
      `${one.slice(0, -1)}7:1:2:3:`,
      `${one.slice(0, -1)}8:1:2:3:`,
      false,
    ],
    ['of one IPv4 network do not', '198.18.0.', '198.19.0.', false],
  ])('addresses %s', async (_, first, second, shared) => {
    const here = openLocation();
    await tryKeys(here, somewhereIn(first), BUDGET + 1);
    const answer = await here.current(generateApiKey('lk'), { ip: somewhereIn(second) });
    expect(answer.body.code).toBe(shared ? 'RATE_LIMITED' : 'UNKNOWN_KEY');
  });

  test('an IPv4 address written as an IPv6 one is the same payer', async () => {
    const here = openLocation();
    await tryKeys(here, here.ip, BUDGET + 1);
    expectRateLimited(await here.current(generateApiKey('lk'), { ip: `::ffff:${here.ip}` }));
  });

  test('calls from no address share one', async () => {
    const here = openLocation();
    const codes: unknown[] = [];
    for (let times = 0; times <= BUDGET; times++) {
      codes.push((await here.current(generateApiKey('lk'), { ip: times % 2 === 0 ? null : 'unreadable' })).body.code);
    }
    expect(codes.at(-1)).toBe('RATE_LIMITED');
  });
});

describe.each<[string, Partial<Env>]>([
  ['on', { RATE_LIMIT: 'on' }],
  ['off', { RATE_LIMIT: 'off' }],
])('3,500 unknown keys from 35 networks of one site, with RATE_LIMIT=%s', (_, settings) => {
  test('cost what the site may, and keep out no member whose key is cold', { timeout: 120_000 }, async () => {
    const here = openLocation(settings);
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await forgetAllInKv();
    expect((await here.current(keys.ORG_ADMIN)).status).toBe(200);
    const site = `2001:db8:${randomGroup()}`;
    const { asked, result } = await here.asking(async () => {
      const codes: Record<string, number>[] = [];
      for (let network = 0; network < 35; network++) {
        codes.push(await tryKeys(here, somewhereIn(`${site}:${network.toString(16)}:1:2:3:`), 100));
      }
      return codes;
    });
    const unknown = result.reduce((sum, codes) => sum + (codes.UNKNOWN_KEY ?? 0), 0);
    expect(unknown).toBe(BUDGET_OF_SITE);
    expect([asked.records.length, asked.kvReads.length]).toEqual([BUDGET_OF_SITE, BUDGET_OF_SITE]);

    expect((await here.current(api_key)).body.id).toBe(id);
    await forgetAllInKv();
    const other = openLocation(settings);
    const body = { api_key, ip: '192.0.2.9' };
    expect((await other.call(keys.ORG_ADMIN, 'POST /v2/api_keys/verify', { body })).body.valid).toBe(true);
  });
});

describe('where strangers have spent the total of the location', () => {
  const spent = { env: { ALL_MISSES_RATE_LIMIT: { limit: async () => ({ success: false }) } } };

  test('a member whose key is cold is let in, and who has tried a key is not looked up', async () => {
    const here = openLocation();
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const cold = (await createKey(keys.ORG_ADMIN)).api_key;
    await forgetAllInKv();
    expect((await here.current(api_key, spent)).body.id).toBe(id);
    expectUnauthenticated(await here.current(generateApiKey('lk'), spent), 'UNKNOWN_KEY');
    const { asked, result } = await here.asking(() => here.current(cold, spent));
    expectRateLimited(result);
    expect([asked.kvReads, asked.d1]).toEqual([[], []]);
    expect((await here.current(cold, { ...spent, ip: somewhereIn('192.0.2.') })).status).toBe(200);
    expect((await here.current(api_key, spent)).body.id).toBe(id);
  });

  test('so is a member whose key could not be looked up in an outage, when it is over', async () => {
    const here = openLocation();
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await forgetAllInKv();
    expect((await here.current(keys.ORG_ADMIN)).status).toBe(200);
    here.d1 = 'rejects';
    for (let times = 0; times < 5; times++) expectUnavailable(await here.current(api_key));
    here.d1 = 'answers';
    expect((await here.current(api_key, spent)).body.id).toBe(id);
  });
});

describe('a budget is charged', () => {
  test('by what finds no key alone: many members with cold keys behind one address are all let in', async () => {
    const here = openLocation();
    const members = await Promise.all(Array.from({ length: 60 }, () => createKey(keys.ORG_ADMIN)));
    await forgetAllInKv();
    const answers = await Promise.all(members.map(({ api_key }) => here.current(api_key)));
    expect(answers.map(({ status }) => status)).toEqual(members.map(() => 200));
    // The budget is whole, with what was asked beforehand given back.
    expect(await tryKeys(here, here.ip, BUDGET)).toEqual({ UNKNOWN_KEY: BUDGET });
  });

  test('by what is under way, until it is answered', async () => {
    // The isolate alone, whose minute is that of the test.
    const here = openLocation({ MISS_RATE_LIMIT: { limit: async () => ({ success: true }) } });
    expect((await here.current(keys.ORG_ADMIN)).status).toBe(200);
    here.d1 = 'hangs';
    const { asked, result } = await here.asking(() => tryKeys(here, here.ip, BUDGET));
    expect(result).toEqual({ UNAVAILABLE: BUDGET });
    expect(asked.records).toHaveLength(BUDGET);
    here.d1 = 'answers';
    const more = await here.asking(() => here.current(generateApiKey('lk')));
    expectRateLimited(more.result);
    expect([more.asked.kvReads, more.asked.records]).toEqual([[], []]);
    here.clock.now += 60_000;
    expectUnauthenticated(await here.current(generateApiKey('lk')), 'UNKNOWN_KEY');
  });

  test.each<[string, () => Promise<RateLimitOutcome>]>([
    [
      'throws',
      () => {
        throw new Error('Out of reach');
      },
    ],
    ['rejects', () => Promise.reject(new Error('Out of reach'))],
  ])('by what this isolate knows itself where the limit %s', async (_, limit) => {
    const limits = { MISS_RATE_LIMIT: { limit }, SITE_MISS_RATE_LIMIT: { limit }, ALL_MISSES_RATE_LIMIT: { limit } };
    const here = openLocation(limits);
    expect(await tryKeys(here, here.ip, BUDGET + 20)).toEqual({ UNKNOWN_KEY: BUDGET, RATE_LIMITED: 20 });
  });

  test('in a location with many isolates as in one, but for the first few of each', async () => {
    const isolates = Array.from({ length: 5 }, () => openLocation());
    const ip = somewhereIn('198.51.100.');
    let looked = 0;
    for (const isolate of isolates) {
      const { asked } = await isolate.asking(() => tryKeys(isolate, ip, 100));
      looked += asked.records.length;
    }
    expect(looked).toBeGreaterThanOrEqual(BUDGET);
    expect(looked).toBeLessThanOrEqual(BUDGET + UNCHECKED * isolates.length);
  });
});

test('keys that are wrong in their form are refused with nothing asked, however many', async () => {
  const here = openLocation();
  const good = generateApiKey('lk');
  const wrong = [
    'x',
    good.slice(1),
    `${good}0`,
    good.toUpperCase(),
    `${good.slice(0, -1)}${good.endsWith('0') ? '1' : '0'}`,
    generateApiKey('other'),
  ];
  const { asked } = await here.asking(async () => {
    for (const key of Array.from({ length: 50 }, () => wrong).flat()) {
      expectUnauthenticated(await here.current(key), 'MALFORMED_KEY');
    }
    expectUnauthenticated(await here.call(null, 'GET /v2/api_keys/current'), 'MISSING_KEY');
  });
  expect(asked).toEqual({
    d1: [],
    feed: [],
    records: [],
    sessions: [],
    kvReads: [],
    kvWrites: [],
    regions: [],
    usageDb: [],
  });
  // They used up nothing of the budget.
  expectUnauthenticated(await here.current(good), 'UNKNOWN_KEY');
});
