import * as z from 'zod';
import { KEY_STATUSES } from '../../domain/keys/key.ts';
import {
  calls,
  count,
  date,
  effectiveBy,
  keyId,
  orgId,
  pageFields,
  permissionNames,
  role,
  rowId,
  success,
  timestamp,
  userId,
  userType,
} from './fields.ts';

/*
 * Answers of the calls on keys.
 */

const hint = z.string().meta({ description: 'Enough of the secret to recognise it.', examples: ['lk_…9fQ2'] });

const previousSecret = z
  .object({
    hint: hint.nullable().meta({ description: 'Enough of the old secret to recognise it; null: not known.' }),
    retires_at: timestamp.meta({ description: 'When the old secret stops working.' }),
    last_used_at: timestamp
      .nullable()
      .optional()
      .meta({ description: 'The last call that it allowed; null: none. Left out while usage cannot be read.' }),
  })
  .meta({ id: 'PreviousSecret', description: 'The secret that a rotation replaced, while it still works.' });

const keyFields = {
  id: keyId,
  label: z.string().meta({ description: 'A name to recognise the key by.' }),
  description: z.string().nullable().meta({ description: 'What the key is for, in the words of whoever made it.' }),
  user_id: userId.meta({ description: 'The user that the key is linked to.' }),
  user_name: z.string().nullable().meta({ description: 'First and last name; null for a main integration key.' }),
  user_role: role.meta({ description: "The user's role today." }),
  user_type: userType.meta({ description: '`bot`: a main integration key. `user`: a personal key.' }),
  disabled: z.boolean().meta({ description: 'Whether someone revoked the key.' }),
  expiration_date: date
    .nullable()
    .meta({ description: 'The key stops working at 00:00 UTC of that day; null: never.' }),
  last_used_at: timestamp.nullable().optional().meta({
    description:
      'The last call that the key allowed, at most 60 s behind; null: none. Left out while usage cannot be read.',
  }),
  created_by: userId.meta({ description: 'The user who created the key.' }),
  created_by_name: z.string().nullable().meta({ description: 'What that user was called.' }),
  created_at: timestamp,
  revoked_by: userId.nullable().meta({ description: 'The user who revoked it; null: nobody, or an operator.' }),
  revoked_by_name: z.string().nullable().meta({ description: 'What that user was called.' }),
  revoked_at: timestamp.nullable().meta({ description: 'When it was revoked; null: it was not.' }),
  ip_whitelist: z.array(z.string()).readonly().meta({
    description: 'Addresses and CIDR networks, as they were given. Empty: no restriction.',
  }),
  has_restricted_permissions: z.boolean().meta({ description: "False: the key has its user's permissions." }),
  permissions: permissionNames.meta({
    description: 'What the key can do today; with `include_all_permissions=true` what was stored.',
  }),
  org_id: orgId,
  key_hint: hint,
  status: z
    .enum(KEY_STATUSES)
    .meta({ description: 'The first that holds of `disabled` (revoked), `paused`, `expired`, `active`.' }),
  paused_at: timestamp.nullable().meta({ description: 'When it was paused; null: it is not.' }),
  created_by_api_key_id: rowId
    .nullable()
    .meta({ description: 'The key that created this one; null: the console, or an operator.' }),
  previous_secret: previousSecret.nullable().meta({ description: "Null but during a rotation's overlap." }),
};

export const key = z.object(keyFields).meta({ id: 'ApiKey', description: 'A key, without its secret.' });

export type KeyAnswer = z.output<typeof key>;

export const changedKey = z
  .object({ ...keyFields, effective_by: effectiveBy })
  .meta({ id: 'ChangedApiKey', description: 'A key as the change left it, and from when on the change holds.' });

export type ChangedKeyAnswer = z.output<typeof changedKey>;

const secret = z.string().meta({ description: 'The whole key. Keep it secret.', examples: ['lk_…'] });

export const keyWithSecret = z
  .object({ ...keyFields, effective_by: effectiveBy, api_key: secret })
  .meta({ id: 'ApiKeyWithSecret', description: 'A key with its new secret.' });

export type KeyWithSecretAnswer = z.output<typeof keyWithSecret>;

export const keyList = z
  .object({ ...pageFields, api_keys: z.array(key).meta({ description: 'The keys of this page.' }) })
  .meta({ id: 'ApiKeyList', description: 'One page of keys, newest first.' });

export const revoked = z
  .object({ id: keyId, status: success, effective_by: effectiveBy })
  .meta({ id: 'Revoked', description: 'The key is revoked, or its old secret is.' });

export type RevokedAnswer = z.output<typeof revoked>;

export const seenSecret = z
  .object({ id: keyId, api_key: secret })
  .meta({ id: 'SeenSecret', description: 'The secret of a key.' });

