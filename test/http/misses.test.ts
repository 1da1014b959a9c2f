import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectRateLimited, expectUnauthenticated } from '../support/expect-error.ts';
import { type Location, openLocation } from '../support/location.ts';

/*
 * Someone who tries keys: what that costs, and whom it keeps out. The budget is counted by the real rate limit of the
 * local runtime, so each test comes from addresses of its own.
 */

const BUDGET = 100;
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

  test('a good key that is in KV works', async () => {
    const here = openLocation();
    await tryKeys(here, here.ip, BUDGET + 1);
    const { api_key } = await createKey(keys.ORG_ADMIN);
    expect((await here.current(api_key)).status).toBe(200);
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
  expect(asked).toEqual({ d1: [], feed: [], records: [], sessions: [], kvReads: [], kvWrites: [] });
  // They used up nothing of the budget.
  expectUnauthenticated(await here.current(good), 'UNKNOWN_KEY');
});
