import * as storage from '../../storage/change-keys.ts';
import { type Caller, holderOf } from '../authority/caller.ts';
import { confirmHolder } from '../authority/confirm-caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import type { Acting } from '../services.ts';
import { effectiveFromNow } from '../verification/effective-by.ts';
import type { Revoked } from './revoke-key.ts';

/** A secret is in use, then in its overlap, then refused, and never goes back. So a third try finds it refused. */
const MOST_TRIES = 3;

/**
 * Revokes the key that the caller calls with. A secret in its overlap revokes only itself: the overlap ends. No
 * permission is needed, because whoever holds a leaked key may end it. At the commit only the calling secret has to be
 * as it was judged, so that nobody else who holds the key can prevent this by changing the key or its user.
 */
export async function revokeCurrent(services: Acting, caller: Caller): Promise<Outcome<Revoked>> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const confirmed = await confirmHolder(services, caller);
    if (confirmed.refused) return confirmed;
    const keyId = await tryGiveUp(services, confirmed.caller);
    if (keyId !== null) return { keyId, effectiveBy: effectiveFromNow(services) };
  }
  return { refused: 'contended' };
}

/** @returns the key; null when the secret was rotated out, or the key paused or revoked, between the judgement and the write */
async function tryGiveUp(services: Acting, caller: Caller): Promise<number | null> {
  if (caller.confirm.key === null) throw new Error('A call without a key has none to give up');
  const { secretHash, record } = caller.confirm.key;
  const actor = holderOf(caller);
  const now = services.now();
  const key =
    record.retiresAt === null
      ? await storage.revokeKey(
          services,
          { keyId: record.keyId, by: caller.user.id, secretInUse: secretHash },
          { audit: { action: 'api_key.revoked', changes: { disabled: [false, true] } }, actor, now },
        )
      : await storage.endOverlap(services, record.keyId, secretHash, {
          audit: {
            action: 'api_key.overlap_ended',
            changes: { overlap_seconds: [Math.ceil((record.retiresAt - now) / 1000), 0] },
          },
          actor,
          now,
        });
  return key?.id ?? null;
}
