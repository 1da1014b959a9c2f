import { addOrganisation } from '../../storage/change-organisations.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import { refuseReach } from '../authority/refuse-reach.ts';
import { untilUncontended } from '../authority/until-uncontended.ts';
import type { Acting } from '../services.ts';

/** In code points. */
export const MAX_ORGANISATION_NAME_LENGTH = 100;

/** Adds an organisation to the deployment. */
export function createOrganisation(
  services: Acting,
  caller: Caller,
  name: string,
): Promise<Outcome<{ orgId: number }>> {
  return untilUncontended(services, caller, (confirmed) => tryCreate(services, confirmed, name));
}

/** @returns null when the caller was changed between the judgement and the write */
async function tryCreate(services: Acting, caller: Caller, name: string): Promise<Outcome<{ orgId: number }> | null> {
  if (caller.user.role !== 'PROVIDER') {
    const attempt = { action: 'organisation.create', orgId: caller.user.orgId } as const;
    return refuseReach(services, caller, attempt, { rule: 'provider_only' });
  }
  const orgId = await addOrganisation(services, name, {
    audit: { action: 'organisation.created', changes: { name: [null, name] } },
    actor: actorOf(caller),
    now: services.now(),
  });
  return orgId === null ? null : { orgId };
}
