import type { KeyFields } from '../../storage/change-keys.ts';
import type { KeyRow } from '../../storage/keys.ts';
import { expiryMoment } from './expiration.ts';

/** A key, with what its user is today. Its secrets are apart. */
export type Key = KeyRow;

export type { KeyFields };

/**
 * The fields of a key that its maker gives and may change, by their names on the wire and in the audit log. A field that is
 * missing here does not compile; neither does a place that forgets one: `fieldsOf`, the request and the patch, the schemas'
 * results, the key object and the INSERT.
 */
export const KEY_FIELDS = {
  label: 'label',
  description: 'description',
  expirationDate: 'expiration_date',
  ipWhitelist: 'ip_whitelist',
  hasRestrictedPermissions: 'has_restricted_permissions',
  permissions: 'permissions',
} as const satisfies Record<keyof KeyFields, string>;

/** The names of these fields on the wire. */
export type KeyFieldOnWire = (typeof KEY_FIELDS)[keyof KeyFields];

/** The fields of a key as it stands. */
export function fieldsOf(key: Key): KeyFields {
  return {
    label: key.label,
    description: key.description,
    expirationDate: key.expirationDate,
    ipWhitelist: key.ipWhitelist,
    hasRestrictedPermissions: key.hasRestrictedPermissions,
    permissions: key.permissions,
  };
}

export const KEY_STATUSES = ['active', 'disabled', 'expired'] as const;

export type KeyStatus = (typeof KEY_STATUSES)[number];

/** What a key is at `now` (unix milliseconds): the first that holds. */
export function statusOf(key: Pick<Key, 'revokedAt' | 'expirationDate'>, now: number): KeyStatus {
  if (key.revokedAt !== null) return 'disabled';
  return key.expirationDate !== null && now >= expiryMoment(key.expirationDate) ? 'expired' : 'active';
}
