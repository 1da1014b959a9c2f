import * as storage from '../../storage/change-users.ts';
import { hasPeer, holdsOffice } from '../../storage/users.ts';
import { differences } from '../audit/differences.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import { findUserShortfall } from '../authority/reach.ts';
import type { Outcome, Refusal } from '../authority/refusal.ts';
import { refuseReach } from '../authority/refuse-reach.ts';
import type { Acting, Stores } from '../services.ts';
import { type EffectiveBy, effectiveFromNow } from '../verification/effective-by.ts';
import { actOnUser } from './act-on-user.ts';
import { PERSON_FIELDS, type User } from './user.ts';
import { describeLastInOffice } from './user-rules.ts';

export interface DeletedUser {
  userId: string;
  effectiveBy: EffectiveBy;
}

/**
 * Deletes a person with all its keys, in one batch and with one row in the change feed, however many keys there are.
 * The audit log keeps what the person did, with its id and name.
 */
export function deleteUser(services: Acting, caller: Caller, user: User): Promise<Outcome<DeletedUser>> {
  return actOnUser(services, caller, user, (confirmed, present) => tryDelete(services, confirmed, present));
}

/** @returns null when the user was changed by someone else between the judgement and the write */
async function tryDelete(services: Acting, caller: Caller, user: User): Promise<Outcome<DeletedUser> | null> {
  const refusal = await judgeDeletion(services, caller, user);
  if (refusal?.refused === 'out_of_reach') {
    return refuseReach(
      services,
      caller,
      { action: 'user.delete', orgId: user.orgId, userId: user.id },
      refusal.shortfall,
    );
  }
  if (refusal !== null) return refusal;

  const { firstName, lastName, email, role } = user;
  const isDeleted = await storage.deleteUser(services, user, {
    audit: { action: 'user.deleted', changes: differences(PERSON_FIELDS, { firstName, lastName, email, role }, null) },
    actor: actorOf(caller, { userIds: [user.id] }),
    now: services.now(),
  });
  return isDeleted ? { userId: user.id, effectiveBy: effectiveFromNow(services) } : null;
}

/** Why the caller, or anyone, may not delete this person; null: nothing is against it. Writes nothing. */
export async function judgeDeletion(services: Stores, caller: Caller, user: User): Promise<Refusal | null> {
  if (user.id === caller.user.id) return { refused: 'invalid', fields: { id: 'You cannot delete yourself.' } };
  const shortfall = findUserShortfall(caller.reach, user.role);
  if (shortfall !== null) return { refused: 'out_of_reach', shortfall };
  if (holdsOffice(user) && !(await hasPeer(services.db, user))) {
    return { refused: 'invalid', fields: { id: describeLastInOffice(user.role) } };
  }
  return null;
}
