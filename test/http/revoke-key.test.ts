import { beforeAll, expect, test } from 'vitest';
import { type CallOptions, call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectOutOfReach, expectUnauthenticated } from '../support/expect-error.ts';
import { EFFECTIVE_BY, TIMESTAMP } from '../support/key-fields.ts';
import { changeUser, createPerson } from '../support/people.ts';
import { alter, countRows, readRows } from '../support/stored.ts';
import { watchDatabase } from '../support/watched-database.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

function revoke(by: string, id: number, options: CallOptions = {}) {
  return call(by, `POST /v2/api_keys/revoke/${id}`, options);
}

test('a revoked key is refused from the next call on, though it was in use', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  await readCurrent(api_key);
  const { status, body } = await revoke(keys.ORG_ADMIN, id);
  expect(status).toBe(200);
  expect(body).toEqual({ id, status: 'success', effective_by: EFFECTIVE_BY });
  expectUnauthenticated(await call(api_key, 'GET /v2/api_keys/current'), 'REVOKED');
});

test('a revoked key shows who revoked it, and when', async () => {
  const admin = await readCurrent(keys.ORG_ADMIN);
  const { api_key, ...made } = await createKey(keys.BUSINESS_MANAGER);
  await revoke(keys.ORG_ADMIN, made.id);
  expect(await readKey(keys.BUSINESS_MANAGER, made.id)).toEqual({
    ...made,
    disabled: true,
    status: 'disabled',
    revoked_by: admin.user_id,
    revoked_by_name: 'Demo Org Admin',
    revoked_at: expect.stringMatching(TIMESTAMP),
  });
});

test('revoking again answers the same, and who revoked it first stays', async () => {
  const { id } = await createKey(keys.BUSINESS_MANAGER);
  await revoke(keys.BUSINESS_MANAGER, id);
  const before = { key: await readKey(keys.BUSINESS_MANAGER, id), rows: await countRows() };
  const again = await revoke(keys.ORG_ADMIN, id);
  expect(again.status).toBe(200);
  expect(again.body).toEqual({ id, status: 'success', effective_by: EFFECTIVE_BY });
  expect({ key: await readKey(keys.BUSINESS_MANAGER, id), rows: await countRows() }).toEqual(before);
  expect(before.key.revoked_by_name).toBe('Demo Business Manager');
});

test('a key may revoke itself', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  expect((await revoke(api_key, id)).status).toBe(200);
  expectUnauthenticated(await call(api_key, 'GET /v2/api_keys/current'), 'REVOKED');
});

test('revoking needs access, not reach', async () => {
  const wide = await createKey(keys.ORG_ADMIN);
  const narrow = await createKey(keys.ORG_ADMIN, {
    ip_whitelist: ['203.0.113.7'],
    expiration_date: '2999-12-31',
    has_restricted_permissions: true,
    permissions: ['api_key_read', 'api_key_manage'],
  });
  expect((await revoke(narrow.api_key, wide.id)).status).toBe(200);
});

test('a key that changes itself again and again cannot hold off its revocation', { timeout: 30_000 }, async () => {
  const { id, api_key } = await createKey(keys.BUSINESS_MANAGER);
  let changes = 0;
  // Whoever holds it needs luck for each try; here it has it for more tries than are made.
  const DB = watchDatabase(async () => {
    changes += 1;
    if (changes > 60) return;
    const changed = await call(api_key, `PUT /v2/api_keys/${id}`, { body: { label: `change ${changes}` } });
    expect([200, 401]).toContain(changed.status);
  });
  expect((await revoke(keys.ORG_ADMIN, id, { env: { DB } })).status).toBe(200);
  expectUnauthenticated(await call(api_key, 'GET /v2/api_keys/current'), 'REVOKED');
});

test('a key that changes itself again and again can revoke itself by its id', { timeout: 30_000 }, async () => {
  const { id, api_key } = await createKey(keys.BUSINESS_MANAGER);
  let changes = 0;
  const DB = watchDatabase(async () => {
    changes += 1;
    if (changes > 60) return;
    const changed = await call(api_key, `PUT /v2/api_keys/${id}`, { body: { label: `change ${changes}` } });
    expect([200, 401]).toContain(changed.status);
  });
  expect((await revoke(api_key, id, { env: { DB } })).status).toBe(200);
  expectUnauthenticated(await call(api_key, 'GET /v2/api_keys/current'), 'REVOKED');
});

