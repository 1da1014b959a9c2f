import { addOrganisation } from '../../storage/change-organisations.ts';
import { type KeptAnswer, orgIdOfAnswer } from '../../storage/idempotent-answers.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import { refuseReach } from '../authority/refuse-reach.ts';
import { untilUncontended } from '../authority/until-uncontended.ts';
import { ANSWER_IS_GONE, keepForRetries, RETRY_OF_ANOTHER, type Retry, recallAnswer } from '../retries/retry.ts';
import type { Acting } from '../services.ts';

/** In code points. */
export const MAX_ORGANISATION_NAME_LENGTH = 100;

/** `isReplay`: the call is a retry, and an earlier call added the organisation. */
interface AddedOrganisation {
  orgId: number;
  isReplay: boolean;
}

/**
 * Adds an organisation to the deployment.
 * @param retry identifies the call for its retries; undefined: the call had no `Idempotency-Key`, and always adds one
 */
export function createOrganisation(
  services: Acting,
  caller: Caller,
  name: string,
  retry?: Retry,
): Promise<Outcome<AddedOrganisation>> {
  return untilUncontended(services, caller, (confirmed) => tryCreate(services, confirmed, name, retry));
}

/** @returns null when the caller was changed between the judgement and the write */
async function tryCreate(
  services: Acting,
  caller: Caller,
  name: string,
  retry: Retry | undefined,
): Promise<Outcome<AddedOrganisation> | null> {
  if (caller.user.role !== 'PROVIDER') {
    const attempt = { action: 'organisation.create', orgId: caller.user.orgId } as const;
    return refuseReach(services, caller, attempt, { rule: 'provider_only' });
  }
  const earlier = await recallAnswer(services, retry);
  if (earlier === 'of_another') return RETRY_OF_ANOTHER;
  if (earlier !== null) return replayOrganisation(earlier);
  const now = services.now();
  const orgId = await addOrganisation(services, name, {
    audit: { action: 'organisation.created', changes: { name: [null, name] } },
    actor: actorOf(caller),
    now,
    keep: keepForRetries(retry, { secretHash: null }, now),
  });
  return orgId === null ? null : { orgId, isReplay: false };
}

function replayOrganisation(answer: KeptAnswer): Outcome<AddedOrganisation> {
  const orgId = orgIdOfAnswer(answer);
  return orgId === null ? ANSWER_IS_GONE : { orgId, isReplay: true };
}
