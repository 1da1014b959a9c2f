import * as z from 'zod';
import { ROLES, USER_TYPES } from '../../wire/roles.ts';

/*
 * Schemas of answers, one file for each noun. The document of the API is made from them, and the functions in
 * `../objects` return their types, so an object that differs from its schema does not compile. The Worker takes their
 * types only: none of this is in its bundle.
 */

/** The shape of every timestamp in an answer. */
export const timestamp = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{6}\+00$/)
  .meta({
    id: 'Timestamp',
    description: 'A moment in UTC, as `YYYY-MM-DD HH:MM:SS.ffffff+00`.',
    examples: ['2026-11-25 17:42:10.318000+00'],
  });

export const date = z.iso.date().meta({ description: 'A day, as `YYYY-MM-DD`.', examples: ['2027-06-30'] });

/** The id of a key, an organisation or an event. */
export const rowId = z.int().min(1);

/** The same with words. */
export const keyId = rowId.meta({ description: 'The id of the key.' });
export const orgId = rowId.meta({ description: 'The id of the organisation.' });

export const count = z.int().min(0).meta({ description: 'How many.' });

export const calls = z.int().min(0).meta({ description: 'How many calls.' });

export const userId = z
  .string()
  .regex(/^[0-9a-f]{24}$/)
  .meta({
    id: 'UserId',
    description: 'The id of a user: 24 lower-case hex digits.',
    examples: ['5309c3a237bbc544d8e26737'],
  });

export const role = z
  .enum(ROLES)
  .meta({ id: 'Role', description: 'The role of a user, from the widest to the narrowest.' });

export const userType = z
  .enum(USER_TYPES)
  .meta({ id: 'UserType', description: '`bot`: of a main integration key. `user`: of a person.' });

export const permissionNames = z
  .array(z.string())
  .readonly()
  .meta({ description: 'Names of the catalogue, which `GET /v2/permissions` gives.', examples: [['review_read']] });

export const success = z.literal('success').meta({ description: 'It is done.' });

/** The fields that every page of a list has. */
export const pageFields = {
  page: z.int().min(1).meta({ description: 'The page that this is, from 1.' }),
  max_page: z.int().min(1).meta({ description: 'The last page. It is 1 for an empty list.' }),
  count: count.meta({ description: 'How many entries there are on all pages.' }),
};

export const effectiveBy = z
  .object({
    normally: timestamp.meta({ description: 'In a location that reaches the database.' }),
    in_an_outage: timestamp.meta({ description: 'In a location that cannot reach the database.' }),
  })
  .meta({ id: 'EffectiveBy', description: 'From when on the change holds in every location.' });

export type EffectiveByAnswer = z.output<typeof effectiveBy>;
