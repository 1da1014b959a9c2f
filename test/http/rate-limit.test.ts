import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { CALLS_A_MINUTE } from '../../src/domain/limits.ts';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { type CallOptions, call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectForbidden, expectInvalid, expectRateLimited, expectUnauthenticated } from '../support/expect-error.ts';
import { form } from '../support/form.ts';
import { changeUser, createOrganisation, createPerson, createUser, readUser } from '../support/people.ts';
import { writingNothing } from '../support/stored.ts';

/*
 * Limits are counted by the rate limits of the local runtime where a test floods, and by stand-ins that write down what
 * they are charged where it does not. Everyone that floods is of an organisation of his own.
 */

const LIMITED: CallOptions = { env: { RATE_LIMIT: 'on' } };
const SECRETS_LIMITED: CallOptions = { env: { SECRETS_RATE_LIMIT: env.SECRETS_RATE_LIMIT } };
/** A few more than the limit of a user. */
const FLOOD = 310;

const [CONFIGURATION = ''] = Object.values(
  import.meta.glob<string>('../../wrangler.toml', { eager: true, import: 'default', query: '?raw' }),
);

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

/** An administrator of a new organisation, with a second one beside. */
async function twoAdministrators() {
  const orgId = await createOrganisation(keys.PROVIDER);
  return {
    orgId,
    first: await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId),
    second: await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId),
  };
}

/** Makes calls that are refused for want of a permission, or with 429. */
async function flood(key: string, calls = FLOOD): Promise<void> {
  for (let n = 0; n < calls; n++) {
    expect([403, 429]).toContain((await call(key, 'GET /v2/user/search', LIMITED)).status);
  }
}

/** Calls until a call is refused; more often than one minute allows, as a minute may end while this goes on. */
async function useUp(key: string): Promise<number> {
  for (let allowed = 0; allowed <= 600; allowed++) {
    if ((await call(key, 'GET /v2/permissions', LIMITED)).status === 429) return allowed;
  }
  throw new Error('There is no limit');
}

describe('a leaked key that makes refused calls without end', () => {
  const KEY_MANAGER = { has_restricted_permissions: true, permissions: ['api_key_read', 'api_key_manage'] };

  test.each<[string, (own: string, other: string, leaked: string) => string]>([
    ['another user of its organisation', (_own, other) => other],
    ["its user's other key", (own) => own],
    ['itself', (_own, _other, leaked) => leaked],
  ])('is revoked by %s', async (_, choose) => {
    const { first, second } = await twoAdministrators();
    const leaked = await createKey(first.key, KEY_MANAGER);
    await flood(leaked.api_key);
    const by = choose(first.key, second.key, leaked.api_key);
    expect((await call(by, `POST /v2/api_keys/revoke/${leaked.id}`, LIMITED)).status).toBe(200);
    expectUnauthenticated(await call(leaked.api_key, 'GET /v2/api_keys/current', LIMITED), 'REVOKED');
  });

  test('does not keep its user from disabling and deleting others', async () => {
    const { orgId, first } = await twoAdministrators();
    const leaked = await createKey(first.key, KEY_MANAGER);
    const [disabled, deleted] = [
      await createUser(keys.PROVIDER, { org_id: orgId }),
      await createUser(keys.PROVIDER, { org_id: orgId }),
    ];
    await flood(leaked.api_key);
    const body = { disabled: true };
    expect((await call(first.key, `POST /v2/user/${disabled}`, { ...LIMITED, body })).status).toBe(200);
    expect((await readUser(keys.PROVIDER, disabled)).disabled).toBe(true);
    expect((await call(first.key, `DELETE /v2/user/${deleted}`, LIMITED)).status).toBe(200);
  });

  test('leaves the others of its organisation their calls', async () => {
    const { first, second } = await twoAdministrators();
    await flood((await createKey(first.key, KEY_MANAGER)).api_key);
    expect((await call(second.key, 'GET /v2/api_keys', LIMITED)).status).toBe(200);
  });
});

