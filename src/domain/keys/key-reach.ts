import type { Caller } from '../authority/caller.ts';
import { findShortfall, type ReachedKey } from '../authority/reach.ts';
import type { Shortfall } from '../authority/refusal.ts';
import { effectivePermissions, type PermissionName } from '../permissions/permissions.ts';
import type { Key } from './key.ts';

type Judged = Pick<
  Key,
  'userId' | 'userType' | 'userRole' | 'ipWhitelist' | 'expirationDate' | 'hasRestrictedPermissions' | 'permissions'
>;

/** Whose key one that exists is, from where the caller stands. */
export function belongingOf(caller: Caller, key: Pick<Key, 'userId' | 'userType'>): ReachedKey['belongsTo'] {
  if (key.userId === caller.user.id) return 'caller';
  return key.userType === 'bot' ? 'main' : 'another';
}

/**
 * The first rule that puts an existing key out of the caller's reach; null when the key is within it.
 * @param permissions the permissions to judge the key by; left out, its effective permissions today
 * @param belongsTo whose key it counts as; left out, whose it is today
 */
export function findKeyShortfall(
  caller: Caller,
  key: Judged,
  permissions: readonly PermissionName[] = effectivePermissions(key, key.userRole),
  belongsTo: ReachedKey['belongsTo'] = belongingOf(caller, key),
): Shortfall | null {
  return findShortfall(caller.reach, {
    belongsTo,
    userRole: key.userRole,
    isUnrestricted: !key.hasRestrictedPermissions,
    permissions,
    ipWhitelist: key.ipWhitelist,
    expirationDate: key.expirationDate,
  });
}
