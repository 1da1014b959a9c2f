import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { hashApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { type Answer, type CallOptions, call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { eventsOf } from '../support/events.ts';
import {
  expectForbidden,
  expectInvalid,
  expectNotFound,
  expectOutOfReach,
  expectUnauthenticated,
} from '../support/expect-error.ts';
import { EFFECTIVE_BY, KEY_FIELDS } from '../support/key-fields.ts';
import { NARROW_KEYS } from '../support/narrow-keys.ts';
import { type OwnIsolate, openIsolate } from '../support/own-isolate.ts';
import { createPerson, deleteUser } from '../support/people.ts';
import { alter, countRows, readRows, writingNothing } from '../support/stored.ts';

const MONTH_SECONDS = 2_592_000;

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

function rotate(by: string, id: number | string, body: unknown = {}, options: CallOptions = {}): Promise<Answer> {
  return call(by, `POST /v2/api_keys/rotate/${id}`, { body, ...options });
}

/** Rotates a key and gives the new secret. */
async function rotated(by: string, id: number, overlapSeconds?: number, endsPrevious?: boolean): Promise<string> {
  const { status, body } = await rotate(by, id, { overlap_seconds: overlapSeconds, end_previous: endsPrevious });
  if (status !== 200) throw new Error(`It was not rotated: ${status} ${JSON.stringify(body)}`);
  return body.api_key;
}

function use(apiKey: string): Promise<Answer> {
  return call(apiKey, 'GET /v2/api_keys/current');
}

/** The secrets of a key, the oldest first: the sealed form, and when each stops working. */
function secretsOf(keyId: number): Promise<Record<string, unknown>[]> {
  return readRows(
    'SELECT hash, sealed, created_at, retires_at FROM api_key_secrets WHERE key_id = ? ORDER BY rowid',
    keyId,
  );
}

/** Rotates a key in an isolate whose clock the test sets, and gives both secrets. */
async function rotateIn(isolate: OwnIsolate, id: number, overlapSeconds: number): Promise<string> {
  const { status, body } = await isolate.call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, {
    body: { overlap_seconds: overlapSeconds },
  });
  expect(status).toBe(200);
  return body.api_key;
}

async function codeIn(isolate: OwnIsolate, apiKey: string, bindings: Partial<Env> = {}): Promise<string> {
  const { status, body } = await isolate.call(apiKey, 'GET /v2/api_keys/current', { bindings });
  return status === 200 ? 'VALID' : body.code;
}

function outOfReach<Binding extends object>(binding: Binding): Binding {
  return new Proxy(binding, {
    get: () => {
      throw new Error('Out of reach');
    },
  });
}

test('the answer is the key object with the new secret, of which only the hint is another', async () => {
  const made = await createKey(keys.ORG_ADMIN, {
    label: 'a label',
    description: 'for this',
    ip_whitelist: ['203.0.113.7'],
  });
  const { status, headers, body } = await rotate(keys.ORG_ADMIN, made.id);
  expect(status).toBe(200);
  expect(headers.get('Cache-Control')).toBe('no-store');
  expect(Object.keys(body)).toEqual([...KEY_FIELDS, 'effective_by', 'api_key']);
  expect(body.api_key).toMatch(/^lk_[0-9A-Za-z]{49}$/);
  expect(body.api_key).not.toBe(made.api_key);
  expect(body).toEqual({
    ...made,
    effective_by: EFFECTIVE_BY,
    api_key: body.api_key,
    key_hint: `lk_…${body.api_key.slice(-4)}`,
  });
  const { api_key: _, effective_by, ...shown } = body;
  expect(await readKey(keys.ORG_ADMIN, made.id)).toEqual(shown);
});

test('the new secret works at once, with all that the key is', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['203.0.113.7'] });
  const before = await readCurrent(api_key);
  const next = await rotated(keys.ORG_ADMIN, id);
  expect(await readCurrent(next)).toEqual(before);
  expect((await call(next, 'GET /v2/api_keys/current', { ip: '192.0.2.1' })).body.code).toBe('IP_NOT_ALLOWED');
});

