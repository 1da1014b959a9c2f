import { commitKeyChange, nameOfActor } from '../../storage/commit-change.ts';
import { dropSealedSecretsOfRevoked, type KeyRow, revokeKey as revokeRow } from '../../storage/keys.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import type { Services } from '../services.ts';

/**
 * Revokes a key that the caller has access to; that is enough, for taking away is not reaching further. A key that is
 * revoked already stays as it is: who revoked it first is what counts.
 */
export async function revokeKey(services: Services, caller: Caller, key: KeyRow): Promise<void> {
  if (key.revokedAt !== null) return;
  const now = services.now();
  const actor = actorOf(caller);
  await commitKeyChange(services, {
    rows: [revokeRow(services.db, key.id, { by: caller.key.userId, byName: nameOfActor(actor), at: now })],
    keyId: key.id,
    after: [dropSealedSecretsOfRevoked(services.db, key.id)],
    audit: { action: 'api_key.revoked', changes: { disabled: [false, true] } },
    actor,
    now,
  });
}
