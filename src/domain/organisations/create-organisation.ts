import { commitOrganisationChange } from '../../storage/commit-change.ts';
import { insertOrganisation, newestOrganisation } from '../../storage/organisations.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import { refuseReach } from '../authority/refuse-reach.ts';
import { untilUncontended } from '../authority/until-uncontended.ts';
import { foldText } from '../fold-text.ts';
import type { Services } from '../services.ts';

/** Adds an organisation to the deployment. */
export function createOrganisation(
  services: Services,
  caller: Caller,
  name: string,
): Promise<Outcome<{ orgId: number }>> {
  return untilUncontended(services, caller, (confirmed) => tryCreate(services, confirmed, name));
}

/** @returns null when the caller was changed between the judgement and the write */
async function tryCreate(services: Services, caller: Caller, name: string): Promise<Outcome<{ orgId: number }> | null> {
  if (caller.user.role !== 'PROVIDER') {
    const attempt = { action: 'organisation.create', orgId: caller.user.orgId } as const;
    return refuseReach(services, caller, attempt, { rule: 'provider_only' });
  }
  const now = services.now();
  const orgId = await commitOrganisationChange(services, {
    rows: [insertOrganisation(services.db, { name, nameFolded: foldText(name), isDeployment: false, createdAt: now })],
    orgId: newestOrganisation(),
    audit: { action: 'organisation.created', changes: { name: [null, name] } },
    actor: actorOf(caller),
    now,
  });
  return orgId === null ? null : { orgId };
}