test.each<[string, unknown]>([
  ['no overlap', {}],
  ['an overlap of 0', { overlap_seconds: 0 }],
])('with %s the old secret is refused from the next call on, though it was in use', async (_, body) => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  await readCurrent(api_key);
  expect((await rotate(keys.ORG_ADMIN, id, body)).status).toBe(200);
  expectUnauthenticated(await use(api_key), 'REVOKED');
});

test('a key may rotate itself', async () => {
  const { id, api_key } = await createKey(keys.BUSINESS_MANAGER);
  const next = await rotated(api_key, id);
  expectUnauthenticated(await use(api_key), 'REVOKED');
  expect((await readCurrent(next)).id).toBe(id);
});

test.each([1, 3600, MONTH_SECONDS])(
  'for an overlap of %d s the old secret works, and not at its end',
  async (seconds) => {
    const isolate = openIsolate();
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    expect(await codeIn(isolate, api_key)).toBe('VALID');
    const rotatedAt = isolate.now;
    const next = await rotateIn(isolate, id, seconds);
    expect(await codeIn(isolate, api_key)).toBe('VALID');

    isolate.now = rotatedAt + seconds * 1000 - 1;
    expect(await codeIn(isolate, api_key)).toBe('VALID');
    isolate.now += 1;
    expect(await codeIn(isolate, api_key)).toBe('REVOKED');
    expect(await codeIn(isolate, next)).toBe('VALID');

    // An isolate that never knew it reads the same.
    const stranger = openIsolate();
    stranger.now = isolate.now;
    expect(await codeIn(stranger, api_key)).toBe('REVOKED');
    expect(await codeIn(stranger, next)).toBe('VALID');
  },
);

test('an isolate that has the old secret in memory ends the overlap on its own', async () => {
  const isolate = openIsolate();
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  const rotatedAt = isolate.now;
  await rotateIn(isolate, id, 5);
  expect(await codeIn(isolate, api_key)).toBe('VALID');
  // Neither D1 nor KV can tell it anything now.
  const alone = { DB: outOfReach(env.DB), KEY_CACHE: outOfReach(env.KEY_CACHE) };
  isolate.now = rotatedAt + 4_999;
  expect(await codeIn(isolate, api_key, alone)).toBe('VALID');
  isolate.now = rotatedAt + 5_000;
  expect(await codeIn(isolate, api_key, alone)).toBe('REVOKED');
});

test('the end of an overlap holds where the secret is first used after it', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  await rotated(keys.ORG_ADMIN, id, 3600);
  await alter('UPDATE api_key_secrets SET retires_at = 1 WHERE hash = ?', await hashApiKey(api_key));
  expectUnauthenticated(await use(api_key), 'REVOKED');
});

test('the overlap never goes beyond the expiry of the key', async () => {
  const isolate = openIsolate();
  const day = new Date(isolate.now + 2 * 24 * 3600 * 1000).toISOString().slice(0, 10);
  const expiresAt = Date.parse(`${day}T00:00:00Z`);
  const { id, api_key } = await createKey(keys.ORG_ADMIN, { expiration_date: day });
  const next = await rotateIn(isolate, id, MONTH_SECONDS);
  expect((await secretsOf(id)).map(({ retires_at }) => retires_at)).toEqual([expiresAt, null]);

  isolate.now = expiresAt - 1;
  expect([await codeIn(isolate, api_key), await codeIn(isolate, next)]).toEqual(['VALID', 'VALID']);
  isolate.now = expiresAt;
  expect([await codeIn(isolate, api_key), await codeIn(isolate, next)]).toEqual(['REVOKED', 'EXPIRED']);

  // Also not when the key is given more time afterwards.
  await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: { expiration_date: null } });
  const later = openIsolate();
  later.now = expiresAt;
  expect([await codeIn(later, api_key), await codeIn(later, next)]).toEqual(['REVOKED', 'VALID']);
});

test('an overlap that ends before the expiry ends when it was to', async () => {
  const isolate = openIsolate();
  const { id } = await createKey(keys.ORG_ADMIN, { expiration_date: '2999-12-31' });
  await rotateIn(isolate, id, 60);
  expect((await secretsOf(id)).map(({ retires_at }) => retires_at)).toEqual([isolate.now + 60_000, null]);
});

