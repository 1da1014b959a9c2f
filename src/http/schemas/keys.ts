import * as z from 'zod';
import { parseAddress, parseNetwork } from '../../domain/addresses/allowlist.ts';
import {
  MAX_ALLOWLIST_ENTRIES,
  MAX_DESCRIPTION_LENGTH,
  MAX_LABEL_LENGTH,
  MAX_LISTED_PERMISSIONS,
  MAX_OVERLAP_SECONDS,
  NO_SUCH_PERMISSION,
} from '../../domain/keys/key-rules.ts';
import { KEY_STATUS_FILTERS } from '../../domain/keys/list-keys.ts';
import { isPermissionName, PERMISSION_NAMES } from '../../domain/permissions/permissions.ts';
import { USER_TYPES } from '../../domain/permissions/roles.ts';
import { MAX_REPORT_DAYS } from '../../domain/usage/report-usage.ts';
import { isUserId } from '../../domain/users/user.ts';
import { READ_ONLY_KEY_FIELDS } from '../objects/key-object.ts';
import { parseMoment } from '../objects/timestamps.ts';
import {
  dropFields,
  flag,
  list,
  nonEmptyText,
  paging,
  queryOf,
  rowId,
  searchText,
  text,
  textOfLines,
  wholeNumber,
} from './fields.ts';

/*
 * Bodies and queries of the calls on keys. Each rule has a message that says what to do. A schema's output is the
 * domain's input, so no later code reads the wire's names. Schemas are constants: rules that depend on the day, the
 * caller or the key belong to the act.
 */

/** In code points; longer than any address. */
const MAX_ADDRESS_LENGTH = 100;
const OVERLAP_RANGE = `Must be from 0 to ${MAX_OVERLAP_SECONDS}, 30 days.`;

const networkEntry = z
  .string()
  .refine(
    (entry) => parseNetwork(entry) !== null,
    'Must be an IPv4 or IPv6 address or CIDR network, without leading zeros, port or zone id.',
  );

/** The act checks that the day is in the future. */
const expirationDate = z.iso.date('Must be a date that exists, as YYYY-MM-DD, or null.').nullable().optional();

const label = nonEmptyText(MAX_LABEL_LENGTH);

const keyFields = {
  description: textOfLines(MAX_DESCRIPTION_LENGTH).nullable().optional(),
  expiration_date: expirationDate,
  ip_whitelist: list(networkEntry, MAX_ALLOWLIST_ENTRIES).optional(),
  has_restricted_permissions: z.boolean().optional(),
  // The act checks the names: a key may have stored one that the catalogue no longer has.
  permissions: list(z.string(), MAX_LISTED_PERMISSIONS).optional(),
};

/** `has_restricted_permissions` and `permissions` each require the other. */
function checkRestriction(body: unknown, context: z.RefinementCtx) {
  const { has_restricted_permissions: restricted, permissions } = RESTRICTION_FIELDS.parse(body);
  const add = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message });
  if (restricted === undefined && permissions !== undefined) {
    add('has_restricted_permissions', 'Required when permissions is given.');
  }
  if (permissions === undefined && restricted !== undefined) {
    add('permissions', 'Required when has_restricted_permissions is given.');
  }
}

const RESTRICTION_FIELDS = z.object({ has_restricted_permissions: z.unknown(), permissions: z.unknown() }).partial();

