import * as z from 'zod';
import { pageFields, rowId, success, timestamp } from './fields.ts';

/*
 * Answers of the calls on organisations.
 */

export const organisation = z
  .object({
    org_id: rowId.meta({ description: 'The published name of the id.' }),
    id: rowId,
    name: z.string(),
    created_at: timestamp,
  })
  .meta({ id: 'Organisation' });

export type OrganisationAnswer = z.output<typeof organisation>;

export const organisationList = z
  .object({ ...pageFields, orgs: z.array(organisation) })
  .meta({ id: 'OrganisationList', description: 'One page of organisations, newest first.' });

export const createdOrganisation = z
  .object({ org_id: rowId, id: rowId, status: success })
  .meta({ id: 'CreatedOrganisation' });
