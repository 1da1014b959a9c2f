import type { Caller } from '../authority/caller.ts';
import type { Shortfall } from '../authority/refusal.ts';
import { administersKeys, mayGiveRole } from '../permissions/roles.ts';
import type { User } from '../users/user.ts';
import type { Key } from './key.ts';
import { findKeyShortfall, findTakingShortfall } from './key-reach.ts';
import { findResumeShortfall } from './resume-key.ts';

/** Why an act on a key is not for the caller; null: it is, as far as can be told beforehand. */
export type Hindrance = 'revoked' | 'permission' | Shortfall | null;

/** What stands between the caller and each act on a key that it has access to. */
export interface KeyHindrances {
  change: Hindrance;
  rotate: Hindrance;
  see: Hindrance;
  revoke: Hindrance;
  pause: Hindrance;
  resume: Hindrance;
}

/**
 * Judges the acts on a key beforehand, to show what can be done with it. Pure. Each act judges again when it is done.
 */
export function findHindrances(caller: Caller, key: Key): KeyHindrances {
  const hindrance = (shortfall: () => Shortfall | null): Hindrance => {
    if (!caller.reach.permissions.includes('api_key_manage')) return 'permission';
    return key.revokedAt === null ? shortfall() : 'revoked';
  };
  const reach = hindrance(() => findKeyShortfall(caller, key));
  const taking = hindrance(() => findTakingShortfall(caller, key));
  return {
    change: reach,
    rotate: reach,
    see: reach,
    revoke: taking,
    pause: taking,
    resume: hindrance(() => findResumeShortfall(caller, key)),
  };
}

/** Judges beforehand whether the caller may make a key for a user at all, whatever the key may do. Pure. */
export function findCreationHindrance(caller: Caller, user: Pick<User, 'id' | 'role'>): Hindrance {
  if (!caller.reach.permissions.includes('api_key_manage')) return 'permission';
  if (user.id === caller.user.id) return null;
  if (!administersKeys(caller.user.role)) return { rule: 'administrators_only' };
  return mayGiveRole(caller.user.role, user.role) ? null : { rule: 'role', role: user.role };
}