/** Runs a check even when fields are wrong, so that one answer names every problem. */
const ALSO_WHEN_FIELDS_ARE_WRONG = {
  when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

const ownerFields = {
  user_type: z.enum(USER_TYPES).optional(),
  user_id: z.string().refine(isUserId, 'Must be 24 lower-case hex digits.').optional(),
  org_id: z.int().positive().optional(),
};

const owner = z
  .object(ownerFields)
  .transform((body) => ({ userType: body.user_type, userId: body.user_id, orgId: body.org_id }));

/** Body of `POST /api_keys`. */
export const newKeyBody = z
  .strictObject({ label, ...keyFields, ...ownerFields })
  .superRefine(checkRestriction, ALSO_WHEN_FIELDS_ARE_WRONG)
  .transform((body) => ({
    label: body.label,
    description: body.description ?? null,
    expirationDate: body.expiration_date ?? null,
    ipWhitelist: body.ip_whitelist ?? [],
    hasRestrictedPermissions: body.has_restricted_permissions ?? false,
    permissions: body.permissions ?? [],
    userType: body.user_type,
    userId: body.user_id,
    orgId: body.org_id,
  }));

/** Body of `PUT /api_keys/{id}`: what GET returned can be put back. */
export const keyPatchBody = z
  .preprocess(
    dropFields(READ_ONLY_KEY_FIELDS),
    z.strictObject({ label: label.optional(), ...keyFields }).superRefine(checkRestriction, ALSO_WHEN_FIELDS_ARE_WRONG),
  )
  .transform((body) => ({
    label: body.label,
    description: body.description,
    expirationDate: body.expiration_date,
    ipWhitelist: body.ip_whitelist,
    restriction: toRestriction(body.has_restricted_permissions, body.permissions),
  }));

function toRestriction(hasRestrictedPermissions: boolean | undefined, permissions: string[] | undefined) {
  if (hasRestrictedPermissions === undefined || permissions === undefined) return undefined;
  return { hasRestrictedPermissions, permissions };
}

/**
 * The readable key fields of a body that the schema refused, for the act's rules. An unreadable field is undefined, an
 * unreadable entry null.
 */
export const readableKeyFields = z
  .object({
    expiration_date: expirationDate.catch(undefined),
    has_restricted_permissions: z.boolean().optional().catch(undefined),
    permissions: list(z.string().nullable().catch(null), MAX_LISTED_PERMISSIONS).optional().catch(undefined),
  })
  .catch({})
  .transform((body) => ({
    expirationDate: body.expiration_date,
    hasRestrictedPermissions: body.has_restricted_permissions,
    permissions: body.permissions,
  }));

/** The same for a new key, with its owner; undefined where the owner cannot be read. */
export const readableKeyRequest = z
  .unknown()
  .transform((body) => ({ ...readableKeyFields.parse(body), owner: owner.safeParse(body).data }));

/** A key that someone was sent or found. White space around it is dropped, because it comes with pasting. */
const givenKey = z.string().trim();

/** Body of `POST /api_keys/find`. */
export const findKeyBody = z.strictObject({ api_key: givenKey }).transform((body) => body.api_key);

const overlapSeconds = z.int('Must be a whole number.').min(0, OVERLAP_RANGE).max(MAX_OVERLAP_SECONDS, OVERLAP_RANGE);

/** Body of `POST /api_keys/rotate/{id}`: how long the old secret goes on working, and whether to end an earlier overlap. */
export const rotateKeyBody = z
  .strictObject({
    overlap_seconds: overlapSeconds.default(0),
    end_previous: z.boolean().default(false),
  })
  .transform((body) => ({ overlapSeconds: body.overlap_seconds, endsPrevious: body.end_previous }));

/** Body of `POST /api_keys/overlap/{id}`: how long the old secret goes on working from now. 0 ends its overlap. */
export const overlapBody = z
  .strictObject({ overlap_seconds: overlapSeconds })
  .transform((body) => ({ overlapSeconds: body.overlap_seconds }));

/** Whether such a body ends the overlap, and so takes rights away. */
export function endsOverlap(body: unknown): boolean {
  return overlapBody.safeParse(body).data?.overlapSeconds === 0;
}

const neededPermissions = list(z.string().refine(isPermissionName, NO_SUCH_PERMISSION), PERMISSION_NAMES.length)
  .default([])
  .transform((names) => names.filter(isPermissionName));

/** The client address of a call, as the backend that asks saw it; null: not known, which passes no allowlist. */
const clientAddress = text(MAX_ADDRESS_LENGTH)
  .refine(
    (address) => parseAddress(address) !== null,
    'Must be an IPv4 or IPv6 address, without leading zeros, prefix, port or zone id, or null.',
  )
  .nullable()
  .default(null);

/** Body of `POST /api_keys/verify`. */
export const verifyKeyBody = z
  .strictObject({ api_key: givenKey, ip: clientAddress, permissions: neededPermissions })
  .transform((body) => ({ apiKey: body.api_key, call: { clientIp: body.ip, needs: body.permissions } }));

/** A parameter of a form. One that is repeated comes as an array, and an empty one counts as left out (RFC 6749, 3.1). */
const parameter = z.string({
  error: ({ input }) => (Array.isArray(input) ? 'Must be given once.' : undefined),
});

/** Form of `POST /introspect`. */
export const introspectionForm = z
  .object({
    token: parameter.trim().min(1, 'This field is required.'),
    ip: parameter
      .optional()
      .transform((ip): string | null | undefined => (ip === '' ? null : ip))
      .pipe(clientAddress),
    permissions: parameter
      .default('')
      .transform((names): unknown[] | undefined => names.split(' ').filter((name) => name !== ''))
      .pipe(neededPermissions),
  })
  .transform((form) => ({ apiKey: form.token, call: { clientIp: form.ip, needs: form.permissions } }));

/** Body of `POST /api_keys/explain/{id}`. */
export const explainKeyBody = z
  .strictObject({
    ip: clientAddress,
    permissions: neededPermissions,
    at: z
      .string()
      .transform(parseMoment)
      .refine((moment) => moment !== null, 'Must be RFC 3339, e.g. 2027-01-31T12:00:00Z, or a timestamp as in answers.')
      .optional(),
  })
  .transform((body) => ({ call: { clientIp: body.ip, needs: body.permissions }, at: body.at ?? null }));

/** Query of `GET /api_keys`. */
export const keyListQuery = queryOf({
  ...paging,
  status: z.enum(KEY_STATUS_FILTERS).optional(),
  type: z.enum(USER_TYPES).optional(),
  search_text: searchText,
  include_all_permissions: flag.optional(),
  org_id: rowId.optional(),
}).transform((query) => ({
  page: query.page,
  perPage: query.per_page,
  status: query.status,
  userType: query.type,
  searchText: query.search_text,
  orgId: query.org_id,
  includeAllPermissions: query.include_all_permissions ?? false,
}));

/** Query of `GET /api_keys/{id}`. */
export const keyQuery = queryOf({ include_all_permissions: flag.optional() }).transform((query) => ({
  includeAllPermissions: query.include_all_permissions ?? false,
}));

const DEFAULT_REPORT_DAYS = 30;

/** Query of `GET /api_keys/usage/{id}`. */
export const usageQuery = queryOf({
  days: wholeNumber
    .refine((days) => days >= 1 && days <= MAX_REPORT_DAYS, `Must be from 1 to ${MAX_REPORT_DAYS}.`)
    .default(DEFAULT_REPORT_DAYS),
});
