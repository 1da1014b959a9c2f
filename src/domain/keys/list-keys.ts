import { type CountsByStatus, countKeysByStatus, type KeyScope, readKeys } from '../../storage/keys.ts';
import type { Caller } from '../authority/caller.ts';
import type { Outcome, Refusal } from '../authority/refusal.ts';
import { findOrganisationNamed } from '../organisations/find-organisation.ts';
import { administersKeys, type UserType } from '../permissions/roles.ts';
import type { Stores } from '../services.ts';
import { toDate } from '../verification/expiration.ts';
import { KEY_STATUSES, type Key } from './key.ts';

/** The values of the status filter: a status, or `inactive` for any status but `active`. */
export const KEY_STATUS_FILTERS = [...KEY_STATUSES, 'inactive'] as const;

export interface KeySearch {
  searchText?: string | undefined;
  /** Only the keys of this user. */
  userId?: string | undefined;
  /** PROVIDER only; left out: the caller's own organisation. */
  orgId?: number | undefined;
}

export interface KeyListRequest extends KeySearch {
  /** From 1. */
  page: number;
  perPage: number;
  status?: (typeof KEY_STATUS_FILTERS)[number] | undefined;
  userType?: UserType | undefined;
}

/** One page of the keys that the caller has access to, newest first. */
export async function listKeys(
  services: Stores,
  caller: Caller,
  request: KeyListRequest,
): Promise<Outcome<{ keys: Key[]; count: number }>> {
  const scope = await findScope(services, caller, request);
  if ('refused' in scope) return scope;
  const { status, userType, searchText } = request;
  const filter = { scope, status, userType, searchText, today: toDate(services.now()) };
  const page = { offset: (request.page - 1) * request.perPage, limit: request.perPage };
  return services.readList(services.heard.lookupBookmark, (db) => readKeys(db, filter, page));
}

/** Keys that are counted at once: an organisation, or a user, with more has no counts. */
const MAX_COUNTED = 10_000;

/**
 * How many keys the caller has access to, by type and status. Bounded, however many there are.
 * @returns `counts` is null when the organisation, or the user that it is of, has more than `MAX_COUNTED` keys, whatever the
 * search finds. Nothing is estimated
 */
export async function countKeys(
  services: Stores,
  caller: Caller,
  search: KeySearch,
): Promise<Outcome<{ counts: Record<UserType, CountsByStatus> | null }>> {
  const scope = await findScope(services, caller, search);
  if ('refused' in scope) return scope;
  const filter = { scope, searchText: search.searchText, today: toDate(services.now()) };
  const counts = await services.readList(services.heard.lookupBookmark, (db) =>
    countKeysByStatus(db, filter, MAX_COUNTED),
  );
  return { counts };
}

/**
 * Whose keys are asked for, as far as the caller has access to them. Another user's keys do not exist for one who has no
 * access to them.
 */
async function findScope(
  services: Stores,
  caller: Caller,
  { orgId, userId }: Pick<KeySearch, 'orgId' | 'userId'>,
): Promise<KeyScope | Refusal> {
  const organisation = await findOrganisationNamed(services, caller, orgId);
  if ('refused' in organisation) return organisation;
  if (administersKeys(caller.user.role)) {
    return userId === undefined ? { orgId: organisation.id } : { userId, orgId: organisation.id };
  }
  const isOfOther = userId !== undefined && userId !== caller.user.id;
  return isOfOther ? { refused: 'not_found' } : { userId: caller.user.id };
}
