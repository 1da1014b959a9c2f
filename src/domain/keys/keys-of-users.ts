import { readKeyIdsOfUsers } from '../../storage/keys-of-users.ts';
import type { Caller } from '../authority/caller.ts';
import type { Stores, Usage } from '../services.ts';
import { findSharedUses, type SharedUse } from '../usage/find-uses.ts';
import type { User } from '../users/user.ts';
import { hasAccessToKey } from './key-reach.ts';

/** Keys that are counted of one user, and keys whose use is read for one page of users. */
const MAX_KEYS_OF_USER = 200;
const MAX_KEYS_OF_PAGE = 1_000;

/** What a page says of a user's keys. */
export interface KeysOfUser {
  /** How many there are; null: more than are counted. */
  count: number | null;
  /** How they were used; null: they are too many, or the usage database cannot be read. */
  use: SharedUse | null;
}

/**
 * How many keys each of these users has, and how they were used, by user id. Bounded, however many keys there are: a user
 * with more than `MAX_KEYS_OF_USER` is not counted, and where the page's users have more than `MAX_KEYS_OF_PAGE` together,
 * no use is read. Users whose keys the caller has no access to are left out.
 */
export async function findKeysOfUsers(
  services: Stores & Usage,
  caller: Caller,
  users: readonly Pick<User, 'id' | 'orgId'>[],
): Promise<ReadonlyMap<string, KeysOfUser>> {
  const accessible = users.filter(({ id, orgId }) => hasAccessToKey(caller, { orgId, userId: id }));
  if (accessible.length === 0) return new Map();
  const userIds = accessible.map(({ id }) => id);
  const found = await services.readList(services.heard.lookupBookmark, (db) =>
    readKeyIdsOfUsers(db, userIds, MAX_KEYS_OF_USER + 1),
  );
  const counted = new Map([...found].filter(([, keyIds]) => keyIds.length <= MAX_KEYS_OF_USER));
  const inAll = [...counted.values()].reduce((sum, keyIds) => sum + keyIds.length, 0);
  const uses = inAll > MAX_KEYS_OF_PAGE ? null : await findSharedUses(services, counted);
  return new Map(userIds.map((id) => [id, { count: counted.get(id)?.length ?? null, use: uses?.get(id) ?? null }]));
}
