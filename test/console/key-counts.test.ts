import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { countKeys, type KeySearch, listKeys } from '../../src/domain/keys/list-keys.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { callerWith, openServices } from '../support/domain.ts';
import { createOrganisation, createPerson, type Person } from '../support/people.ts';
import { countRowsRead } from '../support/rows-read.ts';
import { alter } from '../support/stored.ts';

const MOST = 10_000;
const STATUSES = ['active', 'paused', 'expired', 'disabled'] as const;

let keys: RoleKeys;
let admin: Person;
let member: Person;
beforeAll(async () => {
  keys = await deploy();
  admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN', await createOrganisation(keys.PROVIDER));
  member = await createPerson(admin.key, 'BUSINESS_MANAGER', admin.orgId);
  for (const label of ['main, active', 'main, too', 'main, paused', 'main, revoked']) {
    await createKey(admin.key, { label, user_type: 'bot' });
  }
  for (const label of ['his, expired', 'his, paused and expired', 'his, revoked and paused']) {
    await createKey(admin.key, { label, user_id: member.id });
  }
  await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE label LIKE 'his, %expired'");
  await alter("UPDATE api_keys SET paused_at = 1, paused_by = 'x' WHERE label LIKE '%paused%'");
  await alter("UPDATE api_keys SET revoked_at = 1, revoked_by = ? WHERE label LIKE '%revoked%'", 'a'.repeat(24));
});

async function countsFor(by: string, search: KeySearch = {}, replaced: Partial<Env> = {}) {
  const counted = await countKeys(openServices(replaced), await callerWith(by), search);
  if (counted.refused) throw new Error(`Refused: ${counted.refused}`);
  return counted.counts;
}

const NONE = { all: 0, active: 0, paused: 0, expired: 0, disabled: 0 };

test('keys are counted by type and by the status that the list shows', async () => {
  expect(await countsFor(admin.key)).toEqual({
    bot: { all: 4, active: 2, paused: 1, expired: 0, disabled: 1 },
    user: { all: 5, active: 2, paused: 1, expired: 1, disabled: 1 },
  });
});

test('each count is that of the list with the same filter', async () => {
  const counts = await countsFor(admin.key);
  for (const type of ['bot', 'user'] as const) {
    for (const status of STATUSES) {
      const { body } = await call(admin.key, `GET /v2/api_keys?type=${type}&status=${status}`);
      expect([type, status, counts?.[type][status]]).toEqual([type, status, body.count]);
      expect(body.api_keys.every((key: { status: string }) => key.status === status)).toBe(true);
    }
  }
});

test('of a search, what it finds is counted, behind either tab', async () => {
  expect(await countsFor(admin.key, { searchText: 'REVOKED' })).toEqual({
    bot: { ...NONE, all: 1, disabled: 1 },
    user: { ...NONE, all: 1, disabled: 1 },
  });
});

test('of a user, its keys alone are counted and listed', async () => {
  const his = { all: 4, active: 1, paused: 1, expired: 1, disabled: 1 };
  expect(await countsFor(admin.key, { userId: member.id })).toEqual({ bot: NONE, user: his });
  expect(await countsFor(member.key)).toEqual({ bot: NONE, user: his });
  const listed = await listKeys(openServices(), await callerWith(admin.key), {
    page: 1,
    perPage: 2,
    userId: member.id,
  });
  expect(listed).toMatchObject({ count: 4, keys: [{ userId: member.id }, { userId: member.id }] });
});

describe('the keys of others', () => {
  test('do not exist for one who has no access to them', async () => {
    const caller = await callerWith(member.key);
    const ofAdmin = { page: 1, perPage: 30, userId: admin.id };
    expect(await listKeys(openServices(), caller, ofAdmin)).toEqual({ refused: 'not_found' });
    expect(await countKeys(openServices(), caller, ofAdmin)).toEqual({ refused: 'not_found' });
    expect(await listKeys(openServices(), caller, { ...ofAdmin, userId: member.id })).toMatchObject({ count: 4 });
  });

  test('of another organisation are none for its administrator', async () => {
    const stranger = await createPerson(keys.PROVIDER, 'ORG_ADMIN', 2);
    const caller = await callerWith(stranger.key);
    const ofMember = { page: 1, perPage: 30, userId: member.id };
    expect(await listKeys(openServices(), caller, ofMember)).toEqual({ keys: [], count: 0 });
    expect(await countsFor(stranger.key, ofMember)).toEqual({ bot: NONE, user: NONE });
  });
});

describe('however many keys there are,', () => {
  let owner: Person;
  beforeAll(async () => {
    owner = await createPerson(keys.PROVIDER, 'ORG_ADMIN', await createOrganisation(keys.PROVIDER));
    await insertKeys(MOST - 1);
  });

  async function insertKeys(count: number): Promise<void> {
    await env.DB.prepare(
      `INSERT INTO api_keys (org_id, user_id, user_type, label, label_folded, hint, hint_folded, ip_whitelist,
         has_restricted_permissions, permissions, created_by, created_at)
       WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < ?1)
       SELECT ?2, ?3, 'user', 'key ' || n, 'key ' || n, 'lk_…', 'lk_…', '[]', 0, '[]', ?3, 1700000000000 FROM counter`,
    )
      .bind(count, owner.orgId, owner.id)
      .run();
  }

  async function reading<Value>(read: (databases: Partial<Env>) => Promise<Value>): Promise<[Value, number]> {
    const { rowsRead, ...databases } = countRowsRead();
    return [await read(databases), rowsRead()];
  }

  test(`${MOST} are counted exactly, and one more not at all, for the same rows`, async () => {
    const [exact, rows] = await reading((databases) => countsFor(owner.key, {}, databases));
    expect(exact?.user).toEqual({ ...NONE, all: MOST, active: MOST });
    await insertKeys(5_000);
    const [stopped, bounded] = await reading((databases) => countsFor(owner.key, {}, databases));
    expect(stopped).toBeNull();
    // An entry of the index for each, and the organisation's row.
    expect([rows <= MOST + 10, bounded <= MOST + 10]).toEqual([true, true]);
    expect(await countsFor(owner.key, { searchText: 'nothing has this' })).toBeNull();
  });

  test('those of a user who has too many are not counted either', async () => {
    const [counts, rows] = await reading((databases) => countsFor(owner.key, { userId: owner.id }, databases));
    expect(counts).toBeNull();
    // An entry of the index and a row for each.
    expect(rows).toBeLessThanOrEqual(2 * (MOST + 10));
  });

  test('the few keys of another user are found without going through them', async () => {
    const other = await createPerson(keys.PROVIDER, 'PUBLISHER', owner.orgId);
    const caller = await callerWith(owner.key);
    const [listed, rows] = await reading((databases) =>
      listKeys(openServices(databases), caller, { page: 1, perPage: 30, userId: other.id }),
    );
    expect(listed).toMatchObject({ count: 1 });
    expect(rows).toBeLessThan(20);
    const [counts, counted] = await reading((databases) => countsFor(owner.key, { userId: other.id }, databases));
    expect(counts?.user.all).toBe(1);
    expect(counted).toBeLessThan(20);
  });
});
