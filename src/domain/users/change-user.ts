import { commitUserChange } from '../../storage/commit-change.ts';
import { hasPeer, holdsOffice, readUser, type UserRow, updateUser } from '../../storage/users.ts';
import { differences } from '../audit/differences.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import { findUserShortfall } from '../authority/reach.ts';
import type { Outcome } from '../authority/refusal.ts';
import { refuseReach } from '../authority/refuse-reach.ts';
import { findOrganisationNamed } from '../organisations/find-organisation.ts';
import type { Role } from '../permissions/roles.ts';
import type { Services } from '../services.ts';
import { untilUncontended } from '../until-uncontended.ts';
import { describeLastInOffice, findWrongUserFields, foldedUserFields } from './user-rules.ts';

/** The fields to change; those left out stay as they are. */
export interface UserPatch {
  firstName?: string | undefined;
  lastName?: string | undefined;
  email?: string | undefined;
  role?: Role | undefined;
  disabled?: boolean | undefined;
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
): Promise<Outcome<{ userId: string }>> {
  return untilUncontended(
    user,
    () => readUser(services.db, user.id),
    (present) => tryChange(services, caller, present, patch),
  );
}

/** @returns null when the user was changed by someone else between the judgement and the write */
async function tryChange(
  services: Services,
  caller: Caller,
  user: UserRow,
  patch: UserPatch,
): Promise<Outcome<{ userId: string }> | null> {
  const after = {
    firstName: patch.firstName ?? user.firstName ?? '',
    lastName: patch.lastName ?? user.lastName ?? '',
    email: patch.email ?? user.email ?? '',
    role: patch.role ?? user.role,
    disabled: patch.disabled ?? user.disabled,
  };
  const organisation = await findOrganisationNamed(services, caller, user.orgId);
  if ('refused' in organisation) return organisation;
  const wrong = await findWrongUserFields(services, caller, organisation, after, user.id);
  if (after.disabled && user.id === caller.key.userId) wrong.disabled = 'You cannot disable yourself.';
  const leaves = holdsOffice(user) && (after.disabled || after.role !== user.role);
  if (leaves && !(await hasPeer(services.db, user))) {
    wrong[after.disabled ? 'disabled' : 'role'] ??= describeLastInOffice(user.role);
  }
  if (Object.keys(wrong).length > 0) return { refused: 'invalid', fields: wrong };
  const shortfall = findUserShortfall(caller.key, user.role) ?? findUserShortfall(caller.key, after.role);
  if (shortfall !== null)
    return refuseReach(services, caller, { action: 'user.change', orgId: user.orgId, userId: user.id }, shortfall);

  const changes = differences({
    first_name: [user.firstName, after.firstName],
    last_name: [user.lastName, after.lastName],
    email: [user.email, after.email],
    role: [user.role, after.role],
    disabled: [user.disabled, after.disabled],
  });
  if (Object.keys(changes).length === 0) return { userId: user.id };
  const changed = await commitUserChange(services, {
    rows: [updateUser(services.db, user, { ...after, ...foldedUserFields(after) })],
    userId: user.id,
    orgId: user.orgId,
    audit: { action: 'user.changed', changes },
    actor: actorOf(caller),
    now: services.now(),
  });
  return changed ? { userId: user.id } : null;
}
