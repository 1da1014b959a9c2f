import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectNotFound, expectUnauthenticated } from '../support/expect-error.ts';
import { createPerson, deleteUser, type Person } from '../support/people.ts';
import { alter, dumpCache, readRows } from '../support/stored.ts';
import { watchDatabase } from '../support/watched-database.ts';

/*
 * What goes with a user who is deleted, and what stays.
 */

let keys: RoleKeys;
let person: Person;
beforeAll(async () => {
  keys = await deploy();
});
beforeEach(async () => {
  person = await createPerson(keys.PROVIDER, 'ORG_ADMIN', (await readCurrent(keys.ORG_ADMIN)).org_id);
});

const COUNTED = {
  users: 'SELECT count(*) AS n FROM users WHERE id = ?',
  api_keys: 'SELECT count(*) AS n FROM api_keys WHERE user_id = ?',
};

async function countLeft(userId: string): Promise<Record<string, unknown>> {
  const left: Record<string, unknown> = {};
  for (const [table, sql] of Object.entries(COUNTED)) left[table] = (await readRows(sql, userId))[0]?.n;
  const orphans = await readRows('SELECT hash FROM api_key_secrets WHERE key_id NOT IN (SELECT id FROM api_keys)');
  return { ...left, orphans: orphans.length };
}
const NOTHING = { users: 0, api_keys: 0, orphans: 0 };

async function newestFeedRow(): Promise<number> {
  const [row] = await readRows('SELECT coalesce(max(seq), 0) AS seq FROM key_changes');
  return Number(row?.seq);
}

async function expectUnknown(key: string): Promise<void> {
  expectUnauthenticated(await call(key, 'GET /v2/api_keys/current'), 'UNKNOWN_KEY');
}

