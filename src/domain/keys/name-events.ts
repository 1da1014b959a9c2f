import { type NamedKey, type NamedUser, readNames } from '../../storage/names.ts';
import type { AuditEvent } from '../audit/list-audit-events.ts';
import { type Caller, hasAccessToOrganisation } from '../authority/caller.ts';
import type { Stores } from '../services.ts';
import { hasAccessToKey } from './key-reach.ts';

/**
 * The keys and people that the events of one page concern, as they are named today, by id. What no longer exists is left
 * out, and so is what the caller has no access to: an event stays in the organisation that it happened in.
 */
export async function nameEvents(
  services: Stores,
  caller: Caller,
  events: readonly Pick<AuditEvent, 'apiKeyId' | 'userId'>[],
): Promise<{ keys: ReadonlyMap<number, NamedKey>; users: ReadonlyMap<string, NamedUser> }> {
  const ids = {
    apiKeyIds: present(events.map(({ apiKeyId }) => apiKeyId)),
    userIds: present(events.map(({ userId }) => userId)),
  };
  if (ids.apiKeyIds.length + ids.userIds.length === 0) return { keys: new Map(), users: new Map() };
  const found = await services.readList(services.heard.lookupBookmark, (db) => readNames(db, ids));
  const keys = found.keys.filter((key) => hasAccessToKey(caller, key));
  const users = found.users.filter(({ type, orgId }) => type === 'user' && hasAccessToOrganisation(caller, orgId));
  return { keys: new Map(keys.map((key) => [key.id, key])), users: new Map(users.map((user) => [user.id, user])) };
}

function present<Id>(ids: readonly (Id | null)[]): Id[] {
  return [...new Set(ids)].filter((id) => id !== null);
}
