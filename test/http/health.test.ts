import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectMethodNotAllowed, expectRateLimited, expectUnavailable } from '../support/expect-error.ts';
import { type Location, openLocation, type Reach, START } from '../support/location.ts';

/*
 * What monitors are told. They have no key, and neither has a stranger who asks without end.
 */

const BOUND_MS = 30_000;
const POLL_MS = 10_000;
const SILENCE_MS = 10_000;
const GRACE_MS = 300_000;
const WAIT_MS = 2_000;
const KEEP_MS = 5_000;

const WELL = {
  keys_database: 'ok',
  usage_database: 'ok',
  kv: 'ok',
  feed: 'fresh',
  region: 'off',
  keyring: 'ok',
};

const FAULTS: [fault: Reach, word: string][] = [
  ['throws', 'failing'],
  ['rejects', 'failing'],
  ['hangs', 'silent'],
];

let keys: RoleKeys;
let here: Location;
beforeAll(async () => {
  keys = await deploy();
});
beforeEach(() => {
  here = openLocation();
});

const ready = (at = here): Promise<Answer> => at.call(null, 'GET /health/ready');

/** A 503 in the contract's shape, which tells the parts besides. */
function expectNotReady({ status, headers, body: { status: told, checks, ...body } }: Answer): void {
  expectUnavailable({ status, headers, body });
  expect(told).toBe('unavailable');
  expect(Object.keys(checks)).toEqual(Object.keys(WELL));
}

/** What asking cost of storage. */
async function costOf(act: () => Promise<unknown>) {
  const { asked } = await here.asking(act);
  const { feed, usageDb, kvReads, records, kvWrites } = asked;
  return { feed: feed.length, usageDb: usageDb.length, kvReads: kvReads.length, others: [...records, ...kvWrites] };
}

describe('GET /health', () => {
  test('says that the Worker runs, asks no storage, and needs no key', async () => {
    const { asked, result } = await here.asking(() => here.call(null, 'GET /health'));
    expect({ status: result.status, body: result.body }).toEqual({ status: 200, body: { status: 'ok' } });
    expect(Object.values(asked).flat()).toEqual([]);
  });

  test('says so while no storage answers', async () => {
    Object.assign(here, { d1: 'hangs', kvReads: 'hangs', usageDb: 'hangs' });
    expect((await here.call(null, 'GET /health')).status).toBe(200);
  });

  test('fails where the settings cannot be read, as every call does', async () => {
    expect((await here.call(null, 'GET /health', { env: { USAGE: 'sometimes' } as unknown as Env })).status).toBe(500);
  });

  test.each(['/health', '/health/ready'])('%s is kept by no cache, and is read only', async (path) => {
    const { headers } = await here.call(null, `GET ${path}`);
    expect(headers.get('Cache-Control')).toBe('no-store');
    expect((await here.call(null, `HEAD ${path}`)).status).toBe(200);
    expectMethodNotAllowed(await here.call(null, `POST ${path}`, { body: {} }), ['GET', 'HEAD']);
  });
});

