import type { Key } from '../keys/key.ts';
import { administersKeys } from '../permissions/roles.ts';
import type { Caller } from './caller.ts';

/** Whether the caller may work in this organisation: its own, or any for a PROVIDER. */
export function hasAccessToOrganisation(caller: Caller, orgId: number): boolean {
  return caller.user.role === 'PROVIDER' || caller.user.orgId === orgId;
}

/**
 * Whether the caller may list, read and revoke a key: its own, and for administrators every key of the organisations
 * that they work in. What lies outside looks as if it did not exist.
 */
export function hasAccessToKey(caller: Caller, key: Pick<Key, 'orgId' | 'userId'>): boolean {
  if (key.userId === caller.user.id) return true;
  return administersKeys(caller.user.role) && hasAccessToOrganisation(caller, key.orgId);
}
