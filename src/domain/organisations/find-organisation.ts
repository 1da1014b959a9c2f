import { type OrganisationRow, readOrganisation, readOrganisations } from '../../storage/organisations.ts';
import { type Caller, hasAccessToOrganisation } from '../authority/caller.ts';
import type { Outcome, Refusal } from '../authority/refusal.ts';
import type { Stores } from '../services.ts';

export type Organisation = OrganisationRow;

/** The organisation with this id, if the caller has access to it; else null. */
export async function findOrganisationById(services: Stores, caller: Caller, id: number): Promise<Organisation | null> {
  return hasAccessToOrganisation(caller, id) ? readOrganisation(services.db, id) : null;
}

/**
 * The organisation that a call names with `org_id`; left out, the caller's own. Only PROVIDER may name another one.
 * Other callers are refused before any look-up, so that they cannot find out which organisations exist.
 */
export async function findOrganisationNamed(
  services: Stores,
  caller: Caller,
  orgId: number = caller.user.orgId,
): Promise<Organisation | Refusal> {
  if (!hasAccessToOrganisation(caller, orgId)) return { refused: 'out_of_reach', shortfall: { rule: 'provider_only' } };
  return (await readOrganisation(services.db, orgId)) ?? { refused: 'not_found' };
}

export interface OrganisationListRequest {
  /** From 1. */
  page: number;
  perPage: number;
  /** In the name, whatever the case. */
  query?: string | undefined;
  /** Only the one with this id, if it is there. */
  orgId?: number | undefined;
}

/** One page of the organisations of the deployment, newest first. */
export async function listOrganisations(
  services: Stores,
  caller: Caller,
  request: OrganisationListRequest,
): Promise<Outcome<{ organisations: Organisation[]; count: number }>> {
  if (caller.user.role !== 'PROVIDER') return { refused: 'out_of_reach', shortfall: { rule: 'provider_only' } };
  const page = { offset: (request.page - 1) * request.perPage, limit: request.perPage };
  return services.readList(services.heard.lookupBookmark, (db) => readOrganisations(db, request, page));
}
