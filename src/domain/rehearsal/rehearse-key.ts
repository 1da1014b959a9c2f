import { readRecordInUse } from '../../storage/secrets.ts';
import type { VerificationRecord } from '../../storage/verification-record.ts';
import type { Outcome } from '../authority/refusal.ts';
import { applyPatch, type KeyPatch } from '../keys/change-key.ts';
import type { Key } from '../keys/key.ts';
import type { Stores, Usage } from '../services.ts';
import { compileKeyRecord } from '../verification/key-record.ts';
import { periodOf, readCounts } from './read-counts.ts';
import { type Rehearsal, rehearse } from './rehearse.ts';

/** What is to be rehearsed of a key. */
export type KeyAct = { act: 'change'; patch: KeyPatch } | { act: 'revoke' } | { act: 'pause' };

/**
 * What a change, a revocation or a pause of a key would have done to its calls of the last `days` days (UTC), today
 * included. Nothing is written.
 * @returns refused as `invalid` when the key cannot be changed like that, as `unavailable` when the usage database cannot
 * be read
 */
export async function rehearseKey(
  services: Stores & Usage,
  key: Key,
  wanted: KeyAct,
  days: number,
): Promise<Outcome<{ rehearsal: Rehearsal }>> {
  const period = periodOf(days, services.now());
  const stored = await readRecordInUse(services.db, key.id);
  if (stored === null) return { refused: 'not_found' };
  const rehearsed = act(key, stored, wanted, period.now);
  if (rehearsed.refused) return rehearsed;
  const read = await readCounts(services, [key.id], period);
  if (read.refused) return read;
  const before = compileKeyRecord(rehearsed.before);
  const after = compileKeyRecord(rehearsed.after);
  return { rehearsal: rehearse([{ before, after }], read.counts, period) };
}

/** Names the fields of a change as they are in the body: within `change`. */
export function inChange(fields: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, message]) => [`change.${name}`, message]));
}

interface Acted {
  before: VerificationRecord;
  after: VerificationRecord;
}

/**
 * The record as it stands and as it would be. A present pause is set aside, so that the answer is about the time after it,
 * unless a pause is what is rehearsed.
 */
function act(key: Key, stored: VerificationRecord, wanted: KeyAct, now: number): Outcome<Acted> {
  const resumed = { ...stored, paused: false };
  switch (wanted.act) {
    case 'revoke':
      return { before: resumed, after: { ...resumed, revoked: true } };
    case 'pause':
      return stored.revoked ? CANNOT_BE_PAUSED : { before: stored, after: { ...stored, paused: true } };
    case 'change': {
      const applied = applyPatch(key, wanted.patch, now);
      if (applied.refused === 'invalid') return { ...applied, fields: inChange(applied.fields) };
      if (applied.refused) return applied;
      const { label, expirationDate, ipWhitelist, hasRestrictedPermissions, permissions } = applied.fields;
      const fields = { label, expirationDate, ipWhitelist, hasRestrictedPermissions, permissions };
      return { before: resumed, after: { ...resumed, ...fields } };
    }
  }
}

const CANNOT_BE_PAUSED = {
  refused: 'invalid',
  fields: { pause: 'A revoked key cannot be paused: it is refused for good.' },
} as const;
