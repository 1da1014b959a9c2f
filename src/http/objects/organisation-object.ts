import type { Organisation } from '../../domain/organisations/find-organisation.ts';
import type { OrganisationAnswer } from '../answers/organisations.ts';
import { formatTimestamp } from './timestamps.ts';

/** The organisation object of the contract. `org_id` is the published name of the id; `id` is the same value. */
export function organisationObject(organisation: Organisation): OrganisationAnswer {
  return {
    org_id: organisation.id,
    id: organisation.id,
    name: organisation.name,
    created_at: formatTimestamp(organisation.createdAt),
  };
}
