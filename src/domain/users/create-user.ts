import { addUser } from '../../storage/change-users.ts';
import { type KeptAnswer, userIdOfAnswer } from '../../storage/idempotent-answers.ts';
import { differences } from '../audit/differences.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import { findNarrowing, findUserShortfall } from '../authority/reach.ts';
import type { Outcome } from '../authority/refusal.ts';
import { refuseReach } from '../authority/refuse-reach.ts';
import { untilUncontended } from '../authority/until-uncontended.ts';
import { findOrganisationNamed } from '../organisations/find-organisation.ts';
import { ANSWER_IS_GONE, keepForRetries, RETRY_OF_ANOTHER, type Retry, recallAnswer } from '../retries/retry.ts';
import type { Acting } from '../services.ts';
import { newUserId, PERSON_FIELDS, type PersonFields } from './user.ts';
import { findWrongUserFields } from './user-rules.ts';

export interface UserRequest extends PersonFields {
  /** PROVIDER only; left out: the caller's own organisation. */
  orgId?: number | undefined;
}

/** `isReplay`: the call is a retry, and an earlier call added the person. */
interface AddedUser {
  userId: string;
  isReplay: boolean;
}

/**
 * Adds a person to an organisation.
 * @param retry identifies the call for its retries; undefined: the call had no `Idempotency-Key`, and always adds one
 */
export function createUser(
  services: Acting,
  caller: Caller,
  request: UserRequest,
  retry?: Retry,
): Promise<Outcome<AddedUser>> {
  return untilUncontended(services, caller, (confirmed) => tryCreate(services, confirmed, request, retry));
}

/** @returns null when the caller was changed, or the email taken, between the judgement and the write */
async function tryCreate(
  services: Acting,
  caller: Caller,
  request: UserRequest,
  retry: Retry | undefined,
): Promise<Outcome<AddedUser> | null> {
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
  // Read after the email was looked up. Otherwise a retry that meets the first call would find the email taken.
  const earlier = await recallAnswer(services, retry);
  if (earlier === 'of_another') return RETRY_OF_ANOTHER;
  if (earlier !== null) return replayUser(earlier);
  if (Object.keys(wrong).length > 0) return { refused: 'invalid', fields: wrong };

  const { firstName, lastName, email, role } = request;
  const fields = { firstName, lastName, email, role };
  const id = newUserId();
  const now = services.now();
  const isAdded = await addUser(
    services,
    { ...fields, id, orgId: organisation.id },
    {
      audit: { action: 'user.created', changes: differences(PERSON_FIELDS, null, fields) },
      actor: actorOf(caller),
      now,
      keep: keepForRetries(retry, { secretHash: null }, now),
    },
  );
  return isAdded ? { userId: id, isReplay: false } : null;
}

function replayUser(answer: KeptAnswer): Outcome<AddedUser> {
  const userId = userIdOfAnswer(answer);
  return userId === null ? ANSWER_IS_GONE : { userId, isReplay: true };
}
