import type { VerificationRecord } from '../../storage/verification-record.ts';
import type { VerifiedKey as WireKey } from '../../wire/rpc.ts';
import { type Allowlist, compileAllowlist } from '../addresses/allowlist.ts';
import { effectivePermissions, type PermissionName } from '../permissions/permissions.ts';
import type { Role, UserType } from '../permissions/roles.ts';
import { expiryMoment } from './expiration.ts';

/** The stored record of a key, with what is computed from it once to decide calls. */
export interface KeyRecord extends VerificationRecord {
  allowlist: Allowlist;
  /** Unix milliseconds; null: never. */
  expiresAt: number | null;
  /** What an allowed call is told about its key. Built once, because it is the same at every call. */
  verified: VerifiedKey;
  /**
   * When the record was written to KV, as far as this isolate knows (unix milliseconds). Infinity: never write it to
   * KV.
   */
  cachedAt: number;
  /** The key's user, as a caller. */
  user: { id: string; orgId: number; role: Role; type: UserType };
  reach: Reach;
}

/** How far a key reaches when it makes or changes another one. */
export interface Reach {
  userRole: Role;
  /** Whether the key has all its user's permissions, future ones included, and no list of its own. */
  isUnrestricted: boolean;
  permissions: readonly PermissionName[];
  ipWhitelist: readonly string[];
  expirationDate: string | null;
}

/** An allowed key and what it may do, typed with this catalogue's permission names. */
export type VerifiedKey = WireKey<PermissionName>;

/** @throws when the stored allowlist or date cannot be read: an unreadable rule must not let anyone in. */
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

/**
 * When the secret of a record stops working by itself: when its key expires or, if it was rotated out, when its overlap
 * ends, whichever is first. Unix milliseconds; null: it does not.
 */
export function endOf({ expiresAt, retiresAt }: KeyRecord): number | null {
  if (expiresAt === null || retiresAt === null) return expiresAt ?? retiresAt;
  return Math.min(expiresAt, retiresAt);
}

/** The stored part of a record, marked as true at this sequence number of the change feed. */
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
    createdAt: record.createdAt,
    revoked: record.revoked,
    paused: record.paused,
    secretCreatedAt: record.secretCreatedAt,
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
 * The memory that a record takes, in bytes: a high estimate, for a bound. `npm run bench` compares it with the real
 * size.
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
