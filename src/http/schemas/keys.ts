import { z } from 'zod';
import { parseNetwork } from '../../domain/addresses/allowlist.ts';
import type { Caller } from '../../domain/authority/caller.ts';
import { findOwnerConflicts } from '../../domain/keys/create-key.ts';
import { mayExpireOn } from '../../domain/keys/expiration.ts';
import type { Key } from '../../domain/keys/key.ts';
import { dependencyOf, isPermissionName, PERMISSION_NAMES } from '../../domain/permissions/permissions.ts';
import { USER_TYPES } from '../../domain/permissions/roles.ts';
import { isUserId } from '../../domain/users/user.ts';
import { READ_ONLY_KEY_FIELDS } from '../objects/key-object.ts';
import { parseMoment } from '../objects/timestamps.ts';
import {
  dropFields,
  flag,
  list,
  nonEmptyText,
  paging,
  rowId,
  searchText,
  text,
  textOfLines,
  wholeNumber,
} from './fields.ts';

/*
 * Bodies and queries of the calls on keys, each rule with a message that says what to do. What a schema gives is what the
 * domain takes: nothing after it looks at the wire's names again.
 */

const LABEL_LENGTH = 100;
const DESCRIPTION_LENGTH = 500;
const ALLOWLIST_LENGTH = 100;
const ADDRESS_LENGTH = 100;
const LONGEST_OVERLAP_SECONDS = 7 * 24 * 60 * 60;
const OVERLAP_RANGE = `Must be from 0 to ${LONGEST_OVERLAP_SECONDS}, a week.`;

const networkEntry = z
  .string()
  .refine(
    (entry) => parseNetwork(entry) !== null,
    'Must be an IPv4 or IPv6 address or CIDR network, without leading zeros, port or zone id.',
  );

/** `present`: the date that the key has already, which may be given again whatever the day is. */
function expirationDate(now: number, present: string | null) {
  return z.iso
    .date('Must be a date that exists, as YYYY-MM-DD, or null.')
    .refine(
      (date) => mayExpireOn(date, now, present),
      'Must be at least the day after today (UTC). If you want it to expire today you must revoke it.',
    )
    .nullable();
}

/** `present`: the key as it is, null for a new one. */
function keyFields(now: number, present: Key | null) {
  return {
    description: textOfLines(DESCRIPTION_LENGTH).nullable().optional(),
    expiration_date: expirationDate(now, present?.expirationDate ?? null).optional(),
    ip_whitelist: list(networkEntry, ALLOWLIST_LENGTH).optional(),
    has_restricted_permissions: z.boolean().optional(),
    permissions: list(z.string(), mostPermissions(present?.permissions)).optional(),
  };
}

/** Each that there is and each that is stored, once. */
function mostPermissions(stored: readonly string[] = []): number {
  return PERMISSION_NAMES.length + stored.length;
}

/**
 * The rules on the two fields of a restriction: each requires the other, and the list holds what exists, with what it
 * depends on. They are looked at also when other fields are wrong, so that one answer names everything; so nothing is
 * known here of what the fields hold.
 * @param stored what the key has in its list already, which may be put back even when the catalogue has lost a name
 */
function checkRestriction(stored: readonly string[] = []) {
  return (body: unknown, context: z.RefinementCtx) => {
    const add = (path: PropertyKey[], message: string) => context.addIssue({ code: 'custom', path, message });
    const { has_restricted_permissions: restricted, permissions } = UNREAD_RESTRICTION.parse(body);
    if (restricted === undefined && permissions !== undefined) {
      add(['has_restricted_permissions'], 'Required when permissions is given.');
    }
    if (permissions === undefined && restricted !== undefined) {
      add(['permissions'], 'Required when has_restricted_permissions is given.');
    }
    if (restricted === false || !Array.isArray(permissions)) return;
    const names: unknown[] = permissions;
    names.forEach((name, index) => {
      if (typeof name !== 'string') return;
      if (!isPermissionName(name)) {
        if (stored.includes(name)) return;
        add(['permissions', index], 'There is no such permission. GET /v2/permissions lists them.');
        return;
      }
      const needed = dependencyOf(name);
      if (needed !== null && !names.includes(needed)) add(['permissions', index], `Needs ${needed} in the list too.`);
    });
  };
}

const UNREAD_RESTRICTION = z.object({ has_restricted_permissions: z.unknown(), permissions: z.unknown() }).partial();

