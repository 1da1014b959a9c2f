import * as z from 'zod';
import { role } from './fields.ts';

/*
 * The answer of the catalogue of permissions.
 */

const name = z.string();
const order = z.int().min(1).meta({ description: 'Counts from 1 within its parent.' });

export const catalogue = z
  .object({
    sections: z.array(
      z.object({
        name,
        order,
        subsections: z.array(
          z.object({
            name,
            order,
            permissions: z.array(
              z.object({
                name,
                order,
                feature: z.string().nullable(),
                depends_on: z.string().nullable().meta({ description: 'The permission that a key must have too.' }),
                disabled_for_roles: z
                  .array(role)
                  .readonly()
                  .meta({ description: 'The roles that lack the permission.' }),
              }),
            ),
          }),
        ),
      }),
    ),
  })
  .meta({ id: 'Catalogue', description: 'Every permission that a key can have.' });

export type CatalogueAnswer = z.output<typeof catalogue>;
