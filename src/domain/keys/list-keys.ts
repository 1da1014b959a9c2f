import { readKeyCounts, readKeys } from '../../storage/keys.ts';
import type { Caller } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import { findOrganisationNamed } from '../organisations/find-organisation.ts';
import { administersKeys, type UserType } from '../permissions/roles.ts';
import type { Stores } from '../services.ts';
import { toDate } from '../verification/expiration.ts';
import { KEY_STATUSES, type Key, type KeyStatus } from './key.ts';

/** The values of the status filter: a status, or `inactive` for any status but `active`. */
export const KEY_STATUS_FILTERS = [...KEY_STATUSES, 'inactive'] as const;

export interface KeyListRequest {
  /** From 1. */
  page: number;
  perPage: number;
  status?: (typeof KEY_STATUS_FILTERS)[number] | undefined;
  userType?: UserType | undefined;
  /** Only the keys of this user. */
  userId?: string | undefined;
  searchText?: string | undefined;
  /** PROVIDER only; left out: the caller's own organisation. */
  orgId?: number | undefined;
}

/** One page of the keys that the caller has access to, newest first. */
export async function listKeys(
  services: Stores,
  caller: Caller,
  request: KeyListRequest,
): Promise<Outcome<{ keys: Key[]; count: number }>> {
  const organisation = await findOrganisationNamed(services, caller, request.orgId);
  if ('refused' in organisation) return organisation;
  const filter = {
    scope: administersKeys(caller.user.role) ? { orgId: organisation.id } : { userId: caller.user.id },
    status: request.status,
    userType: request.userType,
    userId: request.userId,
    searchText: request.searchText,
    today: toDate(services.now()),
  };
  const page = { offset: (request.page - 1) * request.perPage, limit: request.perPage };
  return services.readList(services.heard.lookupBookmark, (db) => readKeys(db, filter, page));
}

/** How many keys the caller has access to, by kind and status; null: more than are counted. */
export async function countKeys(
  services: Stores,
  caller: Caller,
): Promise<{ userType: UserType; status: KeyStatus; count: number }[] | null> {
  const scope = administersKeys(caller.user.role) ? { orgId: caller.user.orgId } : { userId: caller.user.id };
  return services.readList(services.heard.lookupBookmark, (db) => readKeyCounts(db, scope, toDate(services.now())));
}
