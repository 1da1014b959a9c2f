import { beforeAll, describe, expect, test } from 'vitest';
import { listAuditEvents } from '../../src/domain/audit/list-audit-events.ts';
import { nameEvents } from '../../src/domain/keys/name-events.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { callerWith, openServices } from '../support/domain.ts';
import { createPerson, deleteUser, type Person } from '../support/people.ts';
import { countRowsRead } from '../support/rows-read.ts';

let keys: RoleKeys;
let admin: Person;
let member: Person;
beforeAll(async () => {
  keys = await deploy();
  admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN');
  member = await createPerson(admin.key, 'BUSINESS_MANAGER', admin.orgId);
});

async function namesFor(by: string, events: readonly { apiKeyId: number | null; userId: string | null }[]) {
  const { keys, users } = await nameEvents(openServices(), await callerWith(by), events);
  return {
    keys: [...keys].map(([id, { label }]) => [id, label]),
    users: [...users].map(([id, { firstName, lastName }]) => [id, `${firstName} ${lastName}`]),
  };
}

const ofKey = (apiKeyId: number) => ({ apiKeyId, userId: null });
const ofUser = (userId: string) => ({ apiKeyId: null, userId });

test('keys and users of a page of the log are named as they are named today', async () => {
  const { id } = await createKey(admin.key, { label: 'Nightly export' });
  await call(admin.key, `PUT /v2/api_keys/${id}`, { body: { label: 'Weekly export' } });
  const { events } = await listAuditEvents(openServices(), await callerWith(admin.key), { page: 1, perPage: 30 });
  const named = await namesFor(admin.key, events);
  expect(named.keys).toContainEqual([id, 'Weekly export']);
  expect(named.users).toContainEqual([member.id, 'First Last']);
});

describe('no name is given', () => {
  test('of what no longer exists', async () => {
    const gone = await createPerson(admin.key, 'PUBLISHER', admin.orgId);
    await deleteUser(admin.key, gone.id);
    expect(await namesFor(admin.key, [ofKey(gone.keyId), ofUser(gone.id)])).toEqual({ keys: [], users: [] });
  });

  test('of what the caller has no access to', async () => {
    const stranger = await createPerson(keys.PROVIDER, 'ORG_ADMIN', 2);
    const events = [ofKey(stranger.keyId), ofUser(stranger.id), ofKey(admin.keyId), ofKey(member.keyId)];
    expect((await namesFor(admin.key, events)).users).toEqual([]);
    expect((await namesFor(admin.key, events)).keys.map(([id]) => id)).toEqual([admin.keyId, member.keyId]);
    expect((await namesFor(member.key, events)).keys.map(([id]) => id)).toEqual([member.keyId]);
    expect((await namesFor(keys.PROVIDER, events)).keys).toHaveLength(3);
  });

  test('of the bot of main integrations, whose keys have labels', async () => {
    const main = await createKey(admin.key, { user_type: 'bot', label: 'Store locator' });
    const named = await namesFor(admin.key, [{ apiKeyId: main.id, userId: main.user_id }]);
    expect(named).toEqual({ keys: [[main.id, 'Store locator']], users: [] });
  });
});

test('the names of a page are read by their ids alone', async () => {
  const { rowsRead, ...databases } = countRowsRead();
  const events = Array.from({ length: 100 }, (_, n) => ({ apiKeyId: n, userId: n % 2 === 0 ? admin.id : member.id }));
  const caller = await callerWith(admin.key);
  const { users } = await nameEvents(openServices(databases), caller, events);
  expect(users.size).toBe(2);
  // Ids of 100 keys and 2 users, which D1 counts when it reads the lists and when it searches.
  expect(rowsRead()).toBeLessThanOrEqual(4 * 102);
});