describe('GET /health/ready', () => {
  test('says that all is well, by one word a part', async () => {
    const { status, body } = await ready();
    expect({ status, body }).toEqual({ status: 200, body: { status: 'ready', checks: WELL } });
  });

  test('is the same whatever key comes along', async () => {
    expect((await here.call(keys.PROVIDER, 'GET /health/ready')).body).toEqual({ status: 'ready', checks: WELL });
    expect((await here.call('nonsense', 'GET /health/ready')).body).toEqual({ status: 'ready', checks: WELL });
  });

  test.each(FAULTS)('is a 503 where D1 %s and was never heard: no key can be verified', async (fault, word) => {
    here.d1 = fault;
    const answer = await ready();
    expectNotReady(answer);
    expect(answer.body.checks).toEqual({ ...WELL, keys_database: word, feed: 'stale' });
  });

  test.each(FAULTS)(
    'is degraded while D1 %s and keys are verified all the same, and a 503 after that',
    async (fault, word) => {
      expect((await here.current(keys.ORG_ADMIN)).status).toBe(200);
      here.d1 = fault;
      const seen: string[] = [];
      const moments = [
        KEEP_MS,
        POLL_MS,
        POLL_MS + SILENCE_MS,
        BOUND_MS - 2 * WAIT_MS - 1,
        BOUND_MS,
        GRACE_MS - 2 * WAIT_MS - 1,
        GRACE_MS + KEEP_MS,
      ];
      for (const moment of moments) {
        await here.pass(START + moment - here.clock.now);
        const answer = await ready();
        // One who is verified in this very moment would be answered in the same way.
        const isVerified = (await here.current(keys.ORG_ADMIN)).status === 200;
        expect([moment, answer.status === 200]).toEqual([moment, isVerified]);
        if (!isVerified) expectNotReady(answer);
        expect(answer.body.checks.keys_database).toBe(word);
        seen.push(`${answer.body.status}, ${answer.body.checks.feed}`);
      }
      expect([...new Set(seen)]).toEqual(['degraded, fresh', 'degraded, grace', 'unavailable, stale']);
    },
  );

  test('is a 503 where the feed is too old and D1 only slow, for that opens no grace', async () => {
    expect((await here.current(keys.ORG_ADMIN)).status).toBe(200);
    here.clock.now += BOUND_MS;
    here.d1 = 'hangs';
    const answer = await ready();
    expectNotReady(answer);
    expect(answer.body.checks).toEqual({ ...WELL, keys_database: 'silent', feed: 'stale' });
    expectUnavailable(await here.current(keys.ORG_ADMIN));
  });

  test.each(FAULTS)('is degraded where KV %s', async (fault, word) => {
    here.kvReads = fault;
    const { status, body } = await ready();
    expect({ status, body }).toEqual({ status: 200, body: { status: 'degraded', checks: { ...WELL, kv: word } } });
  });

  test.each(FAULTS)('is degraded where the usage database %s', async (fault, word) => {
    here.usageDb = fault;
    const { status, body } = await ready();
    expect({ status, body }).toEqual({
      status: 200,
      body: { status: 'degraded', checks: { ...WELL, usage_database: word } },
    });
  });

  test.each(['', 'nonsense', `other:${btoa('x'.repeat(32))}`])('is degraded where MASTER_KEYS is %j', async (value) => {
    const { status, body } = await here.call(null, 'GET /health/ready', { env: { MASTER_KEYS: value } });
    expect({ status, body }).toEqual({
      status: 200,
      body: { status: 'degraded', checks: { ...WELL, keyring: 'unusable' } },
    });
  });

  test.each(FAULTS)('with a bound of 0 is a 503 where D1 %s, and has no feed', async (fault, word) => {
    here = openLocation({ MAX_STALENESS_SECONDS: '0' });
    expect((await ready()).body).toEqual({ status: 'ready', checks: { ...WELL, feed: 'unused' } });
    here.clock.now += KEEP_MS;
    here.d1 = fault;
    const answer = await ready();
    expectNotReady(answer);
    expect(answer.body.checks).toEqual({ ...WELL, feed: 'unused', keys_database: word });
  });

  test('waits no longer than a call waits for D1, though nothing answers', async () => {
    Object.assign(here, { d1: 'hangs', kvReads: 'hangs', usageDb: 'hangs' });
    const before = here.clock.now;
    expectNotReady(await ready());
    expect(here.clock.now - before).toBe(WAIT_MS);
  });

  test('tells the parts in problem details as well, whose status is a number', async () => {
    here.d1 = 'rejects';
    const answer = await here.call(null, 'GET /health/ready', { headers: { Accept: 'application/problem+json' } });
    expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
    expect(JSON.parse(answer.body)).toMatchObject({ status: 503, code: 'UNAVAILABLE', checks: { feed: 'stale' } });
  });

  test('is ready again when what failed answers again', async () => {
    here.d1 = 'rejects';
    expectNotReady(await ready());
    here.d1 = 'answers';
    here.clock.now += KEEP_MS;
    expect((await ready()).body).toEqual({ status: 'ready', checks: WELL });
  });
});

describe('the region', () => {
  beforeEach(() => {
    here = openLocation({ REGION: 'on', MAX_STALENESS_SECONDS: '10' });
    here.colo = 'LHR';
    // The region has a way to D1 of its own.
    const elsewhere = openLocation();
    here.region = (question) => elsewhere.answer(question);
  });

  test('is ok where it answers', async () => {
    expect((await ready()).body).toEqual({ status: 'ready', checks: { ...WELL, region: 'ok' } });
  });

  test('is off where the location has none', async () => {
    here.colo = 'XXX';
    expect((await ready()).body).toEqual({ status: 'ready', checks: WELL });
  });

  test.each<Reach>(['throws', 'rejects', 'hangs'])('that %s degrades, and rests after three misses', async (fault) => {
    here.regions = { weur: fault };
    for (const word of ['failing', 'failing', 'failing', 'resting']) {
      expect((await ready()).body).toEqual({ status: 'degraded', checks: { ...WELL, region: word } });
      here.clock.now += KEEP_MS;
    }
    here.regions = {};
    here.clock.now += 60_000;
    expect((await ready()).body.checks.region).toBe('ok');
  });

  test('keeps a location ready to verify while its own way to D1 is cut', async () => {
    here.d1 = 'rejects';
    const { status, body } = await ready();
    expect({ status, body }).toEqual({
      status: 200,
      body: { status: 'degraded', checks: { ...WELL, region: 'ok', keys_database: 'failing' } },
    });
  });
});

