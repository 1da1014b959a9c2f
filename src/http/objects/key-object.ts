import { type Key, type KeyFieldOnWire, statusOf } from '../../domain/keys/key.ts';
import type { PreviousSecret } from '../../domain/keys/previous-secret.ts';
import type { Revoked } from '../../domain/keys/revoke-key.ts';
import { effectivePermissions } from '../../domain/permissions/permissions.ts';
import type { AccessExplanation } from '../../domain/verification/explain-access.ts';
import type { VerifiedKey } from '../../domain/verification/key-record.ts';
import type { ExplanationAnswer, KeyAnswer, RevokedAnswer, VerifiedKeyAnswer } from '../answers/keys.ts';
import { effectiveByObject } from './effective-by-object.ts';
import { formatTimestamp } from './timestamps.ts';

/** How keys are to be shown. */
interface KeyView {
  /** Unix milliseconds. */
  now: number;
  includeAllPermissions: boolean;
  /** When each key last allowed a call (unix milliseconds), by key id; null: usage cannot be read now. */
  lastUses: ReadonlyMap<number, number> | null;
  /** The secrets that were rotated out and still work, by key id. */
  previousSecrets: ReadonlyMap<number, PreviousSecret>;
}

/** The key object of the contract, its fields in the contract's order. Routes call `showKey` or `showKeys`. */
export function keyObject(key: Key, { now, includeAllPermissions, lastUses, previousSecrets }: KeyView): KeyAnswer {
  return {
    id: key.id,
    label: key.label,
    description: key.description,
    user_id: key.userId,
    user_name: key.userType === 'bot' ? null : `${key.userFirstName} ${key.userLastName}`,
    user_role: key.userRole,
    user_type: key.userType,
    disabled: key.revokedAt !== null,
    expiration_date: key.expirationDate,
    ...(lastUses === null ? {} : { last_used_at: lastUseOf(key, lastUses) }),
    created_by: key.createdBy,
    created_by_name: key.createdByName,
    created_at: formatTimestamp(key.createdAt),
    revoked_by: key.revokedBy,
    revoked_by_name: key.revokedByName,
    revoked_at: key.revokedAt === null ? null : formatTimestamp(key.revokedAt),
    ip_whitelist: key.ipWhitelist,
    has_restricted_permissions: key.hasRestrictedPermissions,
    permissions:
      key.hasRestrictedPermissions && includeAllPermissions ? key.permissions : effectivePermissions(key, key.userRole),
    org_id: key.orgId,
    key_hint: key.hint,
    status: statusOf(key, now),
    paused_at: key.pausedAt === null ? null : formatTimestamp(key.pausedAt),
    created_by_api_key_id: key.createdByApiKeyId,
    previous_secret: previousSecretObject(previousSecrets.get(key.id)),
  } satisfies Record<KeyFieldOnWire, unknown> & Record<string, unknown>;
}

function previousSecretObject(previous: PreviousSecret | undefined): KeyAnswer['previous_secret'] {
  if (previous === undefined) return null;
  const { hint, retiresAt, lastUsedAt } = previous;
  return {
    hint,
    retires_at: formatTimestamp(retiresAt),
    ...(lastUsedAt === undefined ? {} : { last_used_at: lastUsedAt === null ? null : formatTimestamp(lastUsedAt) }),
  };
}

function lastUseOf({ id }: Key, lastUses: ReadonlyMap<number, number>): string | null {
  const lastUsedAt = lastUses.get(id);
  return lastUsedAt === undefined ? null : formatTimestamp(lastUsedAt);
}

/** The read-only fields of an answer that shows a key: a PUT accepts and ignores them. */
export const READ_ONLY_KEY_FIELDS: readonly string[] = [
  'id',
  'user_id',
  'user_name',
  'user_role',
  'user_type',
  'disabled',
  'last_used_at',
  'created_by',
  'created_by_name',
  'created_at',
  'revoked_by',
  'revoked_by_name',
  'revoked_at',
  'org_id',
  'key_hint',
  'status',
  'paused_at',
  'created_by_api_key_id',
  'previous_secret',
  'effective_by',
];

/** The answer to a revocation. */
export function revokedObject({ keyId, effectiveBy }: Revoked): RevokedAnswer {
  return { id: keyId, status: 'success', effective_by: effectiveByObject(effectiveBy) };
}

/** A verified key, as `GET /current` and `POST /verify` show it. All of it comes from the verification itself. */
export function currentKeyObject(key: VerifiedKey, clientIp: string | null): VerifiedKeyAnswer {
  return {
    id: key.id,
    label: key.label,
    org_id: key.orgId,
    user_id: key.userId,
    user_role: key.userRole,
    user_type: key.userType,
    expiration_date: key.expirationDate,
    ip_whitelist: key.ipWhitelist,
    permissions: key.permissions,
    client_ip: clientIp,
  };
}

/** The answer of `POST /explain/{id}`: the verdict, and every check behind it. */
export function explanationObject({ decision, checks }: AccessExplanation): ExplanationAnswer {
  return { verdict: { allowed: decision.allowed, code: decision.allowed ? 'VALID' : decision.code }, checks };
}
