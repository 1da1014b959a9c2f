import type { VerificationRecord } from '../../storage/verification-record.ts';
import type { VerifiedKey as WireKey } from '../../wire/rpc.ts';
import { type Allowlist, compileAllowlist } from '../addresses/allowlist.ts';
import type { Reach } from '../authority/reach.ts';
import { expiryMoment } from '../keys/expiration.ts';
import { effectivePermissions, type PermissionName } from '../permissions/permissions.ts';
import type { Role, UserType } from '../permissions/roles.ts';

/** What is known of a key, ready to decide calls with: the stored record, and what is worked out from it once. */
export interface KeyRecord extends VerificationRecord {
  allowlist: Allowlist;
  /** Unix milliseconds; null: never. */
  expiresAt: number | null;
  /** What a caller that is allowed gets to know; made once, because it is the same at every call. */
  verified: VerifiedKey;
  /** When it was put into KV, as far as this isolate knows (unix milliseconds); Infinity: it is not to be kept there. */
  cachedAt: number;
  /** The key's user, as a caller. */
  user: { id: string; orgId: number; role: Role; type: UserType };
  /** How far the key reaches when it makes or changes another one. */
  reach: Reach;
}

/** A key that was allowed a call, and what it may do: with the names of this catalogue. */
export type VerifiedKey = WireKey<PermissionName>;

/** @throws when the stored allowlist or date cannot be read: what means nothing must not let anyone in. */
export function compileKeyRecord(stored: VerificationRecord, cachedAt = Number.POSITIVE_INFINITY): KeyRecord {
  const permissions = effectivePermissions(stored, stored.userRole);
  const expiresAt = stored.expirationDate === null ? null : expiryMoment(stored.expirationDate);
  if (Number.isNaN(expiresAt)) throw new Error('A stored expiration date is not a date');
  return {
    ...stored,
    allowlist: compileAllowlist(stored.ipWhitelist),
    expiresAt,
    cachedAt,
    verified: {
      id: stored.keyId,
      label: stored.label,
      orgId: stored.orgId,
      userId: stored.userId,
      userRole: stored.userRole,
      userType: stored.userType,
      expirationDate: stored.expirationDate,
      ipWhitelist: stored.ipWhitelist,
      permissions,
    },
    user: { id: stored.userId, orgId: stored.orgId, role: stored.userRole, type: stored.userType },
    reach: {
      userRole: stored.userRole,
      isUnrestricted: !stored.hasRestrictedPermissions,
      permissions,
      ipWhitelist: stored.ipWhitelist,
      expirationDate: stored.expirationDate,
    },
  };
}

/** What is stored of a key, as it was true at this place in the change feed. */
export function storedRecord(record: KeyRecord, seq: number): VerificationRecord {
  return {
    epoch: record.epoch,
    seq,
    keyId: record.keyId,
    orgId: record.orgId,
    userId: record.userId,
    userType: record.userType,
    userRole: record.userRole,
    userDisabled: record.userDisabled,
    label: record.label,
    revoked: record.revoked,
    retiresAt: record.retiresAt,
    expirationDate: record.expirationDate,
    ipWhitelist: record.ipWhitelist,
    hasRestrictedPermissions: record.hasRestrictedPermissions,
    permissions: record.permissions,
  };
}

const BYTES_OF_RECORD = 2_000;
const BYTES_OF_NETWORK = 250;
const BYTES_OF_TEXT = 24;

/**
 * What a record takes of an isolate's memory, in bytes: an estimate on the large side, for a bound. `npm run bench` holds
 * it against what it does take.
 */
export function weightOfRecord({ label, ipWhitelist, permissions, verified }: KeyRecord): number {
  return (
    BYTES_OF_RECORD +
    2 * label.length +
    ipWhitelist.reduce((sum, entry) => sum + BYTES_OF_NETWORK + entry.length, 0) +
    permissions.reduce((sum, name) => sum + BYTES_OF_TEXT + name.length, 0) +
    verified.permissions.length * 8
  );
}