describe('a stranger who asks without end', () => {
  const ONE_CHECK = { feed: 1, usageDb: 1, kvReads: 1, others: [] };

  test('costs one check in five seconds', async () => {
    expect(
      await costOf(async () => {
        for (let n = 0; n < 200; n++) expect((await ready()).status).toBe(200);
        here.clock.now += KEEP_MS - 1;
        await ready();
      }),
    ).toEqual(ONE_CHECK);
    here.clock.now += 1;
    expect(await costOf(() => ready())).toEqual(ONE_CHECK);
  });

  test('costs one check when all calls come at once, and each of them is answered', async () => {
    expect(
      await costOf(async () => {
        const answers = await Promise.all(Array.from({ length: 100 }, () => ready()));
        expect(answers.map(({ body }) => body.status)).toEqual(Array(100).fill('ready'));
      }),
    ).toEqual(ONE_CHECK);
  });

  test('costs one check while nothing answers', async () => {
    Object.assign(here, { d1: 'hangs', kvReads: 'hangs', usageDb: 'hangs' });
    const { asked } = await here.asking(async () => {
      const answers = await Promise.all(Array.from({ length: 50 }, () => ready()));
      for (const answer of answers) expectNotReady(answer);
    });
    expect([asked.feed.length, asked.usageDb.length, asked.kvReads.length]).toEqual([1, 1, 1]);
  });

  test('costs a check again after the clock was set back', async () => {
    await ready();
    here.clock.now -= 3_600_000;
    expect(await costOf(() => ready())).toMatchObject({ usageDb: 1 });
  });

  /** Limits that count, as the platform's do, over all isolates of a location. */
  function countingLimits(most: number) {
    const charges = new Map<string, number>();
    const limit = async ({ key }: RateLimitOptions) => {
      const charged = (charges.get(key) ?? 0) + 1;
      charges.set(key, charged);
      return { success: charged <= most };
    };
    return {
      charges,
      env: { READ_RATE_LIMIT: { limit }, USER_RATE_LIMIT: { limit: async () => ({ success: true }) } },
    };
  }

  test('is refused after so many checks in a location, over all its isolates; another address is not', async () => {
    const { env } = countingLimits(3);
    const ask = (ip: string) => openLocation({ ...env, RATE_LIMIT: 'off' }).call(null, 'GET /health/ready', { ip });
    for (let n = 0; n < 3; n++) expect((await ask('192.0.2.1')).status).toBe(200);
    const { asked, result } = await here.asking(() => here.call(null, 'GET /health/ready', { ip: '192.0.2.1', env }));
    expectRateLimited(result);
    expect(Object.values(asked).flat()).toEqual([]);
    expect((await ask('198.51.100.1')).status).toBe(200);
  });

  test('is counted by its /64, and without an address with all who have none', async () => {
    const { charges, env } = countingLimits(9);
    for (const ip of ['2001:db8::1', '2001:db8::2', null, 'nonsense']) {
      await openLocation(env).call(null, 'GET /health/ready', { ip });
    }
    expect([...charges]).toEqual([
      ['health 2001:db8::/64', 2],
      ['health no address', 2],
    ]);
  });

  test('keeps nobody from an answer that was made', async () => {
    await ready();
    const { env } = countingLimits(0);
    expect((await here.call(null, 'GET /health/ready', { env })).status).toBe(200);
  });

  test('from many addresses is held to a total', async () => {
    const names: string[] = [];
    const limit = async ({ key }: RateLimitOptions) => {
      names.push(key);
      return { success: false };
    };
    expectRateLimited(await here.call(null, 'GET /health/ready', { env: { USER_RATE_LIMIT: { limit } } }));
    expect(names).toEqual(['health']);
  });
});

test('no answer has a figure, a name of a binding or the text of an error', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  const texts: string[] = [];
  for (const fault of ['throws', 'rejects', 'hangs'] as const) {
    here = openLocation({ MASTER_KEYS: 'nonsense' });
    Object.assign(here, { d1: fault, kvReads: fault, usageDb: fault });
    const { body } = await ready();
    expect(Object.values(body.checks).filter((word) => !/^[a-z]+$/.test(String(word)))).toEqual([]);
    texts.push(JSON.stringify({ ...body, request_id: '' }));
  }
  expect(texts.filter((text) => /[0-9]|Out of reach|DB|KEY_CACHE|QUEUE|MASTER|latchkey/.test(text))).toEqual([]);
  expect((await call(keys.ORG_ADMIN, `GET /v2/api_keys/${id}`)).status).toBe(200);
});
