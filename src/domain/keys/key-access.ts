import type { Caller } from '../authority/caller.ts';
import { administersKeys } from '../permissions/roles.ts';
import type { Key } from './key.ts';

/** Whether the caller has access to this organisation: its own, or any for a PROVIDER. */
export function hasAccessToOrganisation(caller: Caller, orgId: number): boolean {
  return caller.user.role === 'PROVIDER' || caller.user.orgId === orgId;
}

/**
 * Whether the caller may list, read and revoke a key: the keys of its own user, and for administrators every key of the
 * organisations that they have access to. Other keys are answered as if they did not exist.
 */
export function hasAccessToKey(caller: Caller, key: Pick<Key, 'orgId' | 'userId'>): boolean {
  if (key.userId === caller.user.id) return true;
  return administersKeys(caller.user.role) && hasAccessToOrganisation(caller, key.orgId);
}
