import { exports } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { type CallOptions, call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid, expectOutOfReach, expectUnauthenticated } from '../support/expect-error.ts';
import { form } from '../support/form.ts';
import { TIMESTAMP } from '../support/key-fields.ts';
import { changeUser, createPerson } from '../support/people.ts';
import { alter, countRows, readRows } from '../support/stored.ts';
import { watchDatabase } from '../support/watched-database.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

function pause(by: string, id: number, options: CallOptions = {}) {
  return call(by, `POST /v2/api_keys/pause/${id}`, options);
}

function resume(by: string, id: number, options: CallOptions = {}) {
  return call(by, `POST /v2/api_keys/resume/${id}`, options);
}

const NARROW = {
  ip_whitelist: ['203.0.113.7'],
  expiration_date: '2999-12-31',
  has_restricted_permissions: true,
  permissions: ['api_key_read', 'api_key_manage'],
};

describe('a paused key', () => {
  test('is refused from the next call on, though it was in use, and works again when it is resumed', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await readCurrent(api_key);
    expect((await pause(keys.ORG_ADMIN, id)).status).toBe(200);
    expectUnauthenticated(await call(api_key, 'GET /v2/api_keys/current'), 'PAUSED');
    expect((await resume(keys.ORG_ADMIN, id)).status).toBe(200);
    expect((await readCurrent(api_key)).id).toBe(id);
  });

  test('is refused wherever one asks', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await pause(keys.ORG_ADMIN, id);
    expect(await exports.ApiKeys.verify({ apiKey: api_key, ip: null })).toMatchObject({
      allowed: false,
      code: 'PAUSED',
      status: 401,
    });
    const verified = await call(keys.ORG_ADMIN, 'POST /v2/api_keys/verify', { body: { api_key } });
    expect(verified.body).toEqual({ valid: false, code: 'PAUSED' });
    expect((await call(keys.ORG_ADMIN, 'POST /v2/introspect', form({ token: api_key }))).body).toEqual({
      active: false,
    });
    const { body } = await call(keys.ORG_ADMIN, `POST /v2/api_keys/explain/${id}`);
    expect(body.verdict).toEqual({ allowed: false, code: 'PAUSED' });
    expect(body.checks.filter(({ passed }: { passed: boolean }) => !passed)).toEqual([
      {
        check: 'pause',
        passed: false,
        code: 'PAUSED',
        detail: 'The key is paused.',
        remedy: 'Resume the key.',
        compared: { paused: true },
      },
    ]);
  });

  test('shows that it is paused, and since when; resumed, it is as before', async () => {
    const { api_key, ...made } = await createKey(keys.BUSINESS_MANAGER);
    const paused = await pause(keys.ORG_ADMIN, made.id);
    expect(paused.body).toMatchObject({ ...made, status: 'paused', paused_at: expect.stringMatching(TIMESTAMP) });
    expect(await readKey(keys.BUSINESS_MANAGER, made.id)).toMatchObject({
      disabled: false,
      status: 'paused',
      paused_at: paused.body.paused_at,
    });
    expect((await resume(keys.ORG_ADMIN, made.id)).body).toMatchObject({ ...made, status: 'active', paused_at: null });
    expect(await readKey(keys.BUSINESS_MANAGER, made.id)).toMatchObject(made);
  });

  test('has the status of the first that holds: revoked, paused, expired', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", id);
    expect((await readKey(keys.ORG_ADMIN, id)).status).toBe('expired');
    await pause(keys.ORG_ADMIN, id);
    expect((await readKey(keys.ORG_ADMIN, id)).status).toBe('paused');
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
    expect(await readKey(keys.ORG_ADMIN, id)).toMatchObject({ disabled: true, status: 'disabled' });
  });

  test('can be changed, rotated, seen and revoked, and stays paused', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    await pause(keys.ORG_ADMIN, id);
    const changed = await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: { label: 'later' } });
    expect(changed.body).toMatchObject({ label: 'later', status: 'paused' });
    expect((await call(keys.ORG_ADMIN, `GET /v2/api_keys/key/${id}`)).body.api_key).toBe(api_key);
    const rotated = await call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { body: { overlap_seconds: 60 } });
    expect(rotated.body.status).toBe('paused');
    for (const secret of [api_key, rotated.body.api_key]) {
      expectUnauthenticated(await call(secret, 'GET /v2/api_keys/current'), 'PAUSED');
    }
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
    expectUnauthenticated(await call(api_key, 'GET /v2/api_keys/current'), 'REVOKED');
  });

  test('as it was read, can be put back', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const { body } = await pause(keys.ORG_ADMIN, id);
    const put = await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: { ...body, paused_at: null } });
    expect(put.body).toMatchObject({ status: 'paused', paused_at: body.paused_at });
  });
});