const ALSO_WHEN_FIELDS_ARE_WRONG = {
  when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

function toRestriction(restricted: boolean | undefined, permissions: string[] | undefined) {
  if (restricted === undefined || permissions === undefined) return undefined;
  return { hasRestrictedPermissions: restricted, permissions: restricted ? permissions : [] };
}

/** Body of `POST /api_keys`. `now`: unix milliseconds. */
export function newKeyBody(now: number, caller: Caller) {
  return z
    .strictObject({
      label: nonEmptyText(LABEL_LENGTH),
      ...keyFields(now, null),
      ...ownerFields,
    })
    .superRefine(checkRestriction(), ALSO_WHEN_FIELDS_ARE_WRONG)
    .superRefine((body, { addIssue }) => {
      const owner = UNREAD_OWNER.safeParse(body);
      if (!owner.success) return;
      const conflicts = findOwnerConflicts(caller, ownerOf(owner.data));
      for (const [field, message] of Object.entries(conflicts)) addIssue({ code: 'custom', path: [field], message });
    }, ALSO_WHEN_FIELDS_ARE_WRONG)
    .transform((body) => ({
      label: body.label,
      description: body.description ?? null,
      expirationDate: body.expiration_date ?? null,
      ipWhitelist: body.ip_whitelist ?? [],
      ...(toRestriction(body.has_restricted_permissions, body.permissions) ?? UNRESTRICTED),
      ...ownerOf(body),
    }));
}

const ownerFields = {
  user_type: z.enum(USER_TYPES).optional(),
  user_id: z.string().refine(isUserId, 'Must be 24 lower-case hex digits.').optional(),
  org_id: z.int().positive().optional(),
};

const UNREAD_OWNER = z.object(ownerFields);

function ownerOf(body: z.infer<typeof UNREAD_OWNER>) {
  return { userType: body.user_type, userId: body.user_id, orgId: body.org_id };
}

const UNRESTRICTED = { hasRestrictedPermissions: false, permissions: [] };

/**
 * Body of `PUT /api_keys/{id}`: what GET returned can be put back.
 * @param present the key as it is now
 */
export function keyPatchBody(now: number, present: Key) {
  return z
    .preprocess(
      dropFields(READ_ONLY_KEY_FIELDS),
      z
        .strictObject({ label: nonEmptyText(LABEL_LENGTH).optional(), ...keyFields(now, present) })
        .superRefine(checkRestriction(present.permissions), ALSO_WHEN_FIELDS_ARE_WRONG),
    )
    .transform((body) => ({
      label: body.label,
      description: body.description,
      expirationDate: body.expiration_date,
      ipWhitelist: body.ip_whitelist,
      restriction: toRestriction(body.has_restricted_permissions, body.permissions),
    }));
}

/** Body of `POST /api_keys/find`. */
export const findKeyBody = z.strictObject({ api_key: z.string() }).transform((body) => body.api_key);

/** Body of `POST /api_keys/rotate/{id}`: how long the old secret goes on working. */
export const rotateKeyBody = z
  .strictObject({
    overlap_seconds: z
      .int('Must be a whole number.')
      .min(0, OVERLAP_RANGE)
      .max(LONGEST_OVERLAP_SECONDS, OVERLAP_RANGE)
      .default(0),
  })
  .transform((body) => body.overlap_seconds);

const neededPermissions = list(
  z.string().refine(isPermissionName, 'There is no such permission. GET /v2/permissions lists them.'),
  PERMISSION_NAMES.length,
)
  .default([])
  .transform((names) => names.filter(isPermissionName));

/** The address that a call comes from, as its backend saw it. What cannot be read as one passes no list. */
const clientAddress = text(ADDRESS_LENGTH).nullable().default(null);

/** Body of `POST /api_keys/verify`. */
export const verifyKeyBody = z
  .strictObject({ api_key: z.string(), ip: clientAddress, permissions: neededPermissions })
  .transform((body) => ({ apiKey: body.api_key, call: { clientIp: body.ip, needs: body.permissions } }));

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
export const keyListQuery = z
  .object({
    ...paging,
    status: z.enum(['active', 'disabled', 'expired', 'inactive']).optional(),
    type: z.enum(USER_TYPES).optional(),
    search_text: searchText,
    include_all_permissions: flag.optional(),
    org_id: rowId.optional(),
  })
  .transform((query) => ({
    page: query.page,
    perPage: query.per_page,
    status: query.status,
    userType: query.type,
    searchText: query.search_text,
    orgId: query.org_id,
    includeAllPermissions: query.include_all_permissions ?? false,
  }));

/** Query of `GET /api_keys/{id}`. */
export const keyQuery = z
  .object({ include_all_permissions: flag.optional() })
  .transform((query) => ({ includeAllPermissions: query.include_all_permissions ?? false }));

const LONGEST_REPORT_DAYS = 90;
const USUAL_REPORT_DAYS = 30;

/** Query of `GET /api_keys/usage/{id}`. */
export const usageQuery = z.object({
  days: wholeNumber
    .refine((days) => days >= 1 && days <= LONGEST_REPORT_DAYS, `Must be from 1 to ${LONGEST_REPORT_DAYS}.`)
    .default(USUAL_REPORT_DAYS),
});
