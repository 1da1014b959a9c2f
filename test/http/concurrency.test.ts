import { beforeAll, expect, test } from 'vitest';
import { call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { EFFECTIVE_BY } from '../support/key-fields.ts';
import { countRows, readRows } from '../support/stored.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

function times<Result>(count: number, act: (n: number) => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => act(n)));
}

async function eventsOf(keyId: number, action: string): Promise<Record<string, unknown>[]> {
  return readRows('SELECT * FROM audit_events WHERE api_key_id = ? AND action = ? ORDER BY id', keyId, action);
}

test('two hundred creations at once make two hundred keys, with distinct ids and secrets, that all work', {
  timeout: 30_000,
}, async () => {
  const before = await countRows();
  const made = await times(200, (n) => createKey(keys.ORG_ADMIN, { label: `key ${n}` }));
  expect(new Set(made.map(({ id }) => id)).size).toBe(200);
  expect(new Set(made.map(({ api_key }) => api_key)).size).toBe(200);
  expect(new Set(made.map(({ label }) => label)).size).toBe(200);
  expect(await countRows()).toEqual({
    ...before,
    api_keys: Number(before.api_keys) + 200,
    api_key_secrets: Number(before.api_key_secrets) + 200,
    key_changes: Number(before.key_changes) + 200,
    audit_events: Number(before.audit_events) + 200,
  });
  const current = await Promise.all(made.map(({ api_key }) => readCurrent(api_key)));
  expect(current.map(({ id, label }) => ({ id, label }))).toEqual(made.map(({ id, label }) => ({ id, label })));
  const [feed] = await readRows('SELECT head, (SELECT max(seq) FROM key_changes) AS last FROM feed_state');
  expect(feed?.head).toBe(feed?.last);
});

test('the first main integration keys of an organisation, made at once, share one bot user', async () => {
  const made = await times(20, () => createKey(keys.PROVIDER, { user_type: 'bot' }));
  expect(new Set(made.map(({ user_id }) => user_id)).size).toBe(1);
  const [{ org_id } = {}] = made;
  expect(await readRows("SELECT count(*) AS bots FROM users WHERE type = 'bot' AND org_id = ?", org_id)).toEqual([
    { bots: 1 },
  ]);
});

test('fifty changes of one key at once apply one after the other, each of them', async () => {
  const { id } = await createKey(keys.ORG_ADMIN, { label: 'change none' });
  const before = await countRows();
  const applied = await times(50, (n) =>
    call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, {
      body: { label: `change ${n}`, ip_whitelist: [`192.0.2.${n}`] },
    }),
  );
  expect(applied.map(({ status }) => status)).toEqual(Array(50).fill(200));

  // Each answer shows the key as that change left it, and each change has one event.
  for (const { body } of applied) expect(body.ip_whitelist).toEqual([body.label.replace('change ', '192.0.2.')]);
  const changes = (await eventsOf(id, 'api_key.changed')).map((event) => JSON.parse(String(event.changes)));
  expect(changes.map(({ label }) => label[1]).toSorted()).toEqual(applied.map(({ body }) => body.label).toSorted());
  expect(await countRows()).toEqual({
    ...before,
    key_changes: Number(before.key_changes) + applied.length,
    audit_events: Number(before.audit_events) + applied.length,
  });

  // Each was made to what the one before it left, and the key is as the last one left it.
  let label = 'change none';
  for (const change of changes) {
    expect(change.label[0]).toBe(label);
    label = change.label[1];
  }
  expect(await readKey(keys.ORG_ADMIN, id)).toMatchObject({
    label,
    ip_whitelist: [label.replace('change ', '192.0.2.')],
  });
});

test('changes of different fields at once do not undo each other', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  const change = (body: unknown) => call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body });
  const fields = { label: 'after', description: 'after', ip_whitelist: ['192.0.2.1'] };
  const answers = await Promise.all(Object.entries(fields).map(([name, value]) => change({ [name]: value })));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(await readKey(keys.ORG_ADMIN, id)).toMatchObject(fields);
});

test('twenty revocations of one key at once are one revocation', async () => {
  const { id } = await createKey(keys.BUSINESS_MANAGER);
  const answers = await times(20, (n) =>
    call(n % 2 === 0 ? keys.ORG_ADMIN : keys.BUSINESS_MANAGER, `POST /v2/api_keys/revoke/${id}`),
  );
  expect(answers.map(({ body }) => body)).toEqual(
    Array(20).fill({ id, status: 'success', effective_by: EFFECTIVE_BY }),
  );
  const events = await eventsOf(id, 'api_key.revoked');
  expect(events).toHaveLength(1);
  expect(await readKey(keys.BUSINESS_MANAGER, id)).toMatchObject({
    revoked_by: events[0]?.actor_user_id,
    revoked_by_name: events[0]?.actor_name,
  });
});

test('a key that is revoked while it is changed ends up revoked', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  const answers = await times(11, (n) =>
    n === 5
      ? call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`)
      : call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: { label: `change ${n}` } }),
  );
  expect(answers[5]?.status).toBe(200);
  expect(answers.filter(({ status }) => ![200, 400].includes(status))).toEqual([]);
  expect((await readKey(keys.ORG_ADMIN, id)).status).toBe('disabled');
  expect((await call(api_key, 'GET /v2/api_keys/current')).body.code).toBe('REVOKED');
  const revocation = (await eventsOf(id, 'api_key.revoked')).at(0);
  const changes = await eventsOf(id, 'api_key.changed');
  expect(changes.filter((event) => Number(event.id) > Number(revocation?.id))).toEqual([]);
});