describe('again, the answer is the same, and nothing is written:', () => {
  test('pausing, and who paused first stays', async () => {
    const { id } = await createKey(keys.BUSINESS_MANAGER);
    await pause(keys.BUSINESS_MANAGER, id);
    const before = { key: await readKey(keys.ORG_ADMIN, id), rows: await countRows() };
    const again = await pause(keys.ORG_ADMIN, id);
    expect(again).toMatchObject({ status: 200, body: before.key });
    expect({ key: await readKey(keys.ORG_ADMIN, id), rows: await countRows() }).toEqual(before);
    const { user_id } = await readCurrent(keys.BUSINESS_MANAGER);
    expect(await readRows('SELECT paused_by FROM api_keys WHERE id = ?', id)).toEqual([{ paused_by: user_id }]);
  });

  test('resuming, also of a key that was never paused', async () => {
    const { api_key, ...made } = await createKey(keys.BUSINESS_MANAGER);
    const rows = await countRows();
    expect(await resume(keys.BUSINESS_MANAGER, made.id)).toMatchObject({ status: 200, body: { id: made.id } });
    expect(await countRows()).toEqual(rows);
  });
});

test('a pause and a resumption are each one row in the feed and one audit event', async () => {
  const me = await readCurrent(keys.ORG_ADMIN);
  const { id } = await createKey(keys.ORG_ADMIN);
  const before = await countRows();
  await pause(keys.ORG_ADMIN, id);
  await resume(keys.ORG_ADMIN, id);
  expect(await countRows()).toEqual({
    ...before,
    key_changes: Number(before.key_changes) + 2,
    audit_events: Number(before.audit_events) + 2,
  });
  const { body } = await call(keys.ORG_ADMIN, `GET /v2/audit_events?api_key_id=${id}&per_page=2`);
  const event = { actor_user_id: me.user_id, api_key_id: id };
  expect(body.audit_events).toMatchObject([
    { ...event, action: 'api_key.resumed', changes: { paused: [true, false] } },
    { ...event, action: 'api_key.paused', changes: { paused: [false, true] } },
  ]);
});

test('a revoked key is neither paused nor resumed', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  await pause(keys.ORG_ADMIN, id);
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
  const rows = await countRows();
  expectInvalid(await pause(keys.ORG_ADMIN, id), ['disabled']);
  expectInvalid(await resume(keys.ORG_ADMIN, id), ['disabled']);
  expect(await countRows()).toEqual(rows);
});

