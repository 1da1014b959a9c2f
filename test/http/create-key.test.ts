import { beforeAll, describe, expect, test } from 'vitest';
import { hintOf, isWellFormedApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { EFFECTIVE_BY, KEY_FIELDS, TIMESTAMP } from '../support/key-fields.ts';
import { countRows, readRows } from '../support/stored.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

test('a key needs a label and nothing else', async () => {
  const me = await readCurrent(keys.BUSINESS_MANAGER);
  const { status, body } = await call(keys.BUSINESS_MANAGER, 'POST /v2/api_keys', { body: { label: 'mine' } });
  expect(status).toBe(201);
  expect(body).toEqual({
    id: expect.any(Number),
    label: 'mine',
    description: null,
    user_id: me.user_id,
    user_name: 'Demo Business Manager',
    user_role: 'BUSINESS_MANAGER',
    user_type: 'user',
    disabled: false,
    expiration_date: null,
    last_used_at: null,
    created_by: me.user_id,
    created_by_name: 'Demo Business Manager',
    created_at: expect.stringMatching(TIMESTAMP),
    revoked_by: null,
    revoked_by_name: null,
    revoked_at: null,
    ip_whitelist: [],
    has_restricted_permissions: false,
    permissions: me.permissions,
    org_id: me.org_id,
    key_hint: hintOf(body.api_key),
    status: 'active',
    paused_at: null,
    previous_secret: null,
    created_by_api_key_id: me.id,
    effective_by: EFFECTIVE_BY,
    api_key: expect.any(String),
  });
});

test('the answer has the fields in the contract’s order, and the secret last', async () => {
  const { body } = await call(keys.ORG_ADMIN, 'POST /v2/api_keys', { body: { label: 'a key' } });
  expect(Object.keys(body)).toEqual([...KEY_FIELDS, 'effective_by', 'api_key']);
  expect(body.effective_by).toEqual(EFFECTIVE_BY);
});

test('the secret is a key of this service that works at once', async () => {
  const made = await createKey(keys.ORG_ADMIN);
  expect(isWellFormedApiKey(made.api_key, 'lk')).toBe(true);
  expect((await readCurrent(made.api_key)).id).toBe(made.id);
});

test('what was given is given back', async () => {
  const given = {
    label: 'Reviews',
    description: 'Answers reviews',
    expiration_date: '2999-12-31',
    ip_whitelist: ['172.16.5.4/12', '2001:DB8::1', '127.0.0.1', '::ffff:10.0.0.0/104'],
    has_restricted_permissions: true,
    permissions: ['review_reply', 'review_read', 'business_edit'],
  };
  expect(await createKey(keys.ORG_ADMIN, given)).toMatchObject(given);
});

test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
  ['a label is trimmed', { label: ' \t mine\u00a0\n' }, { label: 'mine' }],
  ['a description is trimmed', { description: '  why  ' }, { description: 'why' }],
  ['a description may be null', { description: null }, { description: null }],
  ['an expiration date may be null', { expiration_date: null }, { expiration_date: null }],
  [
    'an expiration date may be the 29th of a leap year’s February',
    { expiration_date: '2096-02-29' },
    { expiration_date: '2096-02-29' },
  ],
  ['a label may have 100 code points, 200 code units', { label: '🗝'.repeat(100) }, { label: '🗝'.repeat(100) }],
  ['a label has its length after trimming', { label: ` ${'a'.repeat(100)} ` }, { label: 'a'.repeat(100) }],
  ['a description may have 500 code points', { description: '🗝'.repeat(500) }, { description: '🗝'.repeat(500) }],
  [
    'a list may have 100 entries',
    { ip_whitelist: Array(100).fill('10.0.0.1') },
    { ip_whitelist: Array(100).fill('10.0.0.1') },
  ],
  [
    'repeated permissions are not kept',
    { has_restricted_permissions: true, permissions: ['review_read', 'api_key_read', 'review_read'] },
    { has_restricted_permissions: true, permissions: ['review_read', 'api_key_read'] },
  ],
  [
    'a restricted key may have no permission at all',
    { has_restricted_permissions: true, permissions: [] },
    { has_restricted_permissions: true, permissions: [] },
  ],
  [
    'markup and quotes are only text',
    { label: `<b>"it's"</b> \\ %_; DROP TABLE api_keys` },
    { label: `<b>"it's"</b> \\ %_; DROP TABLE api_keys` },
  ],
])('%s', async (_, given, stored) => {
  expect(await createKey(keys.ORG_ADMIN, given)).toMatchObject(stored);
});

test('a list of permissions on a key that is not restricted is ignored, whatever names are in it', async () => {
  const made = await createKey(keys.PROVIDER, {
    has_restricted_permissions: false,
    permissions: ['review_reply', 'nothing'],
  });
  expect(made.has_restricted_permissions).toBe(false);
  expect(made.permissions).toEqual((await readCurrent(keys.PROVIDER)).permissions);
});

test('a key without permissions can ask what it is, and nothing else', async () => {
  const { api_key } = await createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions: [] });
  expect((await readCurrent(api_key)).permissions).toEqual([]);
  expect((await call(api_key, 'GET /v2/api_keys')).status).toBe(403);
});