test('an expired key can be rotated, and neither secret works', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", id);
  const next = await rotated(keys.ORG_ADMIN, id, 3600);
  expectUnauthenticated(await use(api_key), 'REVOKED');
  expectUnauthenticated(await use(next), 'EXPIRED');
});

test.each<[string, unknown]>([
  ['the same again', { overlap_seconds: 3600 }],
  ['none of its own', {}],
  ['end_previous of false', { overlap_seconds: 60, end_previous: false }],
])('within an overlap, a rotation with %s is a 400 that says until when, and both secrets work', async (_, body) => {
  const isolate = openIsolate();
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  const next = await rotateIn(isolate, id, 3600);
  const until = new Date(isolate.now + 3_600_000).toISOString();
  isolate.now += 3_599_999;
  const again = await writingNothing(() => isolate.call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { body }));
  expectInvalid(again, ['end_previous']);
  expect(again.body.errors.json.end_previous).toContain(until);
  expect([await codeIn(isolate, api_key), await codeIn(isolate, next)]).toEqual(['VALID', 'VALID']);

  // At the end of the overlap there is nothing to keep.
  isolate.now += 1;
  expect((await isolate.call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { body })).status).toBe(200);
});

test('a rotation within an overlap that is refused takes nothing from the secrets that may leave', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  await rotated(keys.ORG_ADMIN, id, 3600);
  let charged = 0;
  const limit = async () => {
    charged += 1;
    return { success: true };
  };
  expectInvalid(await rotate(keys.ORG_ADMIN, id, {}, { env: { SECRETS_RATE_LIMIT: { limit } } }), ['end_previous']);
  expect(charged).toBe(0);
});

test('a rotation that is told to end the overlap before it does so: two secrets work at most', async () => {
  const { id, api_key: first } = await createKey(keys.ORG_ADMIN);
  const second = await rotated(keys.ORG_ADMIN, id, 3600);
  expect([(await use(first)).status, (await use(second)).status]).toEqual([200, 200]);
  const third = await rotated(keys.ORG_ADMIN, id, 3600, true);
  expectUnauthenticated(await use(first), 'REVOKED');
  expect([(await use(second)).status, (await use(third)).status]).toEqual([200, 200]);
  const fourth = await rotated(keys.ORG_ADMIN, id, undefined, true);
  for (const old of [first, second, third]) expectUnauthenticated(await use(old), 'REVOKED');
  expect((await readCurrent(fourth)).id).toBe(id);
});

test('a second rotation does not lengthen or revive what ended before', async () => {
  const isolate = openIsolate();
  const start = isolate.now;
  const { id, api_key: first } = await createKey(keys.ORG_ADMIN);
  await rotateIn(isolate, id, 60);
  isolate.now = start + 120_000;
  await rotateIn(isolate, id, 3600);
  expect((await secretsOf(id)).map(({ retires_at }) => retires_at)).toEqual([
    start + 60_000,
    start + 120_000 + 3_600_000,
    null,
  ]);
  expect(await codeIn(isolate, first)).toBe('REVOKED');
});

test('a rotation leaves the overlaps of other keys alone', async () => {
  const [one, other] = [await createKey(keys.ORG_ADMIN), await createKey(keys.ORG_ADMIN)];
  await rotated(keys.ORG_ADMIN, one.id, 3600);
  await rotated(keys.ORG_ADMIN, other.id, 3600);
  await rotated(keys.ORG_ADMIN, other.id, 3600, true);
  expect((await readCurrent(one.api_key)).id).toBe(one.id);
});

test('to revoke a key ends both its secrets', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  const next = await rotated(keys.ORG_ADMIN, id, 3600);
  expect([(await use(api_key)).status, (await use(next)).status]).toEqual([200, 200]);
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
  expectUnauthenticated(await use(api_key), 'REVOKED');
  expectUnauthenticated(await use(next), 'REVOKED');
});

