import { compileAllowlist, covers, parseNetwork } from '../addresses/allowlist.ts';
import { type PermissionName, permissionsOfRole } from '../permissions/permissions.ts';
import { mayGiveRole, type Role } from '../permissions/roles.ts';
import type { Reach } from '../verification/key-record.ts';
import type { Shortfall } from './refusal.ts';

/** The key that the caller wants to make, change, rotate or see. */
export interface ReachedKey {
  /**
   * Whose key it is. `caller`: a key of the caller's own user. `main`: a main integration key. `new_for_another`: a key
   * that is being created for another user. `another`: an existing personal key of another user, which is out of
   * everyone else's reach.
   */
  belongsTo: 'caller' | 'main' | 'new_for_another' | 'another';
  userRole: Role;
  isUnrestricted: boolean;
  /** The stored permissions for a new list, the effective ones for a key as it stands. */
  permissions: readonly PermissionName[];
  ipWhitelist: readonly string[];
  expirationDate: string | null;
}

/**
 * The rule that no key reaches further than the key that created it. Without it, a leaked key or a user with a low role
 * could create a wider key: with more permissions, for more addresses, for longer. Pure.
 * @returns the first rule that the key breaks, or null when it lies within the caller's reach
 */
export function findShortfall(caller: Reach, key: ReachedKey): Shortfall | null {
  if (key.belongsTo === 'another') return { rule: 'owner' };
  if (key.belongsTo !== 'caller' && !mayGiveRole(caller.userRole, key.userRole)) {
    return { rule: 'role', role: key.userRole };
  }
  const missing = key.permissions.filter((name) => !caller.permissions.includes(name));
  if (missing.length > 0) return { rule: 'permissions', missing };
  // An unrestricted key grants whatever its user will ever have. No list contains that.
  if (key.isUnrestricted && !caller.isUnrestricted) return { rule: 'unrestricted' };

  if (caller.ipWhitelist.length > 0) {
    // An empty list restricts nothing, so it lies within no list.
    if (key.ipWhitelist.length === 0) return { rule: 'networks', outside: null };
    const own = compileAllowlist(caller.ipWhitelist);
    const outside = key.ipWhitelist.find((entry) => {
      const network = parseNetwork(entry);
      return network === null || !covers(own, network);
    });
    if (outside !== undefined) return { rule: 'networks', outside };
  }
  // Dates of one form, YYYY-MM-DD, compare as text.
  if (caller.expirationDate !== null && (key.expirationDate === null || key.expirationDate > caller.expirationDate)) {
    return { rule: 'expiry', latest: caller.expirationDate };
  }
  return null;
}

/**
 * The same rule for users. To create, change or delete a user, the caller must be able to give the role, and its key
 * must have every permission of the role. Otherwise a narrow key could create a user whose keys are wide. Pure.
 * @returns the first rule that is broken, or null
 */
export function findUserShortfall(caller: Reach, role: Role): Shortfall | null {
  if (!mayGiveRole(caller.userRole, role)) return { rule: 'role', role };
  const missing = [...permissionsOfRole(role)].filter((name) => !caller.permissions.includes(name));
  return missing.length > 0 ? { rule: 'permissions', missing } : null;
}

/**
 * The rule for acts that widen a user: to create, invite or enable it, to raise its role, to change its email. The
 * calling key must be unrestricted, without allowlist and without expiry, because the keys and sessions of that user
 * can be all of that. Pure.
 * @returns the first thing that narrows the calling key, or null
 */
export function findNarrowing(caller: Reach): Shortfall | null {
  if (!caller.isUnrestricted) return { rule: 'open_caller', narrowed: 'permissions' };
  if (caller.ipWhitelist.length > 0) return { rule: 'open_caller', narrowed: 'networks' };
  if (caller.expirationDate !== null) return { rule: 'open_caller', narrowed: 'expiry' };
  return null;
}
