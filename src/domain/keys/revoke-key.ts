import * as storage from '../../storage/change-keys.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import { refuseKeyReach } from '../authority/refuse-reach.ts';
import type { Acting } from '../services.ts';
import { actOnKey } from './act-on-key.ts';
import type { Key } from './key.ts';

/**
 * Revokes a key that the caller has access to; that is enough, for taking away is not reaching further. A key that is
 * revoked already stays as it is: who revoked it first is what counts. Keys of PROVIDER users are revoked by PROVIDER
 * only: an administrator beside them could otherwise lock the deployment.
 */
export function revokeKey(services: Acting, caller: Caller, key: Key): Promise<Outcome<{ keyId: number }>> {
  return actOnKey(services, caller, key, (confirmed, present) => tryRevoke(services, confirmed, present));
}

/** @returns null when the caller or the key's user was changed, or the key revoked, between the judgement and the write */
async function tryRevoke(services: Acting, caller: Caller, key: Key): Promise<Outcome<{ keyId: number }> | null> {
  if (key.userRole === 'PROVIDER' && caller.user.role !== 'PROVIDER') {
    return refuseKeyReach(services, caller, 'api_key.revoke', key, { rule: 'provider_keys' });
  }
  if (key.revokedAt !== null) return { keyId: key.id };
  const revoked = await storage.revokeKey(services, key.id, caller.user.id, {
    audit: { action: 'api_key.revoked', changes: { disabled: [false, true] } },
    // Not by the key itself: of it only counts that nobody has revoked it, which the statement asks. Whoever holds a leaked
    // key could otherwise change it between each judgement and its write, and so keep it from being revoked.
    actor: actorOf(caller, { userIds: [key.userId] }),
    now: services.now(),
  });
  return revoked === null ? null : { keyId: key.id };
}
