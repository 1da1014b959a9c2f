import type { Key } from '../keys/key.ts';
import { effectivePermissions, type PermissionName } from '../permissions/permissions.ts';
import type { Caller } from './caller.ts';
import { findShortfall } from './reach.ts';
import type { Shortfall } from './refusal.ts';

type Judged = Pick<
  Key,
  'userId' | 'userType' | 'userRole' | 'ipWhitelist' | 'expirationDate' | 'hasRestrictedPermissions' | 'permissions'
>;

/**
 * The first rule that puts an existing key out of the caller's reach; null when the key is within it.
 * @param permissions the permissions to judge the key by; left out, its effective permissions today
 */
export function findKeyShortfall(
  caller: Caller,
  key: Judged,
  permissions: readonly PermissionName[] = effectivePermissions(key, key.userRole),
): Shortfall | null {
  return findShortfall(caller.reach, {
    belongsTo: key.userId === caller.user.id ? 'caller' : key.userType === 'bot' ? 'main' : 'another',
    userRole: key.userRole,
    isUnrestricted: !key.hasRestrictedPermissions,
    permissions,
    ipWhitelist: key.ipWhitelist,
    expirationDate: key.expirationDate,
  });
}
