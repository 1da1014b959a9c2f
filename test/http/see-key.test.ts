import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import type { Role } from '../../src/domain/permissions/roles.ts';
import { type Answer, type CallOptions, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { eventsOf } from '../support/events.ts';
import {
  expectForbidden,
  expectInternal,
  expectInvalid,
  expectNotFound,
  expectOutOfReach,
  expectRateLimited,
} from '../support/expect-error.ts';
import { NARROW_KEYS } from '../support/narrow-keys.ts';
import { createOrganisation, createPerson, type Person } from '../support/people.ts';
import { alter, countRows, dumpDatabase, readRows } from '../support/stored.ts';

/** Looks are limited to ten a minute for each user: each test of that has users of its own. */
const LIMITED: CallOptions = { env: { SECRETS_RATE_LIMIT: env.SECRETS_RATE_LIMIT } };

let keys: RoleKeys;
let orgId: number;
beforeAll(async () => {
  keys = await deploy();
  orgId = await createOrganisation(keys.PROVIDER);
});

function see(by: string, id: number | string, options: CallOptions = {}): Promise<Answer> {
  return call(by, `GET /v2/api_keys/key/${id}`, options);
}

function someone(role: Role = 'ORG_ADMIN'): Promise<Person> {
  return createPerson(keys.PROVIDER, role, role === 'PROVIDER' ? undefined : orgId);
}

function expectSeen(answer: Answer, key: { id: number; api_key: string }) {
  expect(answer.body).toEqual({ id: key.id, api_key: key.api_key });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('Cache-Control')).toBe('no-store');
}

const EVERY_ROLE: Role[] = ['PROVIDER', 'ORG_ADMIN', 'ORG_MANAGER', 'GROUP_MANAGER', 'BUSINESS_MANAGER', 'PUBLISHER'];

test.each(EVERY_ROLE.filter((role) => role !== 'PUBLISHER'))('a %s sees a personal key of its own', async (role) => {
  const { key } = await someone(role);
  const other = await createKey(key);
  expectSeen(await see(key, other.id), other);
});

test('a key may see itself', async () => {
  const { key, keyId } = await someone('BUSINESS_MANAGER');
  expectSeen(await see(key, keyId), { id: keyId, api_key: key });
});

test('an administrator sees a main key, and so does a main key', async () => {
  const main = await createKey(keys.PROVIDER, { user_type: 'bot', org_id: orgId });
  for (const key of [(await someone()).key, (await someone('PROVIDER')).key, main.api_key]) {
    expectSeen(await see(key, main.id), main);
  }
});

test.each(['ORG_MANAGER', 'GROUP_MANAGER', 'BUSINESS_MANAGER'] as const)('a %s knows of no main key', async (role) => {
  const main = await createKey(keys.PROVIDER, { user_type: 'bot', org_id: orgId });
  expectNotFound(await see((await someone(role)).key, main.id));
});

test.each(['ORG_ADMIN', 'PROVIDER'] as const)("a %s does not see another user's personal key", async (role) => {
  const { key } = await someone(role);
  expectOutOfReach(await see(key, (await someone('BUSINESS_MANAGER')).keyId), /another user/i);
  expectOutOfReach(await see(key, (await someone(role)).keyId), /another user/i);
});

test('not even who made a key for another user sees it', async () => {
  const { key } = await someone();
  const made = await createKey(key, { user_id: (await someone('BUSINESS_MANAGER')).id });
  expectOutOfReach(await see(key, made.id), /another user/i);
});

test('a main key does not see a personal key', async () => {
  const main = await createKey(keys.PROVIDER, { user_type: 'bot', org_id: orgId });
  expectOutOfReach(await see(main.api_key, (await someone('BUSINESS_MANAGER')).keyId), /another user/i);
});

test("without access, another user's key is not there", async () => {
  expectNotFound(await see((await someone('ORG_MANAGER')).key, (await someone('BUSINESS_MANAGER')).keyId));
});

test('keys of other organisations are not there, personal and main', async () => {
  const stranger = await createPerson(keys.PROVIDER, 'ORG_ADMIN', await createOrganisation(keys.PROVIDER));
  const main = await createKey(keys.PROVIDER, { user_type: 'bot', org_id: orgId });
  for (const id of [main.id, (await someone()).keyId]) expectNotFound(await see(stranger.key, id));
});

test.each(['999999', '0', '-1', '1.5', 'none', '%00'])('there is no key %s to see', async (id) => {
  expectNotFound(await see((await someone()).key, id));
});

test.each(NARROW_KEYS)('a key with %s does not see a wider one', async (_, fields, message) => {
  const { key, keyId } = await someone();
  const narrow = await createKey(key, fields);
  expectOutOfReach(await see(narrow.api_key, keyId), message);
  // What lies within it, it sees: itself, for one.
  expectSeen(await see(narrow.api_key, narrow.id), narrow);
});

test('a key with an allowlist does not see one that works from elsewhere too', async () => {
  const { key } = await someone();
  const narrow = await createKey(key, { ip_whitelist: ['203.0.113.0/24'] });
  const wider = await createKey(key, { ip_whitelist: ['203.0.113.7', '203.0.112.0/23'] });
  const within = await createKey(key, { ip_whitelist: ['203.0.113.128/25'] });
  expectOutOfReach(await see(narrow.api_key, wider.id), /203\.0\.112\.0\/23/);
  expectSeen(await see(narrow.api_key, within.id), within);
});

test('a main key with permissions that the caller lacks is out of reach', async () => {
  const main = await createKey(keys.PROVIDER, { user_type: 'bot', org_id: orgId });
  const { key } = await someone();
  const narrow = await createKey(key, {
    has_restricted_permissions: true,
    permissions: ['api_key_read', 'api_key_manage'],
  });
  expectOutOfReach(await see(narrow.api_key, main.id), /user_manage/);
});

