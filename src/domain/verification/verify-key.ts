import type { Denial } from '../../wire/denial.ts';
import { hashApiKey, isWellFormedUnderAny } from '../secrets/api-key-format.ts';
import type { Verification } from '../services.ts';
import { type Call, decideAccess } from './decide-access.ts';
import type { Tier } from './hold-record.ts';
import type { KeyRecord, VerifiedKey } from './key-record.ts';
import { type LookUp, lookUpInPrimary, lookUpRecord, recallRecord } from './look-up-record.ts';
import type { MissPayer } from './miss-budget.ts';
import { readClock } from './read-clock.ts';

/** `key` of a refusal: the refused key; null when there is none. `tier`: where it was found; null: nowhere. */
export type Verdict =
  | { allowed: true; key: VerifiedKey; secretHash: string; record: KeyRecord; tier: Tier }
  | DeniedVerdict;

export type DeniedVerdict = {
  allowed: false;
  key: Pick<VerifiedKey, 'id' | 'orgId'> | null;
  tier: Tier | null;
} & Denial;

/**
 * Decides about one call with a key. The verdict is synchronous for a key in memory (nearly always), else a promise.
 * @param apiKey as the client sent it; null or empty when it sent none
 * @param payer names who pays for the look-up when the key is in no cache (see miss-budget.ts)
 */
export function verifyKey(
  services: Verification,
  apiKey: string | null,
  call: Call,
  payer: () => MissPayer,
): Verdict | Promise<Verdict> {
  if (apiKey === null || apiKey === '') return { allowed: false, code: 'MISSING_KEY', key: null, tier: null };
  if (!isWellFormedUnderAny(apiKey, services.settings.acceptedPrefixes)) {
    return { allowed: false, code: 'MALFORMED_KEY', key: null, tier: null };
  }
  return verifyHash(services, hashApiKey(apiKey), call, payer);
}

/** `verifyKey` for a key that is known only by its hash. */
export function verifyHash(
  services: Verification,
  hash: string,
  call: Call,
  payer: () => MissPayer,
): Verdict | Promise<Verdict> {
  const now = readClock(services);
  const held = recallRecord(services, hash, now);
  return held !== null
    ? decide({ record: held, tier: 'memory' }, hash, call, now)
    : lookUpAndDecide(services, hash, call, payer);
}

async function lookUpAndDecide(
  services: Verification,
  hash: string,
  call: Call,
  payer: () => MissPayer,
): Promise<Verdict> {
  const found = await lookUpRecord(services, hash, payer);
  // No await may stand between the look-up's check and the verdict: the check holds for this moment only.
  return decideFound(services, hash, found, call);
}

/** Decides again about a verified key, by what D1's primary holds now. */
export async function confirmHash(services: Verification, hash: string, call: Call): Promise<Verdict> {
  return decideFound(services, hash, await lookUpInPrimary(services, hash), call);
}

function decideFound(services: Verification, hash: string, found: LookUp, call: Call): Verdict {
  switch (found.outcome) {
    case 'over_budget':
      return { allowed: false, code: 'RATE_LIMITED', key: null, tier: null };
    case 'unavailable':
      return { allowed: false, code: 'UNAVAILABLE', key: null, tier: null };
    case 'absent':
      return { allowed: false, code: 'UNKNOWN_KEY', key: null, tier: found.tier };
    case 'found':
      return decide(found, hash, call, readClock(services));
  }
}

function decide({ record, tier }: { record: KeyRecord; tier: Tier }, hash: string, call: Call, now: number): Verdict {
  const decision = decideAccess(record, call, now);
  if (!decision.allowed) return { ...decision, key: { id: record.keyId, orgId: record.orgId }, tier };
  return { allowed: true, key: record.verified, secretHash: hash, record, tier };
}

/** Why a verdict refuses, without whose key it was and where that was found. */
export function denialOf({ allowed: _allowed, key: _key, tier: _tier, ...denial }: DeniedVerdict): Denial {
  return denial;
}

/** The verdict that a caller may see: keys of organisations that it may not know of are answered as unknown. */
export function concealForeign(verdict: Verdict, mayKnowOf: (orgId: number) => boolean): Verdict {
  return verdict.key === null || mayKnowOf(verdict.key.orgId)
    ? verdict
    : { allowed: false, code: 'UNKNOWN_KEY', key: null, tier: verdict.tier };
}
