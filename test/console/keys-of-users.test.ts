import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { findKeysOfUsers, type KeysOfUser } from '../../src/domain/keys/keys-of-users.ts';
import { signIn } from '../support/browser.ts';
import { createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { callerWith, NO_USAGE_DB, openServices } from '../support/domain.ts';
import { createPerson, createUser, type Person } from '../support/people.ts';
import { countRowsRead } from '../support/rows-read.ts';
import { readRows } from '../support/stored.ts';
import { deliverCounts } from '../support/usage-counts.ts';

const HOUR_MS = 60 * 60 * 1000;
/** The most keys of a user that are counted. */
const MOST = 200;
const now = Date.now();

let keys: RoleKeys;
let admin: Person;
let member: Person;
beforeAll(async () => {
  keys = await deploy();
  admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN');
  member = await createPerson(admin.key, 'BUSINESS_MANAGER', admin.orgId);
});

async function keysOf(
  by: string,
  users: readonly { id: string; orgId: number }[],
  replaced: Partial<Env> = {},
): Promise<Record<string, KeysOfUser>> {
  const services = openServices(replaced, () => now);
  return Object.fromEntries(await findKeysOfUsers(services, await callerWith(by), users));
}

async function insertKeys({ id, orgId }: { id: string; orgId: number }, count: number): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO api_keys (org_id, user_id, user_type, label, label_folded, hint, hint_folded, ip_whitelist,
       has_restricted_permissions, permissions, created_by, created_at)
     WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < ?1)
     SELECT ?2, ?3, 'user', 'key ' || n, 'key ' || n, 'lk_…', 'lk_…', '[]', 0, '[]', ?3, 1700000000000 FROM counter`,
  )
    .bind(count, orgId, id)
    .run();
}

async function newUser(): Promise<{ id: string; orgId: number }> {
  return { id: await createUser(admin.key, { role: 'PUBLISHER', org_id: admin.orgId }), orgId: admin.orgId };
}

test('the keys of each user are counted, and what they were used for together', async () => {
  const second = await createKey(admin.key, { user_id: member.id });
  await deliverCounts([
    { keyId: member.keyId, at: now - 2 * HOUR_MS, count: 5 },
    { keyId: second.id, at: now - HOUR_MS, count: 3 },
    { keyId: second.id, at: now, code: 'IP_NOT_ALLOWED', count: 100 },
    { keyId: second.id, at: now - 24 * HOUR_MS, count: 1_000 },
  ]);
  const nobody = await newUser();
  expect(await keysOf(admin.key, [member, nobody])).toEqual({
    [member.id]: { count: 2, use: { callsIn24h: 8, lastUsedAt: now - HOUR_MS } },
    [nobody.id]: { count: 0, use: { callsIn24h: 0, lastUsedAt: null } },
  });
});

describe('the keys of others are not counted', () => {
  test('by one who has no access to them; its own are', async () => {
    expect(Object.keys(await keysOf(member.key, [admin, member]))).toEqual([member.id]);
    const manager = await createPerson(admin.key, 'ORG_MANAGER', admin.orgId);
    expect(Object.keys(await keysOf(manager.key, [admin, member]))).toEqual([]);
  });

  test('by an administrator of another organisation; a PROVIDER counts them', async () => {
    const stranger = await createPerson(keys.PROVIDER, 'ORG_ADMIN', 2);
    expect(await keysOf(stranger.key, [member])).toEqual({});
    expect(Object.keys(await keysOf(keys.PROVIDER, [member]))).toEqual([member.id]);
  });
});

test('of a user with more keys than the page before its deletion shows, those in use are said of the shown ones', async () => {
  const user = await newUser();
  await insertKeys(user, 40);
  const [newest] = await readRows('SELECT max(id) AS id FROM api_keys WHERE user_id = ?', user.id);
  await deliverCounts([{ keyId: Number(newest?.id), at: Date.now(), count: 3 }]);
  const { body } = await (await signIn(admin.key)).open(`/console/users/${user.id}/delete`);
  expect(body).toMatch(/and 40\skeys\s*\?/);
  expect(body).toMatch(/One of the newest 30 is/i);
  expect(body).toMatch(/And 10\smore keys/);
});

describe('one who may delete a user, but has no access to its keys,', () => {
  test('is told that they go with the user, and not which; an administrator is', async () => {
    const manager = await signIn((await createPerson(admin.key, 'ORG_MANAGER', admin.orgId)).key);
    const page = await manager.open(`/console/users/${member.id}/delete`);
    expect(page.status).toBe(200);
    expect(page.body).toContain('Its keys, if it has any, are deleted with the user');
    expect(page.body).not.toContain('a key');
    const known = await (await signIn(admin.key)).open(`/console/users/${member.id}/delete`);
    expect(known.body).toContain('<bdi>a key</bdi>');
  });

  test('finds no way to a list of them', async () => {
    const manager = await signIn((await createPerson(admin.key, 'ORG_MANAGER', admin.orgId)).key);
    const list = `/console/keys?type=user&amp;user_id=${member.id}`;
    expect((await manager.open(`/console/users/${member.id}`)).body).not.toContain(list);
    expect((await (await signIn(admin.key)).open(`/console/users/${member.id}`)).body).toContain(list);
  });
});

test('when usage cannot be read, keys are counted without it', async () => {
  const read = await keysOf(admin.key, [admin], { USAGE_DB: NO_USAGE_DB });
  expect(read).toEqual({ [admin.id]: { count: 1, use: null } });
});

describe('however many keys a user has,', () => {
  test(`they are counted up to ${MOST}, and not beyond`, async () => {
    const user = await newUser();
    await insertKeys(user, MOST);
    expect(await keysOf(admin.key, [user])).toMatchObject({ [user.id]: { count: MOST, use: { callsIn24h: 0 } } });
    await insertKeys(user, 1);
    expect(await keysOf(admin.key, [user])).toEqual({ [user.id]: { count: null, use: null } });
  });

  test('what is read is bounded, for a page of users too', async () => {
    const users = await Promise.all(Array.from({ length: 10 }, newUser));
    for (const user of users) await insertKeys(user, 500);
    const { rowsRead, ...databases } = countRowsRead();
    const read = await keysOf(admin.key, users, databases);
    expect(Object.values(read)).toEqual(users.map(() => ({ count: null, use: null })));
    // The entries of the index, each read again to be put into a list.
    expect(rowsRead()).toBeLessThanOrEqual(10 * 2 * (MOST + 1) + 100);
  });

  test('the use of more than 1,000 keys together is not read', async () => {
    const users = await Promise.all(Array.from({ length: 6 }, newUser));
    for (const user of users) await insertKeys(user, 180);
    const read = await keysOf(admin.key, users);
    expect(Object.values(read)).toEqual(users.map(() => ({ count: 180, use: null })));
    expect(Object.values(await keysOf(admin.key, users.slice(1)))).toEqual(
      users.slice(1).map(() => ({ count: 180, use: { callsIn24h: 0, lastUsedAt: null } })),
    );
  });
});