describe('pausing', () => {
  test('needs access, not reach', async () => {
    const wide = await createKey(keys.ORG_ADMIN);
    const narrow = await createKey(keys.ORG_ADMIN, NARROW);
    expect((await pause(narrow.api_key, wide.id)).status).toBe(200);
  });

  test('a key of a PROVIDER user is for PROVIDER only, and a refused attempt is on record', async () => {
    const { org_id } = await readCurrent(keys.PROVIDER);
    const admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN', org_id);
    const provider = await createPerson(keys.PROVIDER, 'PROVIDER');
    expectOutOfReach(await pause(admin.key, provider.keyId), /PROVIDER only/);
    expect(await readRows('SELECT action, api_key_id FROM audit_events ORDER BY id DESC LIMIT 1')).toEqual([
      { action: 'api_key.pause_refused', api_key_id: provider.keyId },
    ]);
    expect((await pause(keys.PROVIDER, provider.keyId)).status).toBe(200);
    expectOutOfReach(await resume(admin.key, provider.keyId), /may not give the role PROVIDER/);
    expect((await resume(keys.PROVIDER, provider.keyId)).status).toBe(200);
  });

  test('a key whose user is made PROVIDER just before is for PROVIDER only', async () => {
    const { org_id } = await readCurrent(keys.PROVIDER);
    const admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN', org_id);
    const user = await createPerson(keys.PROVIDER, 'ORG_MANAGER', org_id);
    let isFirst = true;
    const DB = watchDatabase(async () => {
      if (!isFirst) return;
      isFirst = false;
      await changeUser(keys.PROVIDER, user.id, { role: 'PROVIDER' });
    });
    expectOutOfReach(await pause(admin.key, user.keyId, { env: { DB } }), /PROVIDER only/);
    expect((await readCurrent(user.key)).id).toBe(user.keyId);
  });

  test('itself is open to a key, and resuming itself is not', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    expect((await pause(api_key, id)).body).toMatchObject({ id, status: 'paused' });
    expectUnauthenticated(await resume(api_key, id), 'PAUSED');
  });

  test('cannot be held off by a key that changes itself again and again', { timeout: 30_000 }, async () => {
    const { id, api_key } = await createKey(keys.BUSINESS_MANAGER);
    const rename = (n: number) => call(api_key, `PUT /v2/api_keys/${id}`, { body: { label: `change ${n}` } });
    expect((await pause(keys.ORG_ADMIN, id, { env: { DB: whileChanging(rename) } })).status).toBe(200);
    expectUnauthenticated(await call(api_key, 'GET /v2/api_keys/current'), 'PAUSED');
  });

  test('itself cannot be held off by whoever else holds the key', { timeout: 30_000 }, async () => {
    const { id, api_key } = await createKey(keys.BUSINESS_MANAGER);
    const rename = (n: number) => call(api_key, `PUT /v2/api_keys/${id}`, { body: { label: `change ${n}` } });
    expect((await pause(api_key, id, { env: { DB: whileChanging(rename) } })).status).toBe(200);
    expectUnauthenticated(await call(api_key, 'GET /v2/api_keys/current'), 'PAUSED');
  });

  test('cannot be held off by a key that changes its user again and again', { timeout: 30_000 }, async () => {
    const { id, key, keyId } = await createPerson(keys.PROVIDER, 'ORG_ADMIN');
    const rename = (n: number) => call(key, `POST /v2/user/${id}`, { body: { first_name: `Change ${n}` } });
    expect((await pause(keys.PROVIDER, keyId, { env: { DB: whileChanging(rename) } })).status).toBe(200);
    expectUnauthenticated(await call(key, 'GET /v2/api_keys/current'), 'PAUSED');
  });

  /** A database that lets a change through before each batch: luck that whoever holds the key needs for every try. */
  function whileChanging(change: (n: number) => ReturnType<typeof call>): D1Database {
    let changes = 0;
    return watchDatabase(async () => {
      changes += 1;
      if (changes <= 60) expect([200, 401]).toContain((await change(changes)).status);
    });
  }
});

