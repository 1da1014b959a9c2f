import type { Organisation } from '../../domain/organisations/find-organisation.ts';
import { formatTimestamp } from './timestamps.ts';

/** The organisation object of the contract. */
export function organisationObject(organisation: Organisation) {
  return { id: organisation.id, name: organisation.name, created_at: formatTimestamp(organisation.createdAt) };
}
