import { commitUserChange, type RevokedKey } from '../../storage/commit-change.ts';
import { revokeKeysOfPromoted } from '../../storage/revoke-keys-of-promoted.ts';
import { hasPeer, holdsOffice, type UserRow, updateUser } from '../../storage/users.ts';
import { differences } from '../audit/differences.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import { findNarrowing, findUserShortfall } from '../authority/reach.ts';
import type { Outcome, Shortfall } from '../authority/refusal.ts';
import { refuseReach } from '../authority/refuse-reach.ts';
import { untilUncontended } from '../authority/until-uncontended.ts';
import { findOrganisationNamed } from '../organisations/find-organisation.ts';
import { isRaise } from '../permissions/permissions.ts';
import { type Role, rolesThatMayGive } from '../permissions/roles.ts';
import type { Services } from '../services.ts';
import { findUserById } from './find-user.ts';
import { describeLastInOffice, findWrongUserFields, refoldedUserFields } from './user-rules.ts';

/** The fields to change; those left out stay as they are. */
export interface UserPatch {
  firstName?: string | undefined;
  lastName?: string | undefined;
  email?: string | undefined;
  role?: Role | undefined;
  disabled?: boolean | undefined;
}

/** What the fields of a user are after a change. */
interface UserAfter {
  firstName: string;
  lastName: string;
  email: string;
  role: Role;
  disabled: boolean;
}

/** `revokedKeys`: keys of the user whose secret someone knows who could not have made them for the new role. */
export interface ChangedUser {
  userId: string;
  revokedKeys: RevokedKey[];
}

/**
 * Changes a person that the caller works with. A change of role, or disabling, takes effect on every key of the user at
 * once: keys hold nothing of the user, they are judged with what it is at each call.
 */
export function changeUser(
  services: Services,
  caller: Caller,
  user: UserRow,
  patch: UserPatch,
): Promise<Outcome<ChangedUser>> {
  return untilUncontended(services, caller, async (confirmed, isFirst) => {
    const present = isFirst ? user : await findUserById(services, confirmed, user.id);
    return present === null ? { refused: 'not_found' } : tryChange(services, confirmed, present, patch);
  });
}

/** @returns null when the caller or the user was changed between the judgement and the write */
async function tryChange(
  services: Services,
  caller: Caller,
  user: UserRow,
  patch: UserPatch,
): Promise<Outcome<ChangedUser> | null> {
  const after: UserAfter = {
    firstName: patch.firstName ?? user.firstName ?? '',
    lastName: patch.lastName ?? user.lastName ?? '',
    email: patch.email ?? user.email ?? '',
    role: patch.role ?? user.role,
    disabled: patch.disabled ?? user.disabled,
  };
  const organisation = await findOrganisationNamed(services, caller, user.orgId);
  if ('refused' in organisation) return organisation;
  if (after.disabled && user.id === caller.user.id) {
    return { refused: 'invalid', fields: { disabled: 'You cannot disable yourself.' } };
  }
  // Before anything is looked up, so that those who may not do this cannot find out who is a user here.
  const shortfall = findChangeShortfall(caller, user, after);
  if (shortfall !== null)
    return refuseReach(services, caller, { action: 'user.change', orgId: user.orgId, userId: user.id }, shortfall);

  const wrong = await findWrongUserFields(services, caller, organisation, after, user);
  const leaves = holdsOffice(user) && (after.disabled || after.role !== user.role);
  if (leaves && !(await hasPeer(services.db, user))) {
    wrong[after.disabled ? 'disabled' : 'role'] ??= describeLastInOffice(user.role);
  }
  if (Object.keys(wrong).length > 0) return { refused: 'invalid', fields: wrong };

  const changes = differences({
    first_name: [user.firstName, after.firstName],
    last_name: [user.lastName, after.lastName],
    email: [user.email, after.email],
    role: [user.role, after.role],
    disabled: [user.disabled, after.disabled],
  });
  if (Object.keys(changes).length === 0) return { userId: user.id, revokedKeys: [] };
  return commit(services, caller, user, after, changes);
}

function findChangeShortfall(caller: Caller, user: UserRow, after: UserAfter): Shortfall | null {
  const widens =
    isRaise(user.role, after.role) || (user.disabled && !after.disabled) || after.email !== (user.email ?? '');
  return (
    findUserShortfall(caller.reach, user.role) ??
    findUserShortfall(caller.reach, after.role) ??
    (widens ? findNarrowing(caller.reach) : null)
  );
}

async function commit(
  services: Services,
  caller: Caller,
  user: UserRow,
  after: UserAfter,
  changes: Record<string, unknown>,
): Promise<ChangedUser | null> {
  const { db } = services;
  const now = services.now();
  const actor = actorOf(caller, { userIds: [user.id] });
  const changed = await commitUserChange(services, {
    rows: [updateUser(db, user, { ...after, ...refoldedUserFields(user, after) })],
    // Who made a key for this user knows its secret, and must not get more by it than it could have given.
    after: isRaise(user.role, after.role)
      ? revokeKeysOfPromoted(db, { userId: user.id, makers: rolesThatMayGive(after.role), actor, now })
      : [],
    userId: user.id,
    orgId: user.orgId,
    audit: { action: 'user.changed', changes },
    actor,
    now,
  });
  return changed === null ? null : { userId: user.id, revokedKeys: changed.revokedKeys };
}
