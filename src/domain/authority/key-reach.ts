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
 * In what a key that exists lies beyond the caller's reach; null: in nothing.
 * @param permissions what it is judged by: its effective permissions as it stands, unless given
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
