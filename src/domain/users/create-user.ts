import { addUser } from '../../storage/change-users.ts';
import { differences } from '../audit/differences.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import { findNarrowing, findUserShortfall } from '../authority/reach.ts';
import type { Outcome } from '../authority/refusal.ts';
import { refuseReach } from '../authority/refuse-reach.ts';
import { untilUncontended } from '../authority/until-uncontended.ts';
import { findOrganisationNamed } from '../organisations/find-organisation.ts';
import type { Acting } from '../services.ts';
import { newUserId, PERSON_FIELDS, type PersonFields } from './user.ts';
import { findWrongUserFields } from './user-rules.ts';

export interface UserRequest extends PersonFields {
  /** PROVIDER only; left out: the caller's own organisation. */
  orgId?: number | undefined;
}

/** Adds a person to an organisation. */
export function createUser(
  services: Acting,
  caller: Caller,
  request: UserRequest,
): Promise<Outcome<{ userId: string }>> {
  return untilUncontended(services, caller, (confirmed) => tryCreate(services, confirmed, request));
}

/** @returns null when the caller was changed, or the email taken, between the judgement and the write */
async function tryCreate(
  services: Acting,
  caller: Caller,
  request: UserRequest,
): Promise<Outcome<{ userId: string }> | null> {
  const organisation = await findOrganisationNamed(services, caller, request.orgId);
  if ('refused' in organisation) {
    return organisation.refused === 'out_of_reach'
      ? refuseReach(services, caller, { action: 'user.create', orgId: caller.user.orgId }, organisation.shortfall)
      : organisation;
  }
  // Judged before the email is looked up, so that a caller without this right cannot find out who is a user here.
  const shortfall = findUserShortfall(caller.reach, request.role) ?? findNarrowing(caller.reach);
  if (shortfall !== null)
    return refuseReach(services, caller, { action: 'user.create', orgId: organisation.id }, shortfall);
  const wrong = await findWrongUserFields(services, caller, organisation, request, null);
  if (Object.keys(wrong).length > 0) return { refused: 'invalid', fields: wrong };

  const { firstName, lastName, email, role } = request;
  const fields = { firstName, lastName, email, role };
  const id = newUserId();
  const isAdded = await addUser(
    services,
    { ...fields, id, orgId: organisation.id },
    {
      audit: { action: 'user.created', changes: differences(PERSON_FIELDS, null, fields) },
      actor: actorOf(caller),
      now: services.now(),
    },
  );
  return isAdded ? { userId: id } : null;
}
