import * as storage from '../../storage/change-keys.ts';
import { actorOf, type Caller, holderOf } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import type { Acting } from '../services.ts';
import { effectiveFromNow } from '../verification/effective-by.ts';
import { actOnKey } from './act-on-key.ts';
import type { ChangedKey, Key } from './key.ts';
import { findTakingShortfall, refuseKeyReach } from './key-reach.ts';

/**
 * Pauses a key that the caller has access to: its calls are refused until it is resumed. The rules are those of a
 * revocation. A key that is already paused stays as it is: who paused it first is on record, and may decide who resumes it.
 */
export function pauseKey(services: Acting, caller: Caller, key: Key): Promise<Outcome<ChangedKey>> {
  return actOnKey(services, caller, key, (confirmed, present) => tryPause(services, confirmed, present));
}

/** @returns null when the caller was changed, the key paused or revoked or its user made PROVIDER between the judgement and the write */
async function tryPause(services: Acting, caller: Caller, key: Key): Promise<Outcome<ChangedKey> | null> {
  if (key.revokedAt !== null) {
    return { refused: 'invalid', fields: { disabled: 'A revoked key cannot be paused: it is refused for good.' } };
  }
  const shortfall = findTakingShortfall(caller, key);
  if (shortfall !== null) return refuseKeyReach(services, caller, 'api_key.pause', key, shortfall);
  if (key.pausedAt !== null) return { key, effectiveBy: effectiveFromNow(services) };
  const isOwn = key.id === caller.apiKeyId;
  const paused = await storage.pauseKey(
    services,
    {
      keyId: key.id,
      by: caller.user.id,
      secretInUse: isOwn ? (caller.confirm.key?.secretHash ?? null) : null,
      sparedRole: caller.user.role === 'PROVIDER' ? null : 'PROVIDER',
    },
    {
      audit: { action: 'api_key.paused', changes: { paused: [false, true] } },
      // Key and user are left out of the judgement, as for a revocation: whoever holds a leaked key could otherwise hold off
      // its pause by changing either of them before each try.
      actor: isOwn ? holderOf(caller) : actorOf(caller),
      now: services.now(),
    },
  );
  return paused === null ? null : { key: paused, effectiveBy: effectiveFromNow(services) };
}
