import type { KeyFields } from '../../storage/change-keys.ts';
import type { KeyRow } from '../../storage/keys.ts';
import type { EffectiveBy } from '../verification/effective-by.ts';
import { expiryMoment } from '../verification/expiration.ts';

/** A key, with its user's role and name today, and without its secrets. */
export type Key = KeyRow;

export type { KeyFields };

/** A key as a change left it. */
export interface ChangedKey {
  key: Key;
  effectiveBy: EffectiveBy;
}

/**
 * The fields of a key that its creator gives and may change, with their names on the wire and in the audit log. Leaving
 * a field out does not compile: here, in `fieldsOf`, the request and the patch, the schemas' results, the key object
 * and the INSERT.
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

/** Every status of a key (see `statusOf`). */
export const KEY_STATUSES = ['active', 'paused', 'disabled', 'expired'] as const;

export type KeyStatus = (typeof KEY_STATUSES)[number];

/** The status of a key at `now` (unix milliseconds): `disabled` (revoked), `paused`, `expired`, `active`, the first that holds. */
export function statusOf(key: Pick<Key, 'revokedAt' | 'pausedAt' | 'expirationDate'>, now: number): KeyStatus {
  if (key.revokedAt !== null) return 'disabled';
  if (key.pausedAt !== null) return 'paused';
  return key.expirationDate !== null && now >= expiryMoment(key.expirationDate) ? 'expired' : 'active';
}