test('a user has 300 calls a minute, with all its keys together', async () => {
  const { first } = await twoAdministrators();
  const another = await createKey(first.key);
  expect(await useUp(first.key)).toBeGreaterThanOrEqual(300);
  // Unless just now a minute has ended, in which case it is used up once more.
  await vi.waitFor(async () => {
    await useUp(first.key);
    expectRateLimited(await call(another.api_key, 'GET /v2/permissions', LIMITED));
  });
});

test('an organisation has 3,000 calls a minute, whoever of its users makes them', async () => {
  const { orgId, first, second } = await twoAdministrators();
  await vi.waitFor(
    async () => {
      let allowed = 0;
      while ((await env.ORG_RATE_LIMIT.limit({ key: String(orgId) })).success) allowed += 1;
      expect(allowed).toBeLessThanOrEqual(6_000);
      for (const { key } of [first, second]) expectRateLimited(await call(key, 'GET /v2/permissions', LIMITED));
    },
    { timeout: 20_000 },
  );
  expect((await call(keys.PROVIDER, 'GET /v2/permissions', LIMITED)).status).toBe(200);
}, 30_000);

describe('past the limit', () => {
  const NONE = { limit: async () => ({ success: false }) };
  const SPENT: CallOptions = { env: { RATE_LIMIT: 'on', USER_RATE_LIMIT: NONE } };

  test('a call is told to come back in a minute, and does nothing', async () => {
    const create = () => call(keys.ORG_ADMIN, 'POST /v2/api_keys', { ...SPENT, body: { label: 'one too many' } });
    expectRateLimited(await writingNothing(create));
  });

  test.each<[string, string, CallOptions]>([
    ['that the caller may not do it', 'POST /v2/api_keys', { body: { label: 'a key' } }],
    ['that the type is wrong', 'POST /v2/api_keys/find', { body: '{}', headers: { 'Content-Type': 'text/plain' } }],
    ['that the key does not exist', 'GET /v2/api_keys/999999', {}],
    ['that the call does not exist', 'GET /v2/nothing', {}],
    ['that there is no such call of revoking', 'POST /v2/api_keys/revoke/1/2', {}],
    ['that the query is wrong', 'GET /v2/api_keys?page=abc', {}],
  ])('nobody is told %s', async (_, route, options) => {
    expectRateLimited(await call(keys.PUBLISHER, route, { ...SPENT, ...options }));
  });

  test('a wrong key is still told that it is wrong', async () => {
    expectUnauthenticated(await call(null, 'GET /v2/permissions', SPENT), 'MISSING_KEY');
    expectUnauthenticated(await call(generateApiKey('lk'), 'GET /v2/permissions', SPENT), 'UNKNOWN_KEY');
  });

  test('RATE_LIMIT=off lifts all limits of calls', async () => {
    const off = {
      env: { RATE_LIMIT: 'off', USER_RATE_LIMIT: NONE, ORG_RATE_LIMIT: NONE, TAKING_AWAY_RATE_LIMIT: NONE },
    };
    expect((await call(keys.PUBLISHER, 'GET /v2/permissions', off)).status).toBe(200);
    const { id } = await createKey(keys.ORG_ADMIN);
    expect((await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`, off)).status).toBe(200);
  });
});

describe('the policy is told', () => {
  const POLICY = '"user";q=300;w=60, "org";q=3000;w=60';
  const SPENT = { env: { RATE_LIMIT: 'on', USER_RATE_LIMIT: { limit: async () => ({ success: false }) } } };
  const policyOf = async (by: string | null, route: string, options: CallOptions = LIMITED) =>
    (await call(by, route, { ...LIMITED, ...options })).headers.get('RateLimit-Policy');

  test('in the numbers that the platform was given', () => {
    const given = Object.fromEntries(
      [
        ...CONFIGURATION.matchAll(/name = "(\w+)"\nnamespace_id = "\d+"\nsimple = \{ limit = (\d+), period = 60 \}/g),
      ].map(([, name, limit]) => [name, Number(limit)]),
    );
    expect(given).toMatchObject({
      USER_RATE_LIMIT: CALLS_A_MINUTE.user,
      ORG_RATE_LIMIT: CALLS_A_MINUTE.organisation,
      TAKING_AWAY_RATE_LIMIT: 300,
    });
    expect(POLICY).toBe(`"user";q=${given.USER_RATE_LIMIT};w=60, "org";q=${given.ORG_RATE_LIMIT};w=60`);
  });

  test.each([
    'GET /v2/api_keys',
    'POST /v2/api_keys',
    'GET /v2/api_keys/999999',
    'GET /v2/nothing',
    'DELETE /v2/api_keys',
    'GET /v2/user/search',
  ])('on %s', async (route) => {
    expect(await policyOf(keys.ORG_ADMIN, route)).toBe(POLICY);
    expect(await policyOf(keys.ORG_ADMIN, route, SPENT)).toBe(POLICY);
  });

  test('on a change of a user that takes nothing away, and on no other', async () => {
    const { first } = await twoAdministrators();
    const route = `POST /v2/user/${await createUser(first.key)}`;
    expect(await policyOf(first.key, route, { ...LIMITED, body: { first_name: 'New' } })).toBe(POLICY);
    expect(await policyOf(first.key, route, { ...LIMITED, body: { disabled: true } })).toBeNull();
  });

  test('not on what has another limit or none, and not where the limit is off', async () => {
    const { first } = await twoAdministrators();
    const { id } = await createKey(first.key);
    expect(await policyOf(first.key, `POST /v2/api_keys/revoke/${id}`)).toBeNull();
    expect(await policyOf(first.key, `DELETE /v2/user/${await createUser(first.key)}`)).toBeNull();
    const body = { api_key: first.key };
    expect(await policyOf(first.key, 'POST /v2/api_keys/verify', { body })).toBeNull();
    expect(await policyOf(null, 'GET /v2/api_keys')).toBeNull();
    expect(await policyOf(null, 'GET /nowhere')).toBeNull();
    expect(await policyOf(first.key, 'GET /v2/api_keys', { env: { RATE_LIMIT: 'off' } })).toBeNull();
  });
});

describe('a call is charged to', () => {
  type Limit = 'USER_RATE_LIMIT' | 'ORG_RATE_LIMIT' | 'TAKING_AWAY_RATE_LIMIT';
  type Charge = [Limit, string];

  /** Makes a call, and gives what it charged, in order. `spent` refuses. */
  async function charging(by: string, route: string, options: CallOptions = {}, spent?: Limit) {
    const charges: Charge[] = [];
    const standIn = (limit: Limit) => ({
      limit: async ({ key }: RateLimitOptions) => {
        charges.push([limit, key]);
        return { success: limit !== spent };
      },
    });
    const limited = {
      RATE_LIMIT: 'on',
      USER_RATE_LIMIT: standIn('USER_RATE_LIMIT'),
      ORG_RATE_LIMIT: standIn('ORG_RATE_LIMIT'),
      TAKING_AWAY_RATE_LIMIT: standIn('TAKING_AWAY_RATE_LIMIT'),
    };
    return { charges, answer: await call(by, route, { ...options, env: { ...limited, ...options.env } }) };
  }

  const ordinary = (person: { id: string; orgId: number }): Charge[] => [
    ['USER_RATE_LIMIT', `user ${person.id}`],
    ['ORG_RATE_LIMIT', String(person.orgId)],
  ];

  test('its user, then the organisation', async () => {
    const { first } = await twoAdministrators();
    expect((await charging(first.key, 'GET /v2/api_keys')).charges).toEqual(ordinary(first));
  });

  test("its user alone where that user's limit refuses it", async () => {
    const { first } = await twoAdministrators();
    const { charges, answer } = await charging(first.key, 'GET /v2/api_keys', {}, 'USER_RATE_LIMIT');
    expect(charges).toEqual(ordinary(first).slice(0, 1));
    expectRateLimited(answer);
  });

  test('its key, for a main integration: one does not use up what another needs', async () => {
    const { first, orgId } = await twoAdministrators();
    for (const label of ['one', 'another']) {
      const main = await createKey(first.key, { label, user_type: 'bot' });
      expect((await charging(main.api_key, 'GET /v2/permissions')).charges).toEqual([
        ['USER_RATE_LIMIT', `key ${main.id}`],
        ['ORG_RATE_LIMIT', String(orgId)],
      ]);
    }
  });

  /** Each call that takes rights away, on something new that is there to lose them. */
  const TAKING_AWAY: [string, (by: string) => Promise<[string, CallOptions]>][] = [
    ['revoking', async (by) => [`POST /v2/api_keys/revoke/${(await createKey(by)).id}`, {}]],
    ['pausing', async (by) => [`POST /v2/api_keys/pause/${(await createKey(by)).id}`, {}]],
    ['disabling', async (by) => [`POST /v2/user/${await createUser(by)}`, { body: { disabled: true } }]],
    [
      'ending an overlap',
      async (by) => {
        const { id } = await createKey(by);
        await call(by, `POST /v2/api_keys/rotate/${id}`, { body: { overlap_seconds: 3600 } });
        return [`POST /v2/api_keys/overlap/${id}`, { body: { overlap_seconds: 0 } }];
      },
    ],
    ['deleting', async (by) => [`DELETE /v2/user/${await createUser(by)}`, {}]],
  ];

  test.each(TAKING_AWAY)('the calling key alone, when it is for %s', async (_, prepare) => {
    const { first } = await twoAdministrators();
    const [route, options] = await prepare(first.key);
    const { charges, answer } = await charging(first.key, route, options);
    expect(charges).toEqual([['TAKING_AWAY_RATE_LIMIT', `key ${first.keyId}`]]);
    expect(answer.status).toBe(200);
  });

  test('the user and its organisation, when it is for resuming, which gives rights back', async () => {
    const { first, orgId } = await twoAdministrators();
    const { id } = await createKey(first.key);
    await call(first.key, `POST /v2/api_keys/pause/${id}`);
    const { charges, answer } = await charging(first.key, `POST /v2/api_keys/resume/${id}`);
    expect(charges).toEqual([
      ['USER_RATE_LIMIT', `user ${first.id}`],
      ['ORG_RATE_LIMIT', String(orgId)],
    ]);
    expect(answer.status).toBe(200);
  });

  test.each(TAKING_AWAY)('that limit holds for %s, and nothing is done past it', async (_, prepare) => {
    const { first } = await twoAdministrators();
    const [route, options] = await prepare(first.key);
    const act = () => charging(first.key, route, options, 'TAKING_AWAY_RATE_LIMIT');
    expectRateLimited((await writingNothing(act)).answer);
  });

  test.each(TAKING_AWAY)('no one, when the permission for %s lacks', async (_, prepare) => {
    const { first } = await twoAdministrators();
    const [route, options] = await prepare(first.key);
    const reader = await createKey(first.key, { has_restricted_permissions: true, permissions: ['review_read'] });
    const { charges, answer } = await charging(reader.api_key, route, options);
    expect(charges).toEqual([]);
    expectForbidden(answer, 'PERMISSION_DENIED');
  });

  test.each<[string, unknown]>([
    ['a new name', { first_name: 'New' }],
    ['an end to being disabled', { disabled: false }],
    ['something that is not a truth', { disabled: 'true' }],
    ['a list', [{ disabled: true }]],
    ['null', null],
    ['no JSON', '{"disabled":true'],
  ])('its user and organisation, when the body of a change of a user is %s', async (_, body) => {
    const { first } = await twoAdministrators();
    const route = `POST /v2/user/${await createUser(first.key)}`;
    expect((await charging(first.key, route, { body })).charges).toEqual(ordinary(first));
    const act = () => charging(first.key, route, { body }, 'USER_RATE_LIMIT');
    expectRateLimited((await writingNothing(act)).answer);
  });

  test.each<[string, unknown]>([
    ['a later end', { overlap_seconds: 60 }],
    ['a zero in text', { overlap_seconds: '0' }],
    ['a zero and more', { overlap_seconds: 0, end_previous: true }],
    ['no JSON', '{"overlap_seconds":0'],
  ])('its user and organisation, when the body of a change of an overlap is %s', async (_, body) => {
    const { first } = await twoAdministrators();
    const route = `POST /v2/api_keys/overlap/${first.keyId}`;
    expect((await charging(first.key, route, { body })).charges).toEqual(ordinary(first));
    const act = () => charging(first.key, route, { body }, 'USER_RATE_LIMIT');
    expectRateLimited((await writingNothing(act)).answer);
  });

  test('no one, when it asks for a verification', async () => {
    const { first } = await twoAdministrators();
    const { charges } = await charging(first.key, 'POST /v2/api_keys/verify', { body: { api_key: first.key } });
    expect(charges).toEqual([]);
  });

  test.each<[string, (key: string) => CallOptions]>([
    ['POST /v2/api_keys/verify', (key) => ({ body: { api_key: key } })],
    ['POST /v2/introspect', (key) => form({ token: key })],
  ])(
    'a count of its own for %s, where RATE_LIMIT_VERIFY asks for one, and past it there is no verdict',
    async (route, ask) => {
      const { first } = await twoAdministrators();
      const options = { ...ask(first.key), env: { RATE_LIMIT_VERIFY: 'on' } };
      const { charges, answer } = await charging(first.key, route, options);
      expect(charges).toEqual([['ORG_RATE_LIMIT', `verify user ${first.id}`]]);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('RateLimit-Policy')).toBe(`"verify";q=${CALLS_A_MINUTE.organisation};w=60`);
      expectRateLimited((await charging(first.key, route, options, 'ORG_RATE_LIMIT')).answer);
    },
  );
});

describe('a rate limit that gives no answer', () => {
  const SILENCES: [string, () => Promise<RateLimitOutcome>][] = [
    [
      'throws at once',
      () => {
        throw new Error('Out of reach');
      },
    ],
    ['rejects', () => Promise.reject(new Error('Out of reach'))],
    ['hangs', () => new Promise(() => {})],
  ];

  test.each(SILENCES)('and %s lets calls pass, members and look-ups too, and keeps secrets in', async (_, limit) => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const silent = {
      env: {
        RATE_LIMIT: 'on',
        USER_RATE_LIMIT: { limit },
        ORG_RATE_LIMIT: { limit },
        TAKING_AWAY_RATE_LIMIT: { limit },
        SECRETS_RATE_LIMIT: { limit },
        MISS_RATE_LIMIT: { limit },
        ALL_MISSES_RATE_LIMIT: { limit },
      },
    };
    const { first } = await twoAdministrators();
    const [kept, gone] = [await createKey(first.key), await createKey(first.key)];
    const [listed, unknown, seen, rotated, revoked] = await Promise.all([
      call(first.key, 'GET /v2/api_keys', silent),
      call(generateApiKey('lk'), 'GET /v2/api_keys', silent),
      call(first.key, `GET /v2/api_keys/key/${kept.id}`, silent),
      call(first.key, `POST /v2/api_keys/rotate/${kept.id}`, { ...silent, body: {} }),
      call(first.key, `POST /v2/api_keys/revoke/${gone.id}`, silent),
    ]);
    expect([listed.status, revoked.status]).toEqual([200, 200]);
    expectUnauthenticated(unknown, 'UNKNOWN_KEY');
    for (const answer of [seen, rotated]) expectRateLimited(answer);
    vi.restoreAllMocks();
  });
});

describe('secrets that leave', () => {
  /** Sees or rotates a key, and gives whether its secret left. */
  async function getSecret(by: string, way: 'see' | 'rotate', id: number): Promise<boolean> {
    const answer = await (way === 'see'
      ? call(by, `GET /v2/api_keys/key/${id}`, SECRETS_LIMITED)
      : call(by, `POST /v2/api_keys/rotate/${id}`, { ...SECRETS_LIMITED, body: { overlap_seconds: 0 } }));
    if (answer.status !== 200) expectRateLimited(answer);
    return answer.status === 200;
  }

  test('are ten a minute for each user, seen and rotated together; and past it nothing is rotated', async () => {
    const { first, second } = await twoAdministrators();
    const { id } = await createKey(first.key);
    const left: boolean[] = [];
    // A minute of the counter may end on the way, but not two.
    for (let n = 0; n < 30; n++) left.push(await getSecret(first.key, n % 2 === 0 ? 'see' : 'rotate', id));
    expect(left.slice(0, 10)).toEqual(Array(10).fill(true));
    expect(left.filter((done) => done).length).toBeLessThanOrEqual(20);

    await vi.waitFor(async () => {
      while (await getSecret(first.key, 'see', id));
      const rotate = () => call(first.key, `POST /v2/api_keys/rotate/${id}`, { ...SECRETS_LIMITED, body: {} });
      expectRateLimited(await writingNothing(rotate));
    });
    // Others have theirs, and creating goes on.
    expect(await getSecret(second.key, 'see', second.keyId)).toBe(true);
    await createKey(first.key);
  });

  test.each(['GET /v2/api_keys/key', 'POST /v2/api_keys/rotate'])(
    'are charged once, however often %s is tried',
    async (route) => {
      const { first, second } = await twoAdministrators();
      const made = await createKey(first.key);
      const charged: string[] = [];
      const limit = async ({ key }: RateLimitOptions) => {
        charged.push(key);
        // What the caller was judged by changes, so that the act is judged and tried again.
        await changeUser(second.key, first.id, { first_name: `Renamed ${charged.length}` });
        return { success: true };
      };
      const options = { env: { SECRETS_RATE_LIMIT: { limit } }, ...(route.startsWith('POST') ? { body: {} } : {}) };
      expect((await call(first.key, `${route}/${made.id}`, options)).status).toBe(200);
      expect(charged).toEqual([first.id]);
    },
  );

  test('are charged only when they leave', async () => {
    const { first, second } = await twoAdministrators();
    const charged: string[] = [];
    const limit = async ({ key }: RateLimitOptions) => {
      charged.push(key);
      return { success: true };
    };
    const counted = { env: { SECRETS_RATE_LIMIT: { limit } } };
    const revoked = await createKey(first.key);
    await call(first.key, `POST /v2/api_keys/revoke/${revoked.id}`);
    for (const id of [revoked.id, second.keyId, 999_999]) {
      expect((await call(first.key, `GET /v2/api_keys/key/${id}`, counted)).status).toBeGreaterThanOrEqual(400);
      const rotate = `POST /v2/api_keys/rotate/${id}`;
      expect((await call(first.key, rotate, { ...counted, body: {} })).status).toBeGreaterThanOrEqual(400);
    }
    expectInvalid(
      await call(first.key, `POST /v2/api_keys/rotate/${first.keyId}`, { ...counted, body: { overlap_seconds: -1 } }),
      ['overlap_seconds'],
    );
    expect((await call(first.key, 'POST /v2/api_keys', { ...counted, body: { label: 'made' } })).status).toBe(201);
    expect(charged).toEqual([]);
    const made = await createKey(first.key);
    await call(first.key, `GET /v2/api_keys/key/${made.id}`, counted);
    await call(first.key, `POST /v2/api_keys/rotate/${made.id}`, { ...counted, body: {} });
    expect(charged).toEqual([first.id, first.id]);
  });
});
