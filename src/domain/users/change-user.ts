import { changeUserFields } from '../../storage/change-users.ts';
import type { RevokedKey } from '../../storage/commit-change.ts';
import { hasPeer, holdsOffice } from '../../storage/users.ts';
import { differences } from '../audit/differences.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import { findNarrowing, findUserShortfall } from '../authority/reach.ts';
import type { Outcome, Shortfall } from '../authority/refusal.ts';
import { refuseReach } from '../authority/refuse-reach.ts';
import { findOrganisationNamed } from '../organisations/find-organisation.ts';
import { isRaise } from '../permissions/permissions.ts';
import { type Role, rolesThatMayGive } from '../permissions/roles.ts';
import type { Acting, Stores } from '../services.ts';
import { type EffectiveBy, effectiveFromNow } from '../verification/effective-by.ts';
import { actOnUser } from './act-on-user.ts';
import { type FixedUserFields, PERSON_FIELDS, type PersonFields, type User } from './user.ts';
import { describeLastInOffice, findChangedFixedFields, findWrongUserFields } from './user-rules.ts';

/** The fields to change; those left out stay as they are. */
export interface UserPatch {
  firstName?: string | undefined;
  lastName?: string | undefined;
  email?: string | undefined;
  role?: Role | undefined;
  disabled?: boolean | undefined;
  /** Read-only fields that the body gave. They must have the user's own values. */
  fixed?: FixedUserFields | undefined;
}

/** The fields of a user after a change. */
type UserAfter = PersonFields & { disabled: boolean };

const USER_FIELDS = { ...PERSON_FIELDS, disabled: 'disabled' } as const satisfies Record<keyof UserAfter, string>;

/**
 * `revokedKeys`: the keys of the user that a raise of its role revoked. Someone else made their secret, and so knows
 * it, but may not give the new role.
 */
export interface ChangedUser {
  userId: string;
  revokedKeys: RevokedKey[];
  effectiveBy: EffectiveBy;
}

/**
 * Changes a person in an organisation that the caller has access to. A change of role, or disabling, takes effect on
 * every key of the user at once. Keys store neither the role nor the state of their user: each call is judged by the
 * user's present state.
 */
export function changeUser(
  services: Acting,
  caller: Caller,
  user: User,
  patch: UserPatch,
): Promise<Outcome<ChangedUser>> {
  return actOnUser(services, caller, user, (confirmed, present) => tryChange(services, confirmed, present, patch));
}

/** @returns null when the caller or the user was changed between the judgement and the write */
async function tryChange(
  services: Acting,
  caller: Caller,
  user: User,
  patch: UserPatch,
): Promise<Outcome<ChangedUser> | null> {
  const judged = await judgeUserChange(services, caller, user, patch);
  if (judged.refused === 'out_of_reach') {
    return refuseReach(
      services,
      caller,
      { action: 'user.change', orgId: user.orgId, userId: user.id },
      judged.shortfall,
    );
  }
  if (judged.refused) return judged;
  const { before, after } = judged;
  const changes = differences(USER_FIELDS, before, after);
  if (Object.keys(changes).length === 0) {
    return { userId: user.id, revokedKeys: [], effectiveBy: effectiveFromNow(services) };
  }
  const changed = await changeUserFields(services, user, after, rolesThatMayRaise(user.role, after.role), {
    audit: { action: 'user.changed', changes },
    actor: actorOf(caller, { userIds: [user.id] }),
    now: services.now(),
  });
  if (changed === null) return null;
  return { userId: user.id, revokedKeys: changed.revokedKeys, effectiveBy: effectiveFromNow(services) };
}

/** The roles that may give the new role, if it is a raise; else null. */
export function rolesThatMayRaise(before: Role, after: Role): Role[] | null {
  return isRaise(before, after) ? rolesThatMayGive(after) : null;
}

/**
 * Judges a change of a person, and writes nothing.
 * @returns the fields before and after it; refused as `out_of_reach` when the caller may not make it, as `invalid` when no
 * one may
 */
export async function judgeUserChange(
  services: Stores,
  caller: Caller,
  user: User,
  patch: UserPatch,
): Promise<Outcome<{ before: UserAfter; after: UserAfter }>> {
  const before = fieldsOf(user);
  const after: UserAfter = {
    firstName: patch.firstName ?? before.firstName,
    lastName: patch.lastName ?? before.lastName,
    email: patch.email ?? before.email,
    role: patch.role ?? before.role,
    disabled: patch.disabled ?? before.disabled,
  };
  const organisation = await findOrganisationNamed(services, caller, user.orgId);
  if ('refused' in organisation) return organisation;
  const wrongFixed = findChangedFixedFields(patch.fixed ?? {}, user);
  if (after.disabled && user.id === caller.user.id) {
    return { refused: 'invalid', fields: { disabled: 'You cannot disable yourself.', ...wrongFixed } };
  }
  // Judged before the email is looked up, so that a caller without this right cannot find out who is a user here.
  const shortfall = findChangeShortfall(caller, user, after);
  if (shortfall !== null) return { refused: 'out_of_reach', shortfall };

  const wrong = { ...(await findWrongUserFields(services, caller, organisation, after, user)), ...wrongFixed };
  const leaves = holdsOffice(user) && (after.disabled || after.role !== user.role);
  if (leaves && !(await hasPeer(services.db, user))) {
    wrong[after.disabled ? 'disabled' : 'role'] ??= describeLastInOffice(user.role);
  }
  return Object.keys(wrong).length > 0 ? { refused: 'invalid', fields: wrong } : { before, after };
}

/** The fields of a person, who has names and an email. Only a bot has none, and `findUserById` finds no bot. */
function fieldsOf({ firstName, lastName, email, role, disabled }: User): UserAfter {
  return { firstName: firstName ?? '', lastName: lastName ?? '', email: email ?? '', role, disabled };
}

function findChangeShortfall(caller: Caller, user: User, after: UserAfter): Shortfall | null {
  const widens =
    isRaise(user.role, after.role) || (user.disabled && !after.disabled) || after.email !== (user.email ?? '');
  return (
    findUserShortfall(caller.reach, user.role) ??
    findUserShortfall(caller.reach, after.role) ??
    (widens ? findNarrowing(caller.reach) : null)
  );
}
