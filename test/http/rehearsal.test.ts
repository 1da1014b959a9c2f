import { createExecutionContext, createMessageBatch, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { ApiKeys } from '../../src/rpc/api-keys.ts';
import { MAX_JOINT_ROWS } from '../../src/storage/joint-uses.ts';
import type { UsageFlush, UseCount } from '../../src/storage/usage.ts';
import worker from '../../src/worker.ts';
import { type Answer, call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid, expectNotFound, expectOutOfReach, expectUnavailable } from '../support/expect-error.ts';
import { changeUser, createOrganisation, createPerson, createUser, type Person } from '../support/people.ts';
import { alter, dumpDatabase, readRows } from '../support/stored.ts';

/*
 * Rehearsals: what a change would have done to the calls of the last days. Calls are made and counted, the change is
 * rehearsed, then made, and the calls are made again.
 */

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
const today = Math.floor(Date.now() / DAY_MS);

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

const sent: UsageFlush[] = [];
const USAGE_QUEUE = new Proxy(env.USAGE_QUEUE, {
  get: () => async (flush: UsageFlush) => {
    sent.push(structuredClone(flush));
  },
});
const COUNTING = { USAGE: 'on', USAGE_FLUSH_SECONDS: '0', USAGE_QUEUE };

async function deliver(flushes: readonly UsageFlush[]): Promise<void> {
  const context = createExecutionContext();
  const messages = flushes.map((body) => ({ id: crypto.randomUUID(), timestamp: new Date(), attempts: 1, body }));
  await worker.queue(createMessageBatch('latchkey-usage', messages), env, context);
  await waitOnExecutionContext(context);
}

/** Adds counts of allowed calls as if they had been made: today at midnight, unless it is said otherwise. */
async function addCounts(...counts: (Pick<UseCount, 'keyId'> & Partial<UseCount>)[]): Promise<void> {
  const at = today * DAY_MS;
  const defaults = { hour: today * 24, code: 'VALID', network: null, secret: 1, needs: '', count: 1 };
  const full = counts.map((given) => ({ ...defaults, firstAt: at, lastAt: at, ...given }));
  await deliver([{ id: crypto.randomUUID(), counts: full }]);
}

/** A call with a key: over HTTP by a route, or over RPC with the permissions that it asks for. */
type Made = { ip: string } & ({ route: string } | { permissions: string[] });

/** Makes calls that are counted, and says what each was answered with. */
async function make(apiKey: string, calls: readonly Made[], isCounted = true): Promise<string[]> {
  const counting = isCounted ? COUNTING : {};
  const codes: string[] = [];
  for (const made of calls) {
    if ('route' in made) {
      const answer = await call(apiKey, made.route, { ip: made.ip, env: counting });
      codes.push(answer.status < 400 ? 'VALID' : answer.body.code);
    } else {
      const context = createExecutionContext();
      const api = new ApiKeys(context, { ...env, ...counting });
      const verdict = await api.verify({ apiKey, ip: made.ip, permissions: made.permissions });
      await waitOnExecutionContext(context);
      codes.push(verdict.allowed ? 'VALID' : verdict.code);
    }
  }
  if (isCounted) await deliver(sent.splice(0));
  return codes;
}

/** How many calls were refused with each code. */
function refusalsOf(codes: readonly string[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const code of codes.filter((code) => code !== 'VALID')) sums[code] = (sums[code] ?? 0) + 1;
  return sums;
}

async function rehearse(target: number | string, body: Record<string, unknown>, by = keys.PROVIDER) {
  const route = typeof target === 'number' ? `/v2/api_keys/rehearse/${target}` : `/v2/user/${target}/rehearse`;
  const answer = await call(by, `POST ${route}`, { body });
  if (answer.status !== 200) throw new Error(`Not rehearsed: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

const CALLS: readonly Made[] = [
  { ip: '192.0.2.1', route: 'GET /v2/api_keys/current' },
  { ip: '192.0.2.1', route: 'GET /v2/api_keys' },
  { ip: '192.0.2.1', route: 'GET /v2/api_keys' },
  { ip: '192.0.2.200', route: 'GET /v2/api_keys' },
  { ip: '198.51.100.7', route: 'GET /v2/api_keys/current' },
  { ip: '198.51.100.7', route: 'GET /v2/user/search' },
  { ip: '::ffff:192.0.2.2', permissions: ['review_read', 'user_read'] },
  { ip: '192.0.2.2', permissions: ['review_read', 'review_reply'] },
  { ip: '2001:db8:0:1::1', permissions: ['review_read'] },
  { ip: '2001:db8:0:2::1', permissions: ['review_read'] },
];

describe('a change of a key, rehearsed, refuses as many calls as when it is made:', () => {
  const CHANGES: [string, Record<string, unknown>][] = [
    ['fewer addresses', { ip_whitelist: ['192.0.2.0/25', '2001:db8:0:1::/64'] }],
    ['no address of these', { ip_whitelist: ['10.0.0.0/8'] }],
    ['fewer permissions', { has_restricted_permissions: true, permissions: ['review_read', 'user_read'] }],
    ['none', { has_restricted_permissions: true, permissions: [] }],
    [
      'both',
      {
        ip_whitelist: ['192.0.2.0/24', '::/0'],
        has_restricted_permissions: true,
        permissions: ['api_key_read', 'review_read', 'review_reply'],
      },
    ],
    ['a label and a date, which refuse none', { label: 'renamed', expiration_date: '2999-01-01' }],
  ];

  test.each(CHANGES)('%s', async (_, change) => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    expect(refusalsOf(await make(api_key, CALLS))).toEqual({});
    const rehearsed = await rehearse(id, { change });
    expect((await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: change })).status).toBe(200);
    const byCode = refusalsOf(await make(api_key, CALLS, false));
    const refused = Object.values(byCode).reduce((sum, count) => sum + count, 0);
    expect(rehearsed).toMatchObject({ id, days: 30, calls: CALLS.length, refused, refused_already: 0, unknown: 0 });
    expect(rehearsed.by_code).toEqual(byCode);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['a revocation', { revoke: true }, 'revoke'],
    ['a pause', { pause: true }, 'pause'],
  ])('%s', async (_, body, act) => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await make(api_key, CALLS);
    const rehearsed = await rehearse(id, body);
    expect((await call(keys.ORG_ADMIN, `POST /v2/api_keys/${act}/${id}`)).status).toBe(200);
    expect(rehearsed.by_code).toEqual(refusalsOf(await make(api_key, CALLS, false)));
    expect(rehearsed).toMatchObject({ calls: CALLS.length, refused: CALLS.length, unknown: 0 });
  });

  test('and says where the calls came from, and what they lacked, the most calls first', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await make(api_key, CALLS);
    const change = {
      ip_whitelist: ['192.0.2.0/24', '2001:db8::/32'],
      has_restricted_permissions: true,
      permissions: ['review_read'],
    };
    const { sources, permissions, since } = await rehearse(id, { days: 7, change });
    const seen = ({ network, code, count }: Answer['body']) => [network, code, count];
    expect(sources.map(seen).toSorted()).toEqual([
      ['192.0.2.1', 'PERMISSION_DENIED', 2],
      ['192.0.2.2', 'PERMISSION_DENIED', 2],
      ['192.0.2.200', 'PERMISSION_DENIED', 1],
      ['198.51.100.7', 'IP_NOT_ALLOWED', 2],
    ]);
    const counts = sources.map(({ count }: { count: number }) => count);
    expect(counts).toEqual(counts.toSorted((a: number, b: number) => b - a));
    expect(permissions.map(({ name, count }: Answer['body']) => [name, count])).toEqual([
      ['api_key_read', 3],
      expect.arrayContaining([1]),
      expect.arrayContaining([1]),
    ]);
    // The key is younger than the days that were asked for.
    expect(since).toBe((await readKey(keys.ORG_ADMIN, id)).created_at);
  });
});

describe('nothing changes by a rehearsal:', () => {
  test.each<[string, Record<string, unknown>]>([
    ['of a change', { change: { label: 'renamed', ip_whitelist: ['10.0.0.1'] } }],
    ['of a revocation', { revoke: true }],
    ['of a pause', { pause: true }],
  ])('%s of a key', async (_, body) => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await readCurrent(api_key);
    const before = await dumpDatabase();
    await rehearse(id, body);
    expect(await dumpDatabase()).toEqual(before);
    await readCurrent(api_key);
  });

  test.each<[string, Record<string, unknown>]>([
    ['of a role', { role: 'PROVIDER' }],
    ['of disabling', { disabled: true }],
    ['of deleting', { delete: true }],
  ])('%s of a user', async (_, body) => {
    const person = await createPerson(keys.PROVIDER, 'BUSINESS_MANAGER');
    const before = await dumpDatabase();
    await rehearse(person.id, body);
    expect(await dumpDatabase()).toEqual(before);
    await readCurrent(person.key);
  });

  test('a caller who may not change the user is refused, and no attempt is put on record', async () => {
    const { org_id } = await readCurrent(keys.ORG_MANAGER);
    const admin = await createUser(keys.PROVIDER, { role: 'ORG_ADMIN', org_id });
    const before = await dumpDatabase();
    const answer = await call(keys.ORG_MANAGER, `POST /v2/user/${admin}/rehearse`, { body: { disabled: true } });
    expectOutOfReach(answer, /may not give the role ORG_ADMIN/);
    expect(await dumpDatabase()).toEqual(before);
  });
});

describe('what the counts cannot tell is unknown:', () => {
  test('whether an entry narrower than a /64 lets in a call from that /64', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await make(api_key, [
      { ip: '2001:db8:0:1::1', permissions: [] },
      { ip: '2001:db8:0:1::2', permissions: [] },
      { ip: '2001:db8:0:2::1', permissions: [] },
      { ip: '192.0.2.1', permissions: [] },
    ]);
    const rehearsed = await rehearse(id, { change: { ip_whitelist: ['2001:db8:0:1::1'] } });
    expect(rehearsed).toMatchObject({ calls: 4, refused: 2, unknown: 2, by_code: { IP_NOT_ALLOWED: 2 } });
  });

  test('but a call from there that lacks a permission is refused, wherever in it the call came from', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await make(api_key, [{ ip: '2001:db8:0:1::1', permissions: ['user_read'] }]);
    const change = {
      ip_whitelist: ['2001:db8:0:1::1'],
      has_restricted_permissions: true,
      permissions: ['review_read'],
    };
    expect(await rehearse(id, { change })).toMatchObject({ refused: 1, unknown: 0, by_code: { PERMISSION_DENIED: 1 } });
  });

  test('calls that the bound on counts has dropped, unless they are refused whatever they asked for', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const networks = Array.from({ length: MAX_JOINT_ROWS + 50 }, (_, n) => `10.0.${n >> 8}.${n & 255}`);
    await addCounts(...networks.map((network) => ({ keyId: id, network })));
    const calls = networks.length;
    expect(await rehearse(id, { change: { ip_whitelist: ['10.0.0.0/8'] } })).toMatchObject({
      ...{ calls, refused: 0, unknown: 50 },
    });
    expect(await rehearse(id, { change: { ip_whitelist: ['192.0.2.1'] } })).toMatchObject({
      ...{ calls, refused: MAX_JOINT_ROWS, unknown: 50 },
    });
    expect(await rehearse(id, { revoke: true })).toMatchObject({
      ...{ calls, refused: calls, unknown: 0, by_code: { REVOKED: calls } },
    });
  });

  test('the lists are bounded, and the sums are not', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    await addCounts(...Array.from({ length: 150 }, (_, n) => ({ keyId: id, network: `10.0.0.${n}`, count: n + 1 })));
    const rehearsed = await rehearse(id, { revoke: true });
    expect(rehearsed.refused).toBe((150 * 151) / 2);
    expect(rehearsed.sources).toHaveLength(100);
    expect(rehearsed.sources[0]).toMatchObject({ network: '10.0.0.149', count: 150 });
  });
});

describe('the calls are judged', () => {
  test('at their time: a key that has expired since refuses none of them', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const date = new Date((today - 1) * DAY_MS).toISOString().slice(0, 10);
    await alter('UPDATE api_keys SET expiration_date = ? WHERE id = ?', date, id);
    await addCounts({ keyId: id, hour: (today - 2) * 24, count: 3 }, { keyId: id, hour: today * 24, count: 5 });
    const rehearsed = await rehearse(id, { change: { label: 'renamed', expiration_date: date } });
    expect(rehearsed).toMatchObject({ calls: 8, refused: 5, refused_already: 5, by_code: { EXPIRED: 5 } });
    // Postponed, the key lets them in.
    expect(await rehearse(id, { change: { expiration_date: '2999-01-01' } })).toMatchObject({ calls: 8, refused: 0 });
  });

  test('of the days that were asked for', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    await addCounts({ keyId: id, hour: (today - 40) * 24, count: 3 }, { keyId: id, hour: (today - 29) * 24, count: 5 });
    expect(await rehearse(id, { revoke: true })).toMatchObject({ days: 30, calls: 5 });
    expect(await rehearse(id, { days: 90, revoke: true })).toMatchObject({ days: 90, calls: 8 });
    expect(await rehearse(id, { days: 1, revoke: true })).toMatchObject({ days: 1, calls: 0, refused: 0, by_code: {} });
  });

  test('with a present pause set aside, unless it is a pause that is rehearsed', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await make(api_key, CALLS.slice(0, 4));
    expect((await call(keys.ORG_ADMIN, `POST /v2/api_keys/pause/${id}`)).status).toBe(200);
    const change = { ip_whitelist: ['192.0.2.1'] };
    expect(await rehearse(id, { change })).toMatchObject({ refused: 1, refused_already: 0 });
    expect(await rehearse(id, { pause: true })).toMatchObject({ refused: 4, refused_already: 4 });
    const { user_id } = await readKey(keys.ORG_ADMIN, id);
    expect((await rehearse(user_id, { role: 'ORG_MANAGER' })).by_code).not.toHaveProperty('PAUSED');
  });

  test('by whichever secret they were made, as long as it worked', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await make(api_key, CALLS.slice(0, 4));
    const rotated = await call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { body: {} });
    await make(rotated.body.api_key, CALLS.slice(0, 4));
    expect(await rehearse(id, { change: { ip_whitelist: ['192.0.2.1'] } })).toMatchObject({ calls: 8, refused: 2 });
  });

  test('also by the key as it stands: what that refuses too is told apart', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await make(api_key, CALLS);
    const body = { ip_whitelist: ['192.0.2.0/24', '2001:db8::/32'] };
    expect((await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body })).status).toBe(200);
    const change = { ip_whitelist: ['192.0.2.0/25', '2001:db8::/32'] };
    expect(await rehearse(id, { change })).toMatchObject({ refused: 3, refused_already: 2 });
    expect(await rehearse(id, { change: { ip_whitelist: [] } })).toMatchObject({ refused: 0, refused_already: 0 });
  });
});

describe('the body of a rehearsal', () => {
  const rehearseKey = (id: number, body: unknown) => call(keys.ORG_ADMIN, `POST /v2/api_keys/rehearse/${id}`, { body });

  test.each<[string, unknown, string[]]>([
    ['names something', {}, ['body']],
    ['names one thing', { revoke: true, pause: true }, ['body']],
    ['does not say no', { revoke: false }, ['revoke']],
    ['has no other field', { revoke: true, disabled: true }, ['disabled']],
    ['has days that are kept', { revoke: true, days: 91 }, ['days']],
    ['has a day', { revoke: true, days: 0 }, ['days']],
    ['has whole days', { revoke: true, days: 1.5 }, ['days']],
    ['has days that are a number', { revoke: true, days: '7' }, ['days']],
    ['has a change that is an object', { change: [] }, ['change']],
    ['is an object', [], ['body']],
  ])('%s', async (_, body, fields) => {
    const { id } = await createKey(keys.ORG_ADMIN);
    expectInvalid(await rehearseKey(id, body), fields);
  });

  test.each<[string, unknown, string[]]>([
    ['names something', {}, ['body']],
    ['names one thing', { role: 'PUBLISHER', disabled: true }, ['body']],
    ['does not say no', { disabled: false }, ['disabled']],
    ['has a role that there is', { role: 'KING' }, ['role']],
    ['has days that are kept', { delete: true, days: 91 }, ['days']],
  ])('of a user %s', async (_, body, fields) => {
    const id = await createUser(keys.ORG_ADMIN, { role: 'PUBLISHER' });
    expectInvalid(await call(keys.ORG_ADMIN, `POST /v2/user/${id}/rehearse`, { body }), fields);
  });

  test.each<[string, Record<string, unknown>]>([
    ['a date that has come', { expiration_date: '2020-01-01' }],
    ['a list of what are no networks', { ip_whitelist: ['192.0.2.1', '010.0.0.1', 'here'] }],
    ['permissions without their restriction', { permissions: ['review_read'] }],
    ['a permission that depends on another', { has_restricted_permissions: true, permissions: ['review_reply'] }],
    ['a field that no one knows', { ip_allowlist: [] }],
    [
      'all at once',
      {
        label: '',
        expiration_date: '2020-01-01',
        ip_whitelist: ['here'],
        has_restricted_permissions: true,
        permissions: ['nonsense'],
      },
    ],
  ])('is refused for a change as the change is: %s', async (_, change) => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const put = await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: change });
    const rehearsed = await rehearseKey(id, { change });
    expect([put.status, rehearsed.status]).toEqual([400, 400]);
    const within = Object.entries(put.body.errors.json).map(([field, message]) => [`change.${field}`, message]);
    expect(rehearsed.body.errors.json).toEqual(Object.fromEntries(within));
  });

  test('accepts what was read of a key, as PUT does', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    expect((await rehearseKey(id, { change: await readKey(keys.ORG_ADMIN, id) })).status).toBe(200);
  });

  test('cannot change or pause a revoked key; to revoke it again refuses what it refuses already', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await make(api_key, CALLS.slice(0, 4));
    expect((await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`)).status).toBe(200);
    expectInvalid(await rehearseKey(id, { change: { label: 'renamed' } }), ['change.disabled']);
    expectInvalid(await rehearseKey(id, { pause: true }), ['pause']);
    expect(await rehearse(id, { revoke: true })).toMatchObject({ calls: 4, refused: 4, refused_already: 4 });
  });
});