describe('with a user', () => {
  test('go its keys and their secrets', async () => {
    const { id } = await createKey(person.key);
    await call(person.key, `POST /v2/api_keys/revoke/${id}`);
    const [before] = await readRows('SELECT count(*) AS n FROM api_key_secrets');
    await deleteUser(keys.ORG_ADMIN, person.id);
    expect(await countLeft(person.id)).toEqual(NOTHING);
    const [after] = await readRows('SELECT count(*) AS n FROM api_key_secrets');
    expect(after?.n).toBe(Number(before?.n) - 2);
  });

  test('its keys become unknown at once, those in use, those only cached and those revoked', async () => {
    const [inUse, cached, revoked] = [
      await createKey(person.key),
      await createKey(person.key),
      await createKey(person.key),
    ];
    await readCurrent(inUse.api_key);
    await call(person.key, `POST /v2/api_keys/revoke/${revoked.id}`);
    const held = (await dumpCache()).length;
    await deleteUser(keys.ORG_ADMIN, person.id);
    expect(held).toBeGreaterThan(3);
    for (const { api_key } of [inUse, cached, revoked]) await expectUnknown(api_key);
    await expectUnknown(person.key);
  });

  test('its keys are not found any more', async () => {
    await deleteUser(keys.ORG_ADMIN, person.id);
    expectNotFound(await call(keys.ORG_ADMIN, `GET /v2/api_keys/${person.keyId}`));
    expectNotFound(await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${person.keyId}`));
    expectNotFound(await call(keys.ORG_ADMIN, 'POST /v2/api_keys/find', { body: { api_key: person.key } }));
    const { body } = await call(keys.ORG_ADMIN, 'GET /v2/api_keys?per_page=100');
    expect(body.api_keys.map((key: { user_id: string }) => key.user_id)).not.toContain(person.id);
  });

  test('keys made for it by others go, too', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { user_id: person.id });
    await readCurrent(api_key);
    await deleteUser(keys.ORG_ADMIN, person.id);
    await expectUnknown(api_key);
    expect(await countLeft(person.id)).toEqual(NOTHING);
  });

  test('no id of a key comes back for another one', async () => {
    const { id } = await createKey(person.key);
    await deleteUser(keys.ORG_ADMIN, person.id);
    expect((await createKey(keys.ORG_ADMIN)).id).toBeGreaterThan(id);
  });

  test('nothing else goes', async () => {
    const another = await createPerson(keys.PROVIDER, 'PUBLISHER', person.orgId);
    await deleteUser(keys.ORG_ADMIN, person.id);
    expect(await readCurrent(another.key)).toMatchObject({ user_id: another.id });
    expect(await countLeft(another.id)).toEqual({ users: 1, api_keys: 1, orphans: 0 });
  });
});

describe('what a user did stays attributable', () => {
  test('keys that it made for others say so, by id and name, and go on working', async () => {
    const { user_id } = await readCurrent(keys.PUBLISHER);
    const given = await createKey(person.key, { user_id });
    const main = await createKey(person.key, { user_type: 'bot' });
    await deleteUser(keys.ORG_ADMIN, person.id);
    for (const made of [given, main]) {
      const by = { created_by: person.id, created_by_name: 'First Last', created_at: made.created_at };
      expect(await readKey(keys.ORG_ADMIN, made.id)).toMatchObject(by);
      expect((await readCurrent(made.api_key)).id).toBe(made.id);
    }
  });

  test('keys that it revoked say so, by id and name', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    await call(person.key, `POST /v2/api_keys/revoke/${id}`);
    const { revoked_at } = await readKey(keys.ORG_ADMIN, id);
    await deleteUser(keys.ORG_ADMIN, person.id);
    const by = { revoked_by: person.id, revoked_by_name: 'First Last', revoked_at };
    expect(await readKey(keys.ORG_ADMIN, id)).toMatchObject({ ...by, status: 'disabled' });
  });

  test('its audit events stay', async () => {
    await createKey(person.key);
    const sql = 'SELECT * FROM audit_events WHERE actor_user_id = ?';
    const before = await readRows(sql, person.id);
    await deleteUser(keys.ORG_ADMIN, person.id);
    expect(before).toHaveLength(1);
    expect(await readRows(sql, person.id)).toEqual(before);
  });
});

test('a deletion is one row in the feed and one audit event, by whom and from where', async () => {
  await createKey(person.key);
  const before = await newestFeedRow();
  const me = await readCurrent(keys.ORG_ADMIN);
  const answer = await call(keys.ORG_ADMIN, `DELETE /v2/user/${person.id}`, { ip: '198.51.100.9' });
  expect(answer.status).toBe(200);
  const feed = await readRows('SELECT seq, api_key_id, user_id FROM key_changes WHERE seq > ?', before);
  expect(feed).toEqual([{ seq: before + 1, api_key_id: null, user_id: person.id }]);
  expect(await readRows('SELECT head FROM feed_state')).toEqual([{ head: before + 1 }]);
  const events = await readRows(
    `SELECT org_id, actor_user_id, actor_name, actor_api_key_id, client_ip, api_key_id, user_id FROM audit_events
     WHERE action = 'user.deleted' AND user_id = ?`,
    person.id,
  );
  expect(events).toEqual([
    {
      org_id: person.orgId,
      actor_user_id: me.user_id,
      actor_name: 'Demo Org Admin',
      actor_api_key_id: me.id,
      client_ip: '198.51.100.9',
      api_key_id: null,
      user_id: person.id,
    },
  ]);
});

test('keys that are made for a user while it is deleted do not outlive it', async () => {
  const create = () => call(keys.ORG_ADMIN, 'POST /v2/api_keys', { body: { label: 'a key', user_id: person.id } });
  const creations = Array.from({ length: 10 }, create);
  const [deletion, ...made] = await Promise.all([call(keys.ORG_ADMIN, `DELETE /v2/user/${person.id}`), ...creations]);
  expect(deletion.status).toBe(200);
  for (const { status, body } of made) {
    expect([201, 404]).toContain(status);
    if (status === 201) await expectUnknown(body.api_key);
  }
  expect(await countLeft(person.id)).toEqual(NOTHING);
});

describe('a user with 5,000 keys', () => {
  const BULK = 4_990;

  /** Gives the user so many more keys, past the API, each with a secret that no one knows. */
  async function addKeys(many: number): Promise<void> {
    await alter(
      `INSERT INTO api_keys (org_id, user_id, user_type, label, label_folded, hint, hint_folded, ip_whitelist,
         has_restricted_permissions, permissions, created_by, created_by_name, created_at)
       SELECT org_id, user_id, user_type, 'one of many', 'one of many', hint, hint_folded, ip_whitelist,
         has_restricted_permissions, permissions, created_by, created_by_name, created_at
       FROM api_keys, json_each(?) WHERE api_keys.id = ?`,
      JSON.stringify(Array.from({ length: many }, (_, n) => n)),
      person.keyId,
    );
    await alter(
      `INSERT INTO api_key_secrets (hash, key_id, sealed, created_at)
       SELECT lower(hex(randomblob(32))), id, NULL, created_at FROM api_keys
       WHERE user_id = ? AND id NOT IN (SELECT key_id FROM api_key_secrets)`,
      person.id,
    );
  }

  /** Deletes the user in one call, and gives how many statements each batch of it had. */
  async function deleteCounting(): Promise<number[]> {
    const batches: number[] = [];
    const DB = watchDatabase((statements) => batches.push(statements.length));
    const { status } = await call(keys.ORG_ADMIN, `DELETE /v2/user/${person.id}`, { env: { DB } });
    expect(status).toBe(200);
    return batches;
  }

  test('is deleted in one call: all are refused, nothing is left, and the feed has one row more', async () => {
    const real = [person.key];
    for (let n = 1; n <= 4; n++) real.push((await createKey(person.key)).api_key);
    await addKeys(BULK);
    for (let n = 1; n <= 5; n++) real.push((await createKey(person.key)).api_key);
    for (const key of real) expect((await readCurrent(key)).user_id).toBe(person.id);
    expect(await countLeft(person.id)).toEqual({ users: 1, api_keys: 5_000, orphans: 0 });
    const [secrets] = await readRows('SELECT count(*) AS n FROM api_key_secrets');
    const before = await newestFeedRow();

    await deleteCounting();

    for (const key of real) await expectUnknown(key);
    expect(await countLeft(person.id)).toEqual(NOTHING);
    expect(await readRows('SELECT count(*) AS n FROM api_key_secrets')).toEqual([{ n: Number(secrets?.n) - 5_000 }]);
    const feed = await readRows('SELECT seq, user_id FROM key_changes WHERE seq > ?', before);
    expect(feed).toEqual([{ seq: before + 1, user_id: person.id }]);
  });

  test('takes one batch, with as many statements as a user with one key', async () => {
    const withOne = await deleteCounting();
    person = await createPerson(keys.PROVIDER, 'ORG_ADMIN', person.orgId);
    await addKeys(BULK);
    expect(await deleteCounting()).toEqual(withOne);
    expect(withOne).toHaveLength(1);
  });
});