test('a secret that is rotated out while it revokes its key by its id does not', async () => {
  const { id, api_key } = await createKey(keys.BUSINESS_MANAGER);
  let fresh: string | undefined;
  const DB = watchDatabase(async () => {
    if (fresh !== undefined) return;
    fresh = '';
    const body = { overlap_seconds: 3600 };
    fresh = (await call(api_key, `POST /v2/api_keys/rotate/${id}`, { body })).body.api_key;
  });
  expectOutOfReach(await revoke(api_key, id, { env: { DB } }), /Use the new one/);
  expect((await readCurrent(String(fresh))).id).toBe(id);
});

test('a key that changes its user again and again cannot hold off its revocation', { timeout: 30_000 }, async () => {
  const { id, key, keyId } = await createPerson(keys.PROVIDER, 'ORG_ADMIN');
  let changes = 0;
  const DB = watchDatabase(async () => {
    changes += 1;
    if (changes > 60) return;
    const changed = await call(key, `POST /v2/user/${id}`, { body: { first_name: `Change ${changes}` } });
    expect([200, 401]).toContain(changed.status);
  });
  expect((await revoke(keys.PROVIDER, keyId, { env: { DB } })).status).toBe(200);
  expectUnauthenticated(await call(key, 'GET /v2/api_keys/current'), 'REVOKED');
});

test('a key whose user is made PROVIDER just before is revoked by PROVIDER only', async () => {
  const { org_id } = await readCurrent(keys.PROVIDER);
  const admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN', org_id);
  const user = await createPerson(keys.PROVIDER, 'ORG_MANAGER', org_id);
  let isFirst = true;
  const DB = watchDatabase(async () => {
    if (!isFirst) return;
    isFirst = false;
    await changeUser(keys.PROVIDER, user.id, { role: 'PROVIDER' });
  });
  expectOutOfReach(await revoke(admin.key, user.keyId, { env: { DB } }), /PROVIDER only/);
  expect((await readCurrent(user.key)).id).toBe(user.keyId);
});

test('an expired key can be revoked', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", id);
  expect((await revoke(keys.ORG_ADMIN, id)).status).toBe(200);
  expect(await readKey(keys.ORG_ADMIN, id)).toMatchObject({ status: 'disabled' });
});

test.each<[string, CallOptions]>([
  ['neither body nor type', {}],
  ['an empty body with a type', { body: '' }],
  ['{}', { body: {} }],
  ['{} of any type', { body: '{}', headers: { 'Content-Type': 'text/plain' } }],
  ['a type and no body', { headers: { 'Content-Type': 'text/plain' } }],
])('revoking is content with %s', async (_, options) => {
  const { id } = await createKey(keys.ORG_ADMIN);
  expect((await revoke(keys.ORG_ADMIN, id, options)).body).toEqual({
    id,
    status: 'success',
    effective_by: EFFECTIVE_BY,
  });
});

test('of the secret the hash stays and the sealed form goes', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  const secretOf = () => readRows('SELECT hash, sealed FROM api_key_secrets WHERE key_id = ?', id);
  const [before] = await secretOf();
  expect(before?.sealed).toMatch(/\S/);
  await revoke(keys.ORG_ADMIN, id);
  expect(await secretOf()).toEqual([{ hash: before?.hash, sealed: null }]);
});

test('a revocation is one row in the feed and one audit event', async () => {
  const me = await readCurrent(keys.ORG_ADMIN);
  const { id } = await createKey(keys.ORG_ADMIN);
  const before = await countRows();
  await revoke(keys.ORG_ADMIN, id);
  expect(await countRows()).toEqual({
    ...before,
    key_changes: Number(before.key_changes) + 1,
    audit_events: Number(before.audit_events) + 1,
  });
  expect(await readRows('SELECT action, actor_user_id, api_key_id FROM audit_events ORDER BY id DESC LIMIT 1')).toEqual(
    [{ action: 'api_key.revoked', actor_user_id: me.user_id, api_key_id: id }],
  );
});