test('the patch that applies both suggestions of the usage report refuses none of the calls', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  // More networks than are listed one by one.
  const more = Array.from(
    { length: 12 },
    (_, n): Made => ({ ip: `203.0.113.${n * 5}`, permissions: ['review_reply'] }),
  );
  await make(api_key, [...CALLS, ...more]);
  const { body: report } = await call(keys.ORG_ADMIN, `GET /v2/api_keys/usage/${id}`);
  const change = {
    ip_whitelist: report.suggested_ip_whitelist,
    has_restricted_permissions: true,
    permissions: report.suggested_permissions,
  };
  expect(change.permissions).not.toContain('api_key_manage');
  const calls = CALLS.length + more.length;
  expect(await rehearse(id, { change })).toMatchObject({ calls, refused: 0, unknown: 0 });
  expect((await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: change })).status).toBe(200);
  expect(refusalsOf(await make(api_key, [...CALLS, ...more], false))).toEqual({});
  expect(await make(api_key, [{ ip: '192.0.2.99', permissions: [] }], false)).toEqual(['IP_NOT_ALLOWED']);
});

describe('a change of a user, rehearsed over all of its keys, refuses as many calls as when it is made:', () => {
  async function madeCalls(): Promise<{ person: Person; second: Answer['body']; codes: () => Promise<string[]> }> {
    const orgId = await createOrganisation(keys.PROVIDER);
    const person = await createPerson(keys.PROVIDER, 'ORG_MANAGER', orgId);
    const second = await createKey(person.key, { label: 'second', ip_whitelist: ['192.0.2.0/24'] });
    const withSecond = CALLS.slice(0, 4);
    await make(person.key, CALLS);
    await make(second.api_key, withSecond);
    const codes = async () => [
      ...(await make(person.key, CALLS, false)),
      ...(await make(second.api_key, withSecond, false)),
    ];
    return { person, second, codes };
  }

  test.each<[string, Record<string, unknown>, (id: string) => Promise<Answer>]>([
    [
      'a role',
      { role: 'PUBLISHER' },
      (id) => call(keys.PROVIDER, `POST /v2/user/${id}`, { body: { role: 'PUBLISHER' } }),
    ],
    ['disabling', { disabled: true }, (id) => call(keys.PROVIDER, `POST /v2/user/${id}`, { body: { disabled: true } })],
    ['deleting', { delete: true }, (id) => call(keys.PROVIDER, `DELETE /v2/user/${id}`)],
  ])('%s', async (_, body, act) => {
    const { person, second, codes } = await madeCalls();
    const rehearsed = await rehearse(person.id, body);
    expect((await act(person.id)).status).toBe(200);
    const byCode = refusalsOf(await codes());
    const refused = Object.values(byCode).reduce((sum, count) => sum + count, 0);
    expect(refused).toBeGreaterThan(0);
    expect(rehearsed).toMatchObject({ id: person.id, calls: CALLS.length + 4, refused, unknown: 0 });
    expect(rehearsed.by_code).toEqual(byCode);
    const listed = new Map(rehearsed.keys.map((key: { id: number }) => [key.id, key]));
    expect(listed.get(person.keyId)).toMatchObject({ label: 'a key', calls: CALLS.length });
    expect(listed.get(second.id)).toMatchObject({ label: 'second', calls: 4 });
    expect(rehearsed).not.toHaveProperty('revoked_api_keys');
  });

  /** An administrator, who can be demoted, and someone with a key that the administrator made. */
  async function madeForAnother() {
    const orgId = await createOrganisation(keys.PROVIDER);
    await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId);
    const admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId);
    const userId = await createUser(admin.key, { role: 'BUSINESS_MANAGER' });
    return { admin, userId, made: await createKey(admin.key, { user_id: userId, label: 'given' }) };
  }

  test('a promotion: the key that its maker knows counts as revoked, and is named', async () => {
    const { admin, userId, made } = await madeForAnother();
    const own = await createKey(made.api_key, { label: 'own' });
    await make(made.api_key, CALLS.slice(0, 3));
    await make(own.api_key, CALLS.slice(0, 2));
    // By a secret before the one in use: the whole key is revoked.
    await addCounts({ keyId: made.id, count: 4 });
    await changeUser(keys.PROVIDER, admin.id, { role: 'PUBLISHER' });
    const rehearsed = await rehearse(userId, { role: 'ORG_MANAGER' });
    expect(rehearsed).toMatchObject({ calls: 9, refused: 7, by_code: { REVOKED: 7 } });
    expect(rehearsed.revoked_api_keys).toEqual([{ id: made.id, label: 'given' }]);
    expect(rehearsed.keys).toEqual([
      { id: made.id, label: 'given', calls: 7, refused: 7 },
      { id: own.id, label: 'own', calls: 2, refused: 0 },
    ]);
    const raised = await call(keys.PROVIDER, `POST /v2/user/${userId}`, { body: { role: 'ORG_MANAGER' } });
    expect(raised.body.revoked_api_keys).toEqual(rehearsed.revoked_api_keys);
  });

  test('a promotion that ends a secret in its overlap: the calls by that secret count as revoked', async () => {
    const { admin, userId, made } = await madeForAnother();
    await make(made.api_key, CALLS.slice(0, 3));
    // The secrets of a key are told apart by the millisecond in which they were made.
    await vi.waitFor(async () => expect(Date.now()).toBeGreaterThan(Number((await secretsOf(made.id))[0])));
    const overlap = { body: { overlap_seconds: 3600 } };
    const rotated = await call(made.api_key, `POST /v2/api_keys/rotate/${made.id}`, overlap);
    await make(rotated.body.api_key, CALLS.slice(0, 2));
    await changeUser(keys.PROVIDER, admin.id, { role: 'PUBLISHER' });
    const rehearsed = await rehearse(userId, { role: 'ORG_ADMIN' });
    expect(rehearsed).toMatchObject({ calls: 5, refused: 3, by_code: { REVOKED: 3 } });
    expect(rehearsed).not.toHaveProperty('revoked_api_keys');
    expect((await call(keys.PROVIDER, `POST /v2/user/${userId}`, { body: { role: 'ORG_ADMIN' } })).status).toBe(200);
    expect(await make(made.api_key, CALLS.slice(0, 1), false)).toEqual(['REVOKED']);
    expect(await make(rotated.body.api_key, CALLS.slice(0, 1), false)).toEqual(['VALID']);
  });

  test('it is refused as the change is', async () => {
    const orgId = await createOrganisation(keys.PROVIDER);
    const last = await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId);
    const route = `POST /v2/user/${last.id}/rehearse`;
    const by = (key: string, body: unknown) => call(key, route, { body });
    expectInvalid(await by(last.key, { disabled: true }), ['disabled']);
    expectInvalid(await by(last.key, { delete: true }), ['id']);
    expectInvalid(await by(keys.PROVIDER, { role: 'PUBLISHER' }), ['role']);
    expectInvalid(await by(keys.PROVIDER, { delete: true }), ['id']);
    expectInvalid(await by(keys.PROVIDER, { role: 'PROVIDER' }), ['role']);
    const narrow = await createKey(last.key, { ip_whitelist: ['203.0.113.7'] });
    const manager = await createUser(last.key, { role: 'GROUP_MANAGER' });
    const raise = { body: { role: 'ORG_ADMIN' } };
    expectOutOfReach(await call(narrow.api_key, `POST /v2/user/${manager}/rehearse`, raise), /nothing narrows/);
    expectNotFound(await call(keys.ORG_ADMIN, route, { body: { disabled: true } }));
  });

  test('keys that were revoked within the days count, those before are left out, and too many are a 400', async () => {
    const person = await createPerson(keys.PROVIDER, 'PUBLISHER');
    const revoke = (id: number, daysAgo: number) =>
      alter('UPDATE api_keys SET revoked_at = ? WHERE id = ?', (today - daysAgo) * DAY_MS, id);
    const recent = await createKey(keys.PROVIDER, { user_id: person.id });
    const old = await createKey(keys.PROVIDER, { user_id: person.id });
    await addCounts({ keyId: recent.id, count: 2 }, { keyId: old.id, count: 3 });
    await revoke(recent.id, 3);
    await revoke(old.id, 40);
    const rehearsed = await rehearse(person.id, { disabled: true });
    expect(rehearsed).toMatchObject({ calls: 2, refused: 2, refused_already: 2, by_code: { REVOKED: 2 } });

    const columns = (await readRows('SELECT name FROM pragma_table_info(?)', 'api_keys')).map(({ name }) =>
      String(name),
    );
    const others = columns.filter((name) => name !== 'id').join(', ');
    const add = async (count: number) => {
      await alter(
        `INSERT INTO api_keys (${others}) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         SELECT ${others} FROM api_keys, n WHERE api_keys.id = ?`,
        count,
        person.keyId,
      );
      await alter(
        `INSERT INTO api_key_secrets (hash, key_id, created_at) SELECT 'hash ' || id, id, 1 FROM api_keys
         WHERE user_id = ? AND id NOT IN (SELECT key_id FROM api_key_secrets)`,
        person.id,
      );
    };
    await add(198);
    expect(await rehearse(person.id, { disabled: true })).toMatchObject({ calls: 2 });
    await add(1);
    const answer = await call(keys.PROVIDER, `POST /v2/user/${person.id}/rehearse`, { body: { disabled: true } });
    expectInvalid(answer, ['id']);
  });
});

async function secretsOf(id: number): Promise<unknown[]> {
  const rows = await readRows('SELECT created_at FROM api_key_secrets WHERE key_id = ? ORDER BY created_at DESC', id);
  return rows.map(({ created_at }) => created_at);
}

test('while usage cannot be read, a rehearsal is a 503', async () => {
  const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
  const { id } = await createKey(keys.ORG_ADMIN);
  const user = await createUser(keys.PROVIDER, { role: 'PUBLISHER' });
  const USAGE_DB = new Proxy(env.USAGE_DB, {
    get: () => () => {
      throw new Error('Out of reach');
    },
  });
  const over = { env: { USAGE_DB } };
  expectUnavailable(
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/rehearse/${id}`, { ...over, body: { revoke: true } }),
  );
  expectUnavailable(
    await call(keys.PROVIDER, `POST /v2/user/${user}/rehearse`, { ...over, body: { role: 'ORG_ADMIN' } }),
  );
  expect(JSON.stringify(logged.mock.calls)).toContain('Out of reach');
  logged.mockRestore();
});
