import type { VerificationRecord } from '../storage/verification-record.ts';
import { type Allowlist, compileAllowlist } from './allowlist.ts';
import { expiryMoment } from './expiration.ts';

/** What is known of a key, ready to decide calls with: the stored record, and what is worked out from it once. */
export interface KeyRecord extends VerificationRecord {
  allowlist: Allowlist;
  /** Unix milliseconds; null: never. */
  expiresAt: number | null;
}

/** @throws when the stored allowlist cannot be read: a list that means nothing must not let anyone in. */
export function compileKeyRecord(stored: VerificationRecord): KeyRecord {
  return {
    ...stored,
    allowlist: compileAllowlist(stored.ipWhitelist),
    expiresAt: stored.expirationDate === null ? null : expiryMoment(stored.expirationDate),
  };
}
