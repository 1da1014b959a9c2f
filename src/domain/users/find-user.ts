import { countUsers, readUser, readUsers, type UserFilter } from '../../storage/users.ts';
import { type Caller, hasAccessToOrganisation } from '../authority/caller.ts';
import type { Outcome, Refusal } from '../authority/refusal.ts';
import { findOrganisationNamed } from '../organisations/find-organisation.ts';
import type { Stores } from '../services.ts';
import { isUserId, type User, type UserStatus } from './user.ts';

/** The caller's own user, a bot included; null when it was deleted since its key was verified. */
export function findUserOf(services: Stores, caller: Caller): Promise<User | null> {
  return readUser(services.db, caller.user.id);
}

/** The person with this id, if the caller has access to its organisation; else null. Bots are not found this way. */
export async function findUserById(services: Stores, caller: Caller, id: string): Promise<User | null> {
  const user = isUserId(id) ? await readUser(services.db, id) : null;
  return user !== null && user.type === 'user' && hasAccessToOrganisation(caller, user.orgId) ? user : null;
}

export interface UserSearch {
  /** Each of them in names or email, in any order, whatever the case; at most `MAX_SEARCH_WORDS`. */
  words: readonly string[];
  /** The whole email, whatever the case. */
  email?: string | undefined;
  status?: UserStatus | undefined;
  /** PROVIDER only; left out: the caller's own organisation. */
  orgId?: number | undefined;
}

export interface UserListRequest extends UserSearch {
  /** From 1. */
  page: number;
  perPage: number;
}

/** One page of the people of an organisation, newest first. */
export async function listUsers(
  services: Stores,
  caller: Caller,
  request: UserListRequest,
): Promise<Outcome<{ users: User[]; count: number }>> {
  const filter = await filterOf(services, caller, request);
  if ('refused' in filter) return filter;
  const page = { offset: (request.page - 1) * request.perPage, limit: request.perPage };
  return services.readList(services.heard.lookupBookmark, (db) => readUsers(db, filter, page));
}

/** How many people such a list has in all. */
export async function countFoundUsers(
  services: Stores,
  caller: Caller,
  search: UserSearch,
): Promise<Outcome<{ count: number }>> {
  const filter = await filterOf(services, caller, search);
  if ('refused' in filter) return filter;
  return { count: await services.readList(services.heard.lookupBookmark, (db) => countUsers(db, filter)) };
}

async function filterOf(services: Stores, caller: Caller, search: UserSearch): Promise<UserFilter | Refusal> {
  const organisation = await findOrganisationNamed(services, caller, search.orgId);
  if ('refused' in organisation) return organisation;
  return { orgId: organisation.id, words: search.words, email: search.email, status: search.status };
}
