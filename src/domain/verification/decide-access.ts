import type { Denial, KeyDenialCode } from '../../wire/denial.ts';
import { allows } from '../addresses/allowlist.ts';
import type { KeyRecord } from './key-record.ts';

/**
 * A call to be judged: its client address and the permissions that it needs. No key holds a name that is not in the
 * catalogue.
 */
export interface Call {
  clientIp: string | null;
  needs: readonly string[];
}

export type Decision = { allowed: true } | ({ allowed: false } & Denial<KeyDenialCode>);

/** One reason to refuse a call. `now` in unix milliseconds. */
interface AccessRule {
  check: 'revocation' | 'pause' | 'user' | 'expiry' | 'address' | 'permissions';
  /** The code of the refusal. */
  code: KeyDenialCode;
  passes(record: KeyRecord, call: Call, now: number): boolean;
}

/**
 * Every reason to refuse a call, in the order of the contract. `decideAccess` and `explainAccess` share this list, so
 * they cannot disagree.
 */
export const ACCESS_RULES: readonly AccessRule[] = [
  {
    check: 'revocation',
    code: 'REVOKED',
    passes: (record, _call, now) => !record.revoked && (record.retiresAt === null || now < record.retiresAt),
  },
  { check: 'pause', code: 'PAUSED', passes: (record) => !record.paused },
  { check: 'user', code: 'USER_DISABLED', passes: (record) => !record.userDisabled },
  {
    check: 'expiry',
    code: 'EXPIRED',
    passes: (record, _call, now) => record.expiresAt === null || now < record.expiresAt,
  },
  { check: 'address', code: 'IP_NOT_ALLOWED', passes: (record, call) => allows(record.allowlist, call.clientIp) },
  {
    check: 'permissions',
    code: 'PERMISSION_DENIED',
    passes: (record, call) => findMissing(record, call).length === 0,
  },
];

/**
 * Whether a call with this key is allowed. Pure: no I/O and no clock.
 * @param now unix milliseconds, read after the last await before this call
 */
export function decideAccess(record: KeyRecord, call: Call, now: number): Decision {
  for (const rule of ACCESS_RULES) {
    if (rule.passes(record, call, now)) continue;
    if (rule.code !== 'PERMISSION_DENIED') return { allowed: false, code: rule.code };
    return { allowed: false, code: rule.code, missing: findMissing(record, call) };
  }
  return { allowed: true };
}

/** The permissions that the call needs and the key lacks, in the order of the call. */
function findMissing({ verified: { permissions } }: KeyRecord, call: Call): string[] {
  const held: readonly string[] = permissions;
  return call.needs.filter((name) => !held.includes(name));
}