test('a change of the key holds for both its secrets', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  const next = await rotated(keys.ORG_ADMIN, id, 3600);
  for (const secret of [api_key, next]) await readCurrent(secret);
  await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: { ip_whitelist: ['192.0.2.1'] } });
  for (const secret of [api_key, next]) expectForbidden(await use(secret), 'IP_NOT_ALLOWED');
});

test('when its user is deleted, both secrets of a key go', async () => {
  const { id: userId, key, keyId } = await createPerson(keys.PROVIDER, 'BUSINESS_MANAGER');
  const next = await rotated(key, keyId, 3600);
  await deleteUser(keys.PROVIDER, userId);
  for (const secret of [key, next]) expectUnauthenticated(await use(secret), 'UNKNOWN_KEY');
  expect(await secretsOf(keyId)).toEqual([]);
});

test('a secret that was rotated out keeps its hash and loses its sealed form, overlap or not', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  const [made] = await secretsOf(id);
  const second = await rotated(keys.ORG_ADMIN, id, 3600);
  const third = await rotated(keys.ORG_ADMIN, id, 0, true);
  const secrets = await secretsOf(id);
  expect(secrets.map(({ hash }) => hash)).toEqual(await Promise.all([api_key, second, third].map(hashApiKey)));
  expect(secrets.map(({ sealed }) => sealed)).toEqual([null, null, expect.stringMatching(/^v1\.test\./)]);
  expect(secrets[2]?.sealed).not.toBe(made?.sealed);

  await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
  expect(await secretsOf(id)).toEqual(secrets.map((secret) => ({ ...secret, sealed: null })));
});

test('a key is found by a secret that was rotated out', async () => {
  const { id, api_key } = await createKey(keys.BUSINESS_MANAGER);
  const next = await rotated(keys.BUSINESS_MANAGER, id);
  for (const secret of [api_key, next]) {
    const { status, body } = await call(keys.ORG_ADMIN, 'POST /v2/api_keys/find', { body: { api_key: secret } });
    expect({ status, id: body.id, key_hint: body.key_hint }).toEqual({
      status: 200,
      id,
      key_hint: `lk_…${next.slice(-4)}`,
    });
  }
});

test('a list is searched by the new hint', async () => {
  const { id, key_hint } = await createKey(keys.ORG_ADMIN);
  const next = await rotated(keys.ORG_ADMIN, id);
  const search = async (text: string) => {
    const { body } = await call(
      keys.ORG_ADMIN,
      `GET /v2/api_keys?per_page=100&search_text=${encodeURIComponent(text)}`,
    );
    return body.api_keys.map((key: { id: number }) => key.id);
  };
  expect(await search(`…${next.slice(-4)}`)).toContain(id);
  expect(await search(key_hint)).not.toContain(id);
});

test.each<[string, unknown, string[]]>([
  ['an overlap below 0', { overlap_seconds: -1 }, ['overlap_seconds']],
  ['an overlap above 30 days', { overlap_seconds: 2_592_001 }, ['overlap_seconds']],
  ['an overlap of part of a second', { overlap_seconds: 1.5 }, ['overlap_seconds']],
  ['an overlap in text', { overlap_seconds: '1' }, ['overlap_seconds']],
  ['an overlap of null', { overlap_seconds: null }, ['overlap_seconds']],
  ['an overlap that is too large for a number', '{"overlap_seconds":1e999}', ['overlap_seconds']],
  ['a field that no one knows', { overlap: 60 }, ['overlap']],
  ['an answer in text to whether the overlap may end', { end_previous: 'true' }, ['end_previous']],
  ['two faults', { overlap_seconds: -1, overlap: 60 }, ['overlap_seconds', 'overlap']],
  ['a list', [], ['body']],
  ['no JSON', '{', ['body']],
])('a body with %s is a 400 and rotates nothing', async (_, body, fields) => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  expectInvalid(await writingNothing(() => rotate(keys.ORG_ADMIN, id, body)), fields);
  expect((await readCurrent(api_key)).id).toBe(id);
});

test('a revoked key is not rotated', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
  expectInvalid(await writingNothing(() => rotate(keys.ORG_ADMIN, id)), ['disabled']);
});

