import { readUser, readUsers } from '../../storage/users.ts';
import type { Caller } from '../authority/caller.ts';
import { hasAccessToOrganisation } from '../authority/key-access.ts';
import type { Outcome } from '../authority/refusal.ts';
import { findOrganisationNamed } from '../organisations/find-organisation.ts';
import type { Stores } from '../services.ts';
import { isUserId, type User } from './user.ts';

/** The caller's own user, a bot included; null when it was deleted since its key was verified. */
export function findUserOf(services: Stores, caller: Caller): Promise<User | null> {
  return readUser(services.db, caller.user.id);
}

/** The person with this id, if the caller has access to its organisation; else null. Bots are not found this way. */
export async function findUserById(services: Stores, caller: Caller, id: string): Promise<User | null> {
  const user = isUserId(id) ? await readUser(services.db, id) : null;
  return user !== null && user.type === 'user' && hasAccessToOrganisation(caller, user.orgId) ? user : null;
}

export interface UserListRequest {
  /** From 1. */
  page: number;
  perPage: number;
  /** In names or email, whatever the case. */
  query?: string | undefined;
  /** The whole email, whatever the case. */
  email?: string | undefined;
  /** PROVIDER only; left out: the caller's own organisation. */
  orgId?: number | undefined;
}

/** One page of the people of an organisation, newest first. */
export async function listUsers(
  services: Stores,
  caller: Caller,
  request: UserListRequest,
): Promise<Outcome<{ users: User[]; count: number }>> {
  const organisation = await findOrganisationNamed(services, caller, request.orgId);
  if ('refused' in organisation) return organisation;
  const filter = {
    orgId: organisation.id,
    query: request.query,
    email: request.email,
  };
  const page = { offset: (request.page - 1) * request.perPage, limit: request.perPage };
  return services.readList(services.heard.lookupBookmark, (db) => readUsers(db, filter, page));
}
