import { expect } from 'vitest';

/** The fields of the key object, in the contract's order. */
export const KEY_FIELDS = [
  'id',
  'label',
  'description',
  'user_id',
  'user_name',
  'user_role',
  'user_type',
  'disabled',
  'expiration_date',
  'last_used_at',
  'created_by',
  'created_by_name',
  'created_at',
  'revoked_by',
  'revoked_by_name',
  'revoked_at',
  'ip_whitelist',
  'has_restricted_permissions',
  'permissions',
  'org_id',
  'key_hint',
  'status',
  'paused_at',
  'created_by_api_key_id',
  'previous_secret',
];

/** `2019-08-22 11:46:38.914467+00` */
export const TIMESTAMP = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00$/;

/** The `effective_by` of an answer, whatever its moments. */
export const EFFECTIVE_BY = {
  normally: expect.stringMatching(TIMESTAMP),
  in_an_outage: expect.stringMatching(TIMESTAMP),
};