describe('resuming', () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['an unrestricted key, by a key with a list', {}, /has a list of permissions/],
    [
      'a key with a permission that the caller lacks',
      { has_restricted_permissions: true, permissions: ['review_read'] },
      /lacks permissions/,
    ],
    [
      'a key for any address, by a key for one',
      { has_restricted_permissions: true, permissions: [] },
      /needs an ip_whitelist/,
    ],
    [
      'a key that never expires, by a key that does',
      { has_restricted_permissions: true, permissions: [], ip_whitelist: ['203.0.113.7'] },
      /must expire/,
    ],
  ])('is out of reach: %s', async (_, fields, message) => {
    const permissions = fields.has_restricted_permissions === undefined ? { permissions: PERMISSIONS } : {};
    const caller = await createKey(keys.BUSINESS_MANAGER, { ...NARROW, ...permissions });
    const target = await createKey(keys.BUSINESS_MANAGER, fields);
    await pause(keys.BUSINESS_MANAGER, target.id);
    const rows = await countRows();
    expectOutOfReach(await resume(caller.api_key, target.id), message);
    expect(await readKey(keys.BUSINESS_MANAGER, target.id)).toMatchObject({ status: 'paused' });
    expect(await countRows()).toEqual({ ...rows, audit_events: Number(rows.audit_events) + 1 });
    expect(await readRows('SELECT action FROM audit_events ORDER BY id DESC LIMIT 1')).toEqual([
      { action: 'api_key.resume_refused' },
    ]);
  });

  /** All that a BUSINESS_MANAGER has. */
  const PERMISSIONS = [
    'business_edit',
    'business_edit_name',
    'business_edit_categories',
    'business_edit_open_hours',
    'review_read',
    'review_reply',
    'api_key_read',
    'api_key_manage',
    'user_read',
  ];

  test('a key within the list, the addresses and the time of the caller is in reach', async () => {
    const caller = await createKey(keys.BUSINESS_MANAGER, NARROW);
    const target = await createKey(keys.BUSINESS_MANAGER, NARROW);
    await pause(caller.api_key, target.id);
    expect((await resume(caller.api_key, target.id)).status).toBe(200);
  });

  test('another user’s personal key is open to ORG_ADMIN, who could pause it', async () => {
    const { id, api_key } = await createKey(keys.BUSINESS_MANAGER);
    await pause(keys.ORG_ADMIN, id);
    expect((await resume(keys.ORG_ADMIN, id)).status).toBe(200);
    expect((await readCurrent(api_key)).id).toBe(id);
  });

  test('one’s own key that someone else paused is for ORG_ADMIN and PROVIDER', async () => {
    const { id, api_key } = await createKey(keys.BUSINESS_MANAGER);
    await pause(keys.ORG_ADMIN, id);
    // To pause it oneself as well changes nothing.
    await pause(keys.BUSINESS_MANAGER, id);
    expectOutOfReach(await resume(keys.BUSINESS_MANAGER, id), /Someone else paused/);
    expectUnauthenticated(await call(api_key, 'GET /v2/api_keys/current'), 'PAUSED');
    expect((await resume(keys.PROVIDER, id)).status).toBe(200);
    await pause(keys.BUSINESS_MANAGER, id);
    expect((await resume(keys.BUSINESS_MANAGER, id)).status).toBe(200);
  });

  test('is judged anew when the key’s user is made PROVIDER just before', async () => {
    const { org_id } = await readCurrent(keys.PROVIDER);
    const admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN', org_id);
    const user = await createPerson(keys.PROVIDER, 'ORG_MANAGER', org_id);
    await pause(admin.key, user.keyId);
    let isFirst = true;
    const DB = watchDatabase(async () => {
      if (!isFirst) return;
      isFirst = false;
      await changeUser(keys.PROVIDER, user.id, { role: 'PROVIDER' });
    });
    expectOutOfReach(await resume(admin.key, user.keyId, { env: { DB } }), /may not give the role PROVIDER/);
    expectUnauthenticated(await call(user.key, 'GET /v2/api_keys/current'), 'PAUSED');
  });

  test('is judged anew when an administrator pauses the key just before', async () => {
    const { id } = await createKey(keys.BUSINESS_MANAGER);
    await pause(keys.BUSINESS_MANAGER, id);
    let isFirst = true;
    const DB = watchDatabase(async () => {
      if (!isFirst) return;
      isFirst = false;
      await resume(keys.ORG_ADMIN, id);
      await pause(keys.ORG_ADMIN, id);
    });
    expectOutOfReach(await resume(keys.BUSINESS_MANAGER, id, { env: { DB } }), /Someone else paused/);
    expect(await readKey(keys.ORG_ADMIN, id)).toMatchObject({ status: 'paused' });
  });
});

test.each<[string, (id: number) => string]>([
  ['gives itself up', () => 'POST /v2/api_keys/revoke_current'],
  ['revokes itself by its id', (id) => `POST /v2/api_keys/revoke/${id}`],
])('a key that %s and is paused just before the transaction changes nothing', async (_, routeOf) => {
  const { id, api_key } = await createKey(keys.BUSINESS_MANAGER);
  let isFirst = true;
  const DB = watchDatabase(async () => {
    if (!isFirst) return;
    isFirst = false;
    await pause(keys.ORG_ADMIN, id);
  });
  expectUnauthenticated(await call(api_key, routeOf(id), { env: { DB } }), 'PAUSED');
  expect(await readKey(keys.ORG_ADMIN, id)).toMatchObject({ status: 'paused', disabled: false });
});

test('a secret that ends its own overlap and whose key is paused just before changes nothing', async () => {
  const { id, api_key } = await createKey(keys.BUSINESS_MANAGER);
  await call(keys.BUSINESS_MANAGER, `POST /v2/api_keys/rotate/${id}`, { body: { overlap_seconds: 3600 } });
  let isFirst = true;
  const DB = watchDatabase(async () => {
    if (!isFirst) return;
    isFirst = false;
    await pause(keys.ORG_ADMIN, id);
  });
  expectUnauthenticated(await call(api_key, 'POST /v2/api_keys/revoke_current', { env: { DB } }), 'PAUSED');
  await resume(keys.ORG_ADMIN, id);
  expect((await readCurrent(api_key)).id).toBe(id);
});
