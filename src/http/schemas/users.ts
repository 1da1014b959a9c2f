import * as z from 'zod';
import { MAX_ORGANISATION_NAME_LENGTH } from '../../domain/organisations/create-organisation.ts';
import { ROLES } from '../../domain/permissions/roles.ts';
import { MAX_SEARCH_WORDS, wordsOf } from '../../domain/text-rules.ts';
import { USER_STATUSES } from '../../domain/users/user.ts';
import { findEmailProblem, MAX_EMAIL_LENGTH, MAX_NAME_LENGTH } from '../../domain/users/user-rules.ts';
import { lacked, nonEmptyText, paging, queryOf, rowId, searchText } from './fields.ts';

/*
 * Bodies and queries of the calls on users and organisations.
 */

const email = nonEmptyText(MAX_EMAIL_LENGTH).superRefine((value, { addIssue }) => {
  const problem = findEmailProblem(value);
  if (problem !== null) addIssue({ code: 'custom', message: problem });
});

/**
 * Fields of the published API that are accepted and not kept. Their values may have any type: nothing rests on them, and the
 * published types have changed over the years. The limit on the body bounds them.
 */
const NOT_KEPT = {
  lang: z.unknown().optional(),
  phone: z.unknown().optional(),
  business_ids: z.unknown().optional(),
  group_ids: z.unknown().optional(),
  sidebar_products: z.unknown().optional(),
};

// Not ignored: a client that sends one would believe that someone can sign in with it.
const noPassword = z.never('There are no passwords here: users work with API keys. Leave it out.').optional();

const setHere = z.never('This service sets it. Leave it out.').optional();

/** Body of `POST /user`. */
export const newUserBody = z
  .strictObject({
    email,
    first_name: nonEmptyText(MAX_NAME_LENGTH),
    last_name: nonEmptyText(MAX_NAME_LENGTH),
    // Least privilege by default.
    role: z.enum(ROLES).default('BUSINESS_MANAGER'),
    org_id: z.int().positive().optional(),
    ...NOT_KEPT,
    send_invitation: z.unknown().optional(),
    password: noPassword,
    id: setHere,
    status: setHere,
    created_at: setHere,
  })
  .transform((body) => ({
    email: body.email,
    firstName: body.first_name,
    lastName: body.last_name,
    role: body.role,
    orgId: body.org_id,
  }));

/** Read-only fields. The act compares them with the user. */
const fixedFields = {
  id: z.string().optional(),
  org_id: z.int().optional(),
  status: z.enum(USER_STATUSES).optional(),
  created_at: z.int().optional(),
};

/** Body of `POST /user/{id}`: what GET returned can be put back. */
export const userPatchBody = z
  .strictObject({
    email: email.optional(),
    first_name: nonEmptyText(MAX_NAME_LENGTH).optional(),
    last_name: nonEmptyText(MAX_NAME_LENGTH).optional(),
    role: z.enum(ROLES).optional(),
    disabled: z.boolean().optional(),
    ...fixedFields,
    ...NOT_KEPT,
    password: noPassword,
  })
  .transform((body) => ({
    email: body.email,
    firstName: body.first_name,
    lastName: body.last_name,
    role: body.role,
    disabled: body.disabled,
    fixed: toFixed(body),
  }));

/** Reads the read-only fields of a body that is wrong elsewhere. Those that cannot be read are left out. */
export const readableFixedFields = z
  .object({
    id: fixedFields.id.catch(undefined),
    org_id: fixedFields.org_id.catch(undefined),
    status: fixedFields.status.catch(undefined),
    created_at: fixedFields.created_at.catch(undefined),
  })
  .catch({})
  .transform(toFixed);

function toFixed(body: z.infer<z.ZodObject<typeof fixedFields>>) {
  return { id: body.id, orgId: body.org_id, status: body.status, createdAt: body.created_at };
}

const DISABLING = z.object({ disabled: z.literal(true) });

/** Whether a body of `POST /user/{id}` disables the user, and so takes rights away, whatever its other fields are. */
export function disablesUser(body: unknown): boolean {
  return DISABLING.safeParse(body).success;
}

const searchWords = searchText
  .transform((text) => (text === undefined ? [] : wordsOf(text)))
  .refine((words) => words.length <= MAX_SEARCH_WORDS, `Must have at most ${MAX_SEARCH_WORDS} words.`);

/** Query of `GET /user/search`, and of its count, which no page changes. */
export const userListQuery = queryOf({
  ...paging,
  query: searchWords,
  email: searchText,
  status: z.enum(USER_STATUSES).optional(),
  org_id: rowId.optional(),
  business_id: lacked,
  disabled: lacked,
  display_business_ids: lacked,
  group_id: lacked,
  last_name: lacked,
  order_by: lacked,
  role: lacked,
}).transform((query) => ({
  page: query.page,
  perPage: query.per_page,
  words: query.query,
  email: query.email,
  status: query.status,
  orgId: query.org_id,
}));

/** Body of `POST /org`. */
export const newOrganisationBody = z.strictObject({ name: nonEmptyText(MAX_ORGANISATION_NAME_LENGTH) });

/** Query of `GET /org/search`. */
export const organisationListQuery = queryOf({
  ...paging,
  query: searchText,
  org_id: rowId.optional(),
  alias: lacked,
}).transform((query) => ({
  page: query.page,
  perPage: query.per_page,
  query: query.query,
  orgId: query.org_id,
}));
