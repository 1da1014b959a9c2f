import { commitUserChange } from '../../storage/commit-change.ts';
import { deleteMarkedUser, hasPeer, holdsOffice, markUserDeleted, type UserRow } from '../../storage/users.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import { findUserShortfall } from '../authority/reach.ts';
import type { Outcome } from '../authority/refusal.ts';
import { refuseReach } from '../authority/refuse-reach.ts';
import { untilUncontended } from '../authority/until-uncontended.ts';
import type { Services } from '../services.ts';
import { findUserById } from './find-user.ts';
import { describeLastInOffice } from './user-rules.ts';

/**
 * Deletes a person with all its keys, in one batch and with one row in the change feed, however many keys there are.
 * What the person did stays on record, by id and name.
 */
export function deleteUser(services: Services, caller: Caller, user: UserRow): Promise<Outcome<{ userId: string }>> {
  return untilUncontended(services, caller, async (confirmed, isFirst) => {
    const present = isFirst ? user : await findUserById(services, confirmed, user.id);
    return present === null ? { refused: 'not_found' } : tryDelete(services, confirmed, present);
  });
}

/** @returns null when the user was changed by someone else between the judgement and the write */
async function tryDelete(
  services: Services,
  caller: Caller,
  user: UserRow,
): Promise<Outcome<{ userId: string }> | null> {
  if (user.id === caller.user.id) return { refused: 'invalid', fields: { id: 'You cannot delete yourself.' } };
  const shortfall = findUserShortfall(caller.reach, user.role);
  if (shortfall !== null)
    return refuseReach(services, caller, { action: 'user.delete', orgId: user.orgId, userId: user.id }, shortfall);
  if (holdsOffice(user) && !(await hasPeer(services.db, user))) {
    return { refused: 'invalid', fields: { id: describeLastInOffice(user.role) } };
  }

  const now = services.now();
  const deleted = await commitUserChange(services, {
    rows: [markUserDeleted(services.db, user, now)],
    after: deleteMarkedUser(services.db, user.id),
    userId: user.id,
    orgId: user.orgId,
    audit: {
      action: 'user.deleted',
      changes: {
        first_name: [user.firstName, null],
        last_name: [user.lastName, null],
        email: [user.email, null],
        role: [user.role, null],
      },
    },
    actor: actorOf(caller, { userIds: [user.id] }),
    now,
  });
  return deleted === null ? null : { userId: user.id };
}