test('a key is stored whole: its row, its secret, the feed and the audit event', async () => {
  const before = await countRows();
  const made = await createKey(keys.ORG_ADMIN);
  expect(await countRows()).toEqual({
    ...before,
    api_keys: Number(before.api_keys) + 1,
    api_key_secrets: Number(before.api_key_secrets) + 1,
    key_changes: Number(before.key_changes) + 1,
    audit_events: Number(before.audit_events) + 1,
  });
  const me = await readCurrent(keys.ORG_ADMIN);
  const [change] = await readRows('SELECT * FROM key_changes ORDER BY seq DESC LIMIT 1');
  expect(change).toMatchObject({ api_key_id: made.id, user_id: null });
  expect(await readRows('SELECT head FROM feed_state')).toEqual([{ head: change?.seq }]);
  const [event] = await readRows('SELECT * FROM audit_events ORDER BY id DESC LIMIT 1');
  expect(event).toMatchObject({
    org_id: me.org_id,
    action: 'api_key.created',
    actor_user_id: me.user_id,
    actor_name: 'Demo Org Admin',
    actor_api_key_id: me.id,
    client_ip: '203.0.113.7',
    api_key_id: made.id,
    user_id: me.user_id,
  });
});

describe('a main integration key', () => {
  test('belongs to the one bot user of its organisation, an ORG_ADMIN without a name', async () => {
    const me = await readCurrent(keys.ORG_ADMIN);
    const first = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    const second = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    expect(first).toMatchObject({
      user_name: null,
      user_role: 'ORG_ADMIN',
      user_type: 'bot',
      org_id: me.org_id,
      created_by: me.user_id,
      permissions: me.permissions,
    });
    expect(first.user_id).toMatch(/^[0-9a-f]{24}$/);
    expect(first.user_id).not.toBe(me.user_id);
    expect(second.user_id).toBe(first.user_id);
  });

  test('makes main integration keys by default', async () => {
    const main = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    const made = await createKey(main.api_key);
    expect(made).toMatchObject({ user_type: 'bot', user_id: main.user_id, created_by: main.user_id });
    expect(made.created_by_name).toMatch(/\S/);
  });

  test('makes a key for a user whom it names', async () => {
    const { user_id } = await readCurrent(keys.PUBLISHER);
    const main = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    const made = await createKey(main.api_key, { user_id });
    expect(made).toMatchObject({ user_type: 'user', user_id, created_by: main.user_id });
  });

  test('of another organisation is made by a PROVIDER', async () => {
    const provider = await readCurrent(keys.PROVIDER);
    const { org_id } = await readCurrent(keys.ORG_ADMIN);
    const made = await createKey(keys.PROVIDER, { user_type: 'bot', org_id });
    expect(made).toMatchObject({ org_id, user_type: 'bot', created_by: provider.user_id });
    expect((await readCurrent(made.api_key)).org_id).toBe(org_id);
  });

  test('may name the organisation that is the caller’s own', async () => {
    const { org_id } = await readCurrent(keys.PROVIDER);
    expect(await createKey(keys.PROVIDER, { user_type: 'bot', org_id })).toMatchObject({ org_id, user_type: 'bot' });
  });
});

describe('a key for another user', () => {
  test('is that user’s, and the caller made it', async () => {
    const admin = await readCurrent(keys.ORG_ADMIN);
    const publisher = await readCurrent(keys.PUBLISHER);
    expect(await createKey(keys.ORG_ADMIN, { user_id: publisher.user_id })).toMatchObject({
      user_id: publisher.user_id,
      user_name: 'Demo Publisher',
      user_role: 'PUBLISHER',
      user_type: 'user',
      created_by: admin.user_id,
      created_by_name: 'Demo Org Admin',
      permissions: publisher.permissions,
    });
  });

  test('of any organisation is made by a PROVIDER', async () => {
    const { user_id, org_id } = await readCurrent(keys.ORG_MANAGER);
    expect(await createKey(keys.PROVIDER, { user_id })).toMatchObject({ user_id, org_id });
  });

  test('keeps in store what its user cannot do today', async () => {
    const { user_id } = await readCurrent(keys.PUBLISHER);
    const permissions = ['review_read', 'review_reply'];
    const made = await createKey(keys.ORG_ADMIN, { user_id, has_restricted_permissions: true, permissions });
    expect(made.permissions).toEqual(['review_read']);
    const { body } = await call(keys.ORG_ADMIN, `GET /v2/api_keys/${made.id}?include_all_permissions=true`);
    expect(body.permissions).toEqual(permissions);
    expect((await readCurrent(made.api_key)).permissions).toEqual(['review_read']);
  });
});

test('naming oneself makes a key of one’s own, whatever the role', async () => {
  const { user_id } = await readCurrent(keys.BUSINESS_MANAGER);
  expect(await createKey(keys.BUSINESS_MANAGER, { user_id })).toMatchObject({ user_id, created_by: user_id });
});

test('a key names the key that made it, for good, and none where an operator did', async () => {
  const maker = await createKey(keys.ORG_ADMIN);
  const made = await createKey(maker.api_key);
  expect(made.created_by_api_key_id).toBe(maker.id);
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${made.id}`);
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${maker.id}`);
  expect((await call(keys.ORG_ADMIN, `GET /v2/api_keys/${made.id}`)).body.created_by_api_key_id).toBe(maker.id);
  const { id } = await readCurrent(keys.PROVIDER);
  expect((await call(keys.PROVIDER, `GET /v2/api_keys/${id}`)).body.created_by_api_key_id).toBeNull();
});
