import { commitKeyChange, nameOfActor } from '../../storage/commit-change.ts';
import { dropSealedSecretsOfRevoked, type KeyRow, revokeKey as revokeRow } from '../../storage/keys.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import { refuseKeyReach } from '../authority/refuse-reach.ts';
import { untilUncontended } from '../authority/until-uncontended.ts';
import type { Services } from '../services.ts';
import { findKeyById } from './find-key.ts';

/**
 * Revokes a key that the caller has access to; that is enough, for taking away is not reaching further. A key that is
 * revoked already stays as it is: who revoked it first is what counts. Keys of PROVIDER users are revoked by PROVIDER
 * only: an administrator beside them could otherwise lock the deployment.
 */
export function revokeKey(services: Services, caller: Caller, key: KeyRow): Promise<Outcome<{ keyId: number }>> {
  return untilUncontended(services, caller, async (confirmed, isFirst) => {
    const present = isFirst ? key : await findKeyById(services, confirmed, key.id);
    return present === null ? { refused: 'not_found' } : tryRevoke(services, confirmed, present);
  });
}

/** @returns null when the caller or the key was changed between the judgement and the write */
async function tryRevoke(services: Services, caller: Caller, key: KeyRow): Promise<Outcome<{ keyId: number }> | null> {
  if (key.userRole === 'PROVIDER' && caller.user.role !== 'PROVIDER') {
    return refuseKeyReach(services, caller, 'api_key.revoke', key, { rule: 'provider_keys' });
  }
  if (key.revokedAt !== null) return { keyId: key.id };
  const now = services.now();
  const actor = actorOf(caller, { apiKeyIds: [key.id], userIds: [key.userId] });
  const revoked = await commitKeyChange(services, {
    rows: [revokeRow(services.db, key.id, { by: caller.user.id, byName: nameOfActor(actor), at: now })],
    keyId: key.id,
    after: [dropSealedSecretsOfRevoked(services.db, key.id)],
    audit: { action: 'api_key.revoked', changes: { disabled: [false, true] } },
    actor,
    now,
  });
  return revoked === null ? null : { keyId: key.id };
}
