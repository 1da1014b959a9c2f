import type { KeyDenialCode } from '../../wire/denial.ts';
import { allows } from '../addresses/allowlist.ts';
import type { KeyRecord } from './key-record.ts';

/** What a call brings: where it comes from, and which permissions it needs; a name that there is not, no key has. */
export interface Call {
  clientIp: string | null;
  needs: readonly string[];
}

export type Decision = { allowed: true } | { allowed: false; code: KeyDenialCode };

/** One thing that a key can be refused for. `now` in unix milliseconds. */
interface AccessRule {
  check: 'revocation' | 'user' | 'expiry' | 'address' | 'permissions';
  /** What a call is refused with that does not pass. */
  code: KeyDenialCode;
  passes(record: KeyRecord, call: Call, now: number): boolean;
}

/**
 * Everything that a key can be refused for, in the order of the contract. Deciding about a call and explaining why go
 * through the same list, so that they cannot disagree.
 */
export const ACCESS_RULES: readonly AccessRule[] = [
  {
    check: 'revocation',
    code: 'REVOKED',
    passes: (record, _call, now) => !record.revoked && (record.retiresAt === null || now < record.retiresAt),
  },
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
    passes: ({ verified: { permissions } }, call) => {
      const held: readonly string[] = permissions;
      return call.needs.every((name) => held.includes(name));
    },
  },
];

/**
 * Whether a call with this key is allowed. Pure: no I/O and no clock.
 * @param now unix milliseconds, read after the last await before this
 */
export function decideAccess(record: KeyRecord, call: Call, now: number): Decision {
  for (const rule of ACCESS_RULES) {
    if (!rule.passes(record, call, now)) return { allowed: false, code: rule.code };
  }
  return { allowed: true };
}
