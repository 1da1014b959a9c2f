import { compileAllowlist, covers, parseNetwork } from '../addresses/allowlist.ts';
import { type PermissionName, permissionsOfRole } from '../permissions/permissions.ts';
import { mayGiveRole, type Role } from '../permissions/roles.ts';
import type { Shortfall } from './refusal.ts';

/** How far the calling key itself reaches. */
export interface Reach {
  userRole: Role;
  /** Whether it has its user's permissions, those of tomorrow included, and no list of its own. */
  isUnrestricted: boolean;
  permissions: readonly PermissionName[];
  ipWhitelist: readonly string[];
  expirationDate: string | null;
}

/** The key that the caller wants to make, change, rotate or see. */
export interface ReachedKey {
  /**
   * Whose key it is: the caller's own user's; a main integration key; one that is only now being made for another
   * user; or the personal key that another user has, which stays out of everyone else's reach.
   */
  belongsTo: 'caller' | 'main' | 'new_for_another' | 'another';
  userRole: Role;
  isUnrestricted: boolean;
  /** The stored ones for a list that is new, the effective ones for a key as it stands. */
  permissions: readonly PermissionName[];
  ipWhitelist: readonly string[];
  expirationDate: string | null;
}

/**
 * The rule that no key reaches further than the one that made it. Without it, a key that leaked or a user with little
 * say would make itself a wider key: more permissions, from more places, for longer. Pure.
 * @returns the first rule that the key breaks, or null when it lies within the caller's reach
 */
export function findShortfall(caller: Reach, key: ReachedKey): Shortfall | null {
  if (key.belongsTo === 'another') return { rule: 'owner' };
  if (key.belongsTo !== 'caller' && !mayGiveRole(caller.userRole, key.userRole)) {
    return { rule: 'role', role: key.userRole };
  }
  const missing = key.permissions.filter((name) => !caller.permissions.includes(name));
  if (missing.length > 0) return { rule: 'permissions', missing };
  // It grants whatever its user will ever have, which no list contains.
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
 * The same rule for users: who makes or changes one needs to be able to give its role, with a key that has everything
 * that the role can do; otherwise a narrow key could make a user whose keys are wide. Pure.
 */
export function findUserShortfall(caller: Reach, role: Role): Shortfall | null {
  if (!mayGiveRole(caller.userRole, role)) return { rule: 'role', role };
  const missing = [...permissionsOfRole(role)].filter((name) => !caller.permissions.includes(name));
  return missing.length > 0 ? { rule: 'permissions', missing } : null;
}

/**
 * What adds to what a user can do (to create, invite or enable one, to raise its role, to give it another email) needs a
 * calling key that nothing narrows: the user's own keys and sessions can be all of that. Pure.
 */
export function findNarrowing(caller: Reach): Shortfall | null {
  if (!caller.isUnrestricted) return { rule: 'open_caller', narrowed: 'permissions' };
  if (caller.ipWhitelist.length > 0) return { rule: 'open_caller', narrowed: 'networks' };
  if (caller.expirationDate !== null) return { rule: 'open_caller', narrowed: 'expiry' };
  return null;
}
