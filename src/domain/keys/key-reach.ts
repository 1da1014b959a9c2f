import { type Caller, hasAccessToOrganisation } from '../authority/caller.ts';
import { findShortfall, type ReachedKey } from '../authority/reach.ts';
import type { Refusal, Shortfall } from '../authority/refusal.ts';
import { type Attempt, refuseReach } from '../authority/refuse-reach.ts';
import { effectivePermissions, type PermissionName } from '../permissions/permissions.ts';
import { administersKeys } from '../permissions/roles.ts';
import type { Stores } from '../services.ts';
import type { Key } from './key.ts';

type Judged = Pick<
  Key,
  'userId' | 'userType' | 'userRole' | 'ipWhitelist' | 'expirationDate' | 'hasRestrictedPermissions' | 'permissions'
>;

/**
 * Whether the caller may list, read, pause and revoke a key: the keys of its own user, and for administrators every key of the
 * organisations that they have access to. Other keys are answered as if they did not exist.
 */
export function hasAccessToKey(caller: Caller, key: Pick<Key, 'orgId' | 'userId'>): boolean {
  if (key.userId === caller.user.id) return true;
  return administersKeys(caller.user.role) && hasAccessToOrganisation(caller, key.orgId);
}

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

/**
 * Why the caller, who has access to the key, may not revoke or pause it, nor end its overlap; null: it may. Keys of
 * PROVIDER users are revoked by PROVIDER only.
 */
export function findTakingShortfall(caller: Caller, key: Pick<Key, 'userRole'>): Shortfall | null {
  return key.userRole === 'PROVIDER' && caller.user.role !== 'PROVIDER' ? { rule: 'provider_keys' } : null;
}

/** `refuseReach` for an existing key. */
export function refuseKeyReach(
  services: Stores,
  caller: Caller,
  action: Extract<Attempt['action'], `api_key.${string}`>,
  key: Pick<Key, 'id' | 'orgId' | 'userId'>,
  shortfall: Shortfall,
): Promise<Refusal> {
  return refuseReach(services, caller, { action, orgId: key.orgId, apiKeyId: key.id, userId: key.userId }, shortfall);
}
