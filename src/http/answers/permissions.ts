import * as z from 'zod';
import { role } from './fields.ts';

/*
 * The answer of the catalogue of permissions.
 */

const name = z.string().meta({ description: 'Its name.' });
const order = z.int().min(1).meta({ description: 'Counts from 1 within its parent.' });

const permission = z.object({
  name,
  order,
  feature: z.string().nullable().meta({ description: 'The feature of the product that it belongs to.' }),
  depends_on: z.string().nullable().meta({ description: 'The permission that a key must have too.' }),
  disabled_for_roles: z.array(role).readonly().meta({ description: 'The roles that lack the permission.' }),
});

const subsection = z.object({
  name,
  order,
  permissions: z.array(permission).meta({ description: 'What keys can be allowed to do.' }),
});

const section = z.object({
  name,
  order,
  subsections: z.array(subsection).meta({ description: 'Permissions that belong together.' }),
});

export const catalogue = z
  .object({ sections: z.array(section).meta({ description: 'Pages of permissions.' }) })
  .meta({ id: 'Catalogue', description: 'Every permission that a key can have.' });

export type CatalogueAnswer = z.output<typeof catalogue>;
