import type { OrganisationRow } from '../../storage/organisations.ts';
import { formatTimestamp } from './timestamps.ts';

/** The organisation object of the contract. */
export function organisationObject(organisation: OrganisationRow) {
  return { id: organisation.id, name: organisation.name, created_at: formatTimestamp(organisation.createdAt) };
}