test.each(NARROW_KEYS)('a key with %s does not rotate a wider one', async (_, fields, message) => {
  const wide = await createKey(keys.ORG_ADMIN);
  const narrow = await createKey(keys.ORG_ADMIN, fields);
  expectOutOfReach(await writingNothing(() => rotate(narrow.api_key, wide.id)), message);
  expect((await readCurrent(wide.api_key)).id).toBe(wide.id);
  // What lies within it, it rotates.
  const within = await createKey(keys.ORG_ADMIN, fields);
  expect((await rotate(narrow.api_key, within.id)).status).toBe(200);
});

test.each(['ORG_ADMIN', 'PROVIDER'] as const)("a %s does not rotate another user's personal key", async (role) => {
  const { id, api_key } = await createKey(keys.BUSINESS_MANAGER);
  expectOutOfReach(await writingNothing(() => rotate(keys[role], id)), /another user/i);
  expect((await readCurrent(api_key)).id).toBe(id);
});

test.each(['ORG_ADMIN', 'PROVIDER'] as const)('a %s rotates a main key', async (role) => {
  const main = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
  expect((await readCurrent(await rotated(keys[role], main.id))).id).toBe(main.id);
});

test.each(['ORG_MANAGER', 'GROUP_MANAGER', 'BUSINESS_MANAGER'] as const)(
  'to a %s there is no main key to rotate, and no key of another user',
  async (role) => {
    const main = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    const personal = await createKey(keys.ORG_ADMIN);
    for (const { id } of [main, personal]) expectNotFound(await writingNothing(() => rotate(keys[role], id)));
  },
);

test.each(['999999', '0', 'none'])('there is no key %s to rotate', async (id) => {
  expectNotFound(await rotate(keys.ORG_ADMIN, id));
});

test('to rotate a key needs api_key_manage', async () => {
  const reader = await createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions: ['api_key_read'] });
  expectForbidden(await writingNothing(() => rotate(reader.api_key, reader.id)), 'PERMISSION_DENIED');
  expectForbidden(await rotate(keys.PUBLISHER, (await readCurrent(keys.PUBLISHER)).id), 'PERMISSION_DENIED');
});

test('a rotation is one row in the feed and one audit event, which says from which hint to which', async () => {
  const made = await createKey(keys.ORG_ADMIN);
  const before = await countRows();
  const { result, events } = await eventsOf(keys.PROVIDER, () =>
    rotate(keys.ORG_ADMIN, made.id, { overlap_seconds: 60 }),
  );
  expect(events).toHaveLength(1);
  expect(events[0]).toMatchObject({
    action: 'api_key.rotated',
    api_key_id: made.id,
    changes: { key_hint: [made.key_hint, result.body.key_hint] },
  });
  expect(await countRows()).toEqual({
    ...before,
    api_key_secrets: Number(before.api_key_secrets) + 1,
    key_changes: Number(before.key_changes) + 1,
    audit_events: Number(before.audit_events) + 1,
  });
});

test('of a rotation that ended an overlap, the event says so; of one that found none to end, not', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  const changesOf = async () => {
    const { events } = await eventsOf(keys.PROVIDER, () => rotated(keys.ORG_ADMIN, id, 60, true));
    return events[0]?.changes;
  };
  expect(await changesOf()).toEqual({ key_hint: expect.any(Array), overlap_seconds: 60 });
  expect(await changesOf()).toEqual({ key_hint: expect.any(Array), overlap_seconds: 60, end_previous: true });
});

test('when the rotation cannot be written down, the old secret stays and no new one leaves', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  const before = await secretsOf(id);
  await readRows("CREATE TRIGGER no_log BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'full'); END");
  const answer = await rotate(keys.ORG_ADMIN, id);
  await readRows('DROP TRIGGER no_log');
  expect(answer.status).toBe(500);
  expect(JSON.stringify(answer.body)).not.toContain('lk_');
  expect(await secretsOf(id)).toEqual(before);
  expect((await readCurrent(api_key)).id).toBe(id);
});