test('a revoked key is not seen', async () => {
  const { key } = await someone();
  const { id } = await createKey(key);
  await call(key, `POST /v2/api_keys/revoke/${id}`);
  expectInvalid(await see(key, id), ['disabled']);
});

test('a key whose secret was abandoned with its master key is not called revoked, and a rotation gives it one to see', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  await alter('UPDATE api_key_secrets SET sealed = NULL WHERE key_id = ?', id);
  const refused = await see(keys.ORG_ADMIN, id);
  expectInvalid(refused, ['id']);
  expect(refused.body.errors.json.id).toMatch(/[Rr]otate/);
  const rotated = await call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { body: {} });
  expect((await see(keys.ORG_ADMIN, id)).body).toEqual({ id, api_key: rotated.body.api_key });
});

test('that a key is revoked is said before that it is out of reach', async () => {
  const { key } = await someone();
  const { keyId } = await someone('BUSINESS_MANAGER');
  await call(key, `POST /v2/api_keys/revoke/${keyId}`);
  expectInvalid(await see(key, keyId), ['disabled']);
});

test('to see a key needs api_key_manage', async () => {
  const { key } = await someone();
  const reader = await createKey(key, { has_restricted_permissions: true, permissions: ['api_key_read'] });
  expectForbidden(await see(reader.api_key, reader.id), 'PERMISSION_DENIED');
  const publisher = await someone('PUBLISHER');
  expectForbidden(await see(publisher.key, publisher.keyId), 'PERMISSION_DENIED');
});

test('after a rotation the new secret is seen, whether the old one still works or not', async () => {
  const { key } = await someone();
  const { id } = await createKey(key);
  for (const overlap_seconds of [3600, 0]) {
    const rotation = { overlap_seconds, end_previous: true };
    const { body } = await call(key, `POST /v2/api_keys/rotate/${id}`, { body: rotation });
    expectSeen(await see(key, id), body);
  }
});

test('a key that was changed, or that has expired, is seen as it is', async () => {
  const { key } = await someone();
  const made = await createKey(key);
  await call(key, `PUT /v2/api_keys/${made.id}`, { body: { label: 'another name' } });
  expectSeen(await see(key, made.id), made);
  await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", made.id);
  expectSeen(await see(key, made.id), made);
});

test('a user may look ten times a minute, at whichever keys, with whichever key', async () => {
  const { id: userId, key } = await someone();
  const own = [await createKey(key), await createKey(key), await createKey(key)];
  // A minute of the counter may end on the way, but not two. No key looks, or is looked at, more than ten times.
  const answers = [];
  for (let n = 0; n < 30; n++) answers.push(await see(own[n % 3].api_key, own[(n + 1) % 3].id, LIMITED));
  expect(answers.slice(0, 10).map(({ status }) => status)).toEqual(Array(10).fill(200));
  const allowed = answers.filter(({ status }) => status === 200);
  expect(allowed.length).toBeLessThanOrEqual(20);
  for (const answer of answers.filter(({ status }) => status !== 200)) expectRateLimited(answer);

  const seen = await readRows(
    "SELECT count(*) AS n FROM audit_events WHERE action = 'api_key.seen' AND actor_user_id = ?",
    userId,
  );
  expect(seen).toEqual([{ n: allowed.length }]);

  // Others have looks of their own.
  const neighbour = await someone();
  expect((await see(neighbour.key, neighbour.keyId, LIMITED)).status).toBe(200);
});

test('looks that were refused do not count: no secret left', async () => {
  const { key, keyId } = await someone();
  const { keyId: foreign } = await someone('BUSINESS_MANAGER');
  for (let n = 0; n < 21; n++) expect((await see(key, foreign, LIMITED)).status).toBe(403);
  expect((await see(key, keyId, LIMITED)).status).toBe(200);
});

test('a look is one audit event and writes nothing else', async () => {
  const { id: userId, key, keyId } = await someone();
  const other = await createKey(key);
  const { audit_events: _, sqlite_sequence: __, ...before } = await dumpDatabase();
  const { events } = await eventsOf(keys.PROVIDER, () => see(key, other.id, { ip: '198.51.100.9' }));
  expect(events).toEqual([
    {
      id: expect.any(Number),
      at: expect.any(String),
      action: 'api_key.seen',
      actor_user_id: userId,
      actor_name: 'First Last',
      actor_api_key_id: keyId,
      client_ip: '198.51.100.9',
      api_key_id: other.id,
      user_id: userId,
      changes: {},
    },
  ]);
  const { audit_events: ___, sqlite_sequence: ____, ...after } = await dumpDatabase();
  expect(after).toEqual(before);
});

test('when the look cannot be written down, no secret leaves', async () => {
  const { key } = await someone();
  const other = await createKey(key);
  const before = await countRows();
  await readRows(`
    CREATE TRIGGER no_looks BEFORE INSERT ON audit_events WHEN NEW.action = 'api_key.seen'
    BEGIN SELECT RAISE(ABORT, 'the log is full'); END`);
  const answer = await see(key, other.id);
  await readRows('DROP TRIGGER no_looks');
  expectInternal(answer);
  const text = JSON.stringify([answer.body, [...answer.headers]]);
  expect(text).not.toContain(other.api_key);
  expect(text).not.toContain('the log is full');
  expect(await countRows()).toEqual(before);
  expect((await readCurrent(other.api_key)).id).toBe(other.id);
  expectSeen(await see(key, other.id), other);
});
