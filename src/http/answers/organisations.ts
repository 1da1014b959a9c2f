import * as z from 'zod';
import { orgId, pageFields, success, timestamp } from './fields.ts';

/*
 * Answers of the calls on organisations.
 */

export const organisation = z
  .object({
    org_id: orgId.meta({ description: 'The id, under its published name.' }),
    id: orgId,
    name: z.string().meta({ description: 'What it is called.' }),
    created_at: timestamp,
  })
  .meta({ id: 'Organisation', description: 'Whoever users and keys belong to.' });

export type OrganisationAnswer = z.output<typeof organisation>;

export const organisationList = z
  .object({ ...pageFields, orgs: z.array(organisation).meta({ description: 'The organisations of this page.' }) })
  .meta({ id: 'OrganisationList', description: 'One page of organisations, newest first.' });

export const createdOrganisation = z
  .object({ org_id: orgId, id: orgId, status: success })
  .meta({ id: 'CreatedOrganisation', description: 'The organisation is there.' });
