import { hashApiKey, isWellFormedApiKey } from './api-key-format.ts';
import { type Call, decideAccess } from './decide-access.ts';
import type { DenialCode } from './denial.ts';
import type { KeyRecord, VerifiedKey } from './key-record.ts';
import { lookUpRecord, recallRecord } from './look-up-record.ts';
import type { Services } from './services.ts';

/** `keyId` names the key that was refused, where there is one. */
export type Verdict = { allowed: true; key: VerifiedKey } | { allowed: false; code: DenialCode; keyId: number | null };

/**
 * Decides about one call with a key.
 * @param apiKey as the client sent it; null when it sent none
 * @param payer who pays for the look-up when the key is in no cache (see miss-budget.ts)
 */
export async function verifyKey(
  services: Services,
  apiKey: string | null,
  call: Call,
  payer: string,
): Promise<Verdict> {
  if (apiKey === null) return { allowed: false, code: 'MISSING_KEY', keyId: null };
  if (!isWellFormedApiKey(apiKey, services.settings.keyPrefix)) {
    return { allowed: false, code: 'MALFORMED_KEY', keyId: null };
  }
  return verifyHash(services, await hashApiKey(apiKey), call, payer);
}

/** The same for a key that is known by its hash only. */
export function verifyHash(services: Services, hash: string, call: Call, payer: string): Verdict | Promise<Verdict> {
  const now = services.now();
  const held = recallRecord(services, hash, now);
  return held !== null ? decide(held, call, now) : lookUpAndDecide(services, hash, call, payer);
}

async function lookUpAndDecide(services: Services, hash: string, call: Call, payer: string): Promise<Verdict> {
  const found = await lookUpRecord(services, hash, () => services.mayMiss(payer));
  // From here to the verdict there is no await: what the look-up vouched for, it vouched for at this moment.
  switch (found.outcome) {
    case 'over_budget':
      return { allowed: false, code: 'RATE_LIMITED', keyId: null };
    case 'unavailable':
      return { allowed: false, code: 'UNAVAILABLE', keyId: null };
    case 'absent':
      return { allowed: false, code: 'UNKNOWN_KEY', keyId: null };
    case 'found':
      return decide(found.record, call, services.now());
  }
}

function decide(record: KeyRecord, call: Call, now: number): Verdict {
  const decision = decideAccess(record, call, now);
  if (!decision.allowed) return { allowed: false, code: decision.code, keyId: record.keyId };
  return { allowed: true, key: record.verified };
}
