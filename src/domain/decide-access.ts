import { allows } from './allowlist.ts';
import type { KeyDenialCode } from './denial.ts';
import type { KeyRecord } from './key-record.ts';
import type { PermissionName } from './permissions.ts';

/** What a call brings: where it comes from, and which permissions it needs. */
export interface Call {
  clientIp: string | null;
  needs: readonly PermissionName[];
}

export type Decision = { allowed: true } | { allowed: false; code: KeyDenialCode };

/**
 * Whether a call with this key is allowed. Pure: no I/O and no clock. Everything a key can be refused for is decided
 * here, in the order of the contract, so that HTTP, RPC and console cannot disagree.
 * @param now unix milliseconds, read after the last await before this
 */
export function decideAccess(record: KeyRecord, call: Call, now: number): Decision {
  if (record.revoked || (record.retiresAt !== null && now >= record.retiresAt)) {
    return { allowed: false, code: 'REVOKED' };
  }
  if (record.userDisabled) return { allowed: false, code: 'USER_DISABLED' };
  if (record.expiresAt !== null && now >= record.expiresAt) return { allowed: false, code: 'EXPIRED' };
  if (!allows(record.allowlist, call.clientIp)) return { allowed: false, code: 'IP_NOT_ALLOWED' };
  if (!call.needs.every((name) => record.verified.permissions.includes(name))) {
    return { allowed: false, code: 'PERMISSION_DENIED' };
  }
  return { allowed: true };
}