/** The key of a call, as verification knows it. */
export const verifiedKey = z
  .object({
    id: keyId,
    label: z.string().meta({ description: 'The name of the key.' }),
    org_id: orgId,
    user_id: userId,
    user_role: role,
    user_type: userType,
    expiration_date: date
      .nullable()
      .meta({ description: 'The key stops working at 00:00 UTC of that day; null: never.' }),
    ip_whitelist: z.array(z.string()).readonly().meta({ description: 'Where it may be used from. Empty: anywhere.' }),
    permissions: permissionNames.meta({ description: 'What the key can do today.' }),
    client_ip: z.string().nullable().meta({ description: 'The address that the key was judged for.' }),
  })
  .meta({ id: 'VerifiedKey', description: 'A key that works, and what it can do.' });

export type VerifiedKeyAnswer = z.output<typeof verifiedKey>;

const CHECKS = ['revocation', 'pause', 'user', 'expiry', 'address', 'permissions'] as const;
const CHECK_CODES = ['REVOKED', 'PAUSED', 'USER_DISABLED', 'EXPIRED', 'IP_NOT_ALLOWED', 'PERMISSION_DENIED'] as const;

export const explanation = z
  .object({
    verdict: z
      .object({
        allowed: z.boolean().meta({ description: 'Whether the call would be let in.' }),
        code: z.enum(['VALID', ...CHECK_CODES]).meta({ description: 'The code of the first check that fails.' }),
      })
      .meta({ description: 'What the call would be answered.' }),
    checks: z
      .array(
        z.object({
          check: z.enum(CHECKS).meta({ description: 'What is checked.' }),
          passed: z.boolean().meta({ description: 'Whether it lets the call in.' }),
          code: z.enum(CHECK_CODES).meta({ description: 'The code of the refusal if this check fails.' }),
          detail: z.string().meta({ description: 'One sentence for people.' }),
          remedy: z.string().nullable().meta({ description: 'What would make the check pass; null: it passes.' }),
          compared: z.record(z.string(), z.unknown()).meta({ description: 'The values that were compared.' }),
        }),
      )
      .meta({ description: 'Every check, in the order in which they run.' }),
  })
  .meta({ id: 'Explanation', description: 'What would happen to a call, and why.' });

export type ExplanationAnswer = z.output<typeof explanation>;

const source = z
  .object({
    network: z.string().nullable().meta({ description: 'An IPv4 address or an IPv6 /64; null: no address was known.' }),
    first_seen: timestamp,
    last_seen: timestamp,
    count: calls,
  })
  .meta({ id: 'Source', description: 'Where calls came from.' });

export const usedPermission = z
  .object({ name: z.string().meta({ description: 'Its name.' }), count: calls, last_seen: timestamp })
  .meta({ id: 'UsedPermission', description: 'A permission that calls asked for.' });

export const usage = z
  .object({
    id: keyId,
    totals: z
      .record(z.string(), count)
      .meta({ description: 'How many calls had each code. `VALID`: they were allowed.' }),
    days: z
      // Beside `date` each field is a code.
      .array(z.object({ date }).meta({ override: { additionalProperties: { type: 'integer', minimum: 0 } } }))
      .meta({ description: 'The same for each day (UTC) with calls.' }),
    sources: z.array(source).meta({ description: 'Where allowed calls came from, the most recent first.' }),
    refused_sources: z.array(source).meta({ description: 'Where refused calls came from, the most recent first.' }),
    suggested_ip_whitelist: z
      .array(z.string())
      .meta({ description: 'A list by which all the allowed calls would have been allowed.' }),
    permissions: z
      .array(usedPermission)
      .meta({ description: 'What allowed calls asked for, the most frequent first.' }),
    suggested_permissions: z
      .array(z.string())
      .meta({ description: 'A list of permissions by which all the allowed calls would have been allowed.' }),
    secrets: z
      .array(
        z.object({
          hint: hint.nullable().meta({ description: 'Enough of the secret to recognise it; null: not known.' }),
          current: z.boolean().meta({ description: 'Whether it is the secret in use.' }),
          retires_at: timestamp.nullable().meta({ description: 'When it stops, or stopped, working.' }),
          count: calls,
          last_used_at: timestamp.nullable().meta({ description: 'The last call that it allowed; null: none.' }),
          hours: z
            .array(z.object({ hour: timestamp, count: calls }))
            .meta({ description: 'Hours with calls, of a week.' }),
          sources: z.array(source).meta({ description: 'Where its calls came from, the most recent first.' }),
        }),
      )
      .meta({ description: 'Each secret by itself, the one in use first. Empty where no rotation had an overlap.' }),
  })
  .meta({ id: 'Usage', description: 'How, and from where, a key was used.' });

export type UsageAnswer = z.output<typeof usage>;
