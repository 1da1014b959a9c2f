import * as storage from '../../storage/change-keys.ts';
import { actorOf, type Caller, holderOf } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import type { Acting } from '../services.ts';
import { type EffectiveBy, effectiveFromNow } from '../verification/effective-by.ts';
import { actOnKey } from './act-on-key.ts';
import type { Key } from './key.ts';
import { findTakingShortfall, refuseKeyReach } from './key-reach.ts';

/** A key that was revoked, or whose overlap was ended. */
export interface Revoked {
  keyId: number;
  effectiveBy: EffectiveBy;
}

/**
 * Revokes a key that the caller has access to. The key need not be in the caller's reach, because revoking gives nobody
 * more rights. A key that is already revoked stays as it is: the first revocation is the one on record. Only PROVIDER
 * may revoke keys of PROVIDER users. Otherwise an ORG_ADMIN of the deployment's own organisation could lock everyone
 * out of the deployment.
 */
export function revokeKey(services: Acting, caller: Caller, key: Key): Promise<Outcome<Revoked>> {
  return actOnKey(services, caller, key, (confirmed, present) => tryRevoke(services, confirmed, present));
}

/** @returns null when, since the judgement, the caller was changed, the key revoked or its user made PROVIDER */
async function tryRevoke(services: Acting, caller: Caller, key: Key): Promise<Outcome<Revoked> | null> {
  const shortfall = findTakingShortfall(caller, key);
  if (shortfall !== null) return refuseKeyReach(services, caller, 'api_key.revoke', key, shortfall);
  if (key.revokedAt !== null) return { keyId: key.id, effectiveBy: effectiveFromNow(services) };
  const isOwn = key.id === caller.apiKeyId;
  const revoked = await storage.revokeKey(
    services,
    {
      keyId: key.id,
      by: caller.user.id,
      secretInUse: isOwn ? (caller.confirm.key?.secretHash ?? null) : null,
      sparedRole: caller.user.role === 'PROVIDER' ? null : 'PROVIDER',
    },
    {
      audit: { action: 'api_key.revoked', changes: { disabled: [false, true] } },
      // The key and its user are left out of the judgement. All that matters about them is that nobody has revoked the
      // key yet, and the user's role. The UPDATE's own condition asks both. Otherwise whoever holds a leaked key could
      // change key or user between each judgement and its write, and so prevent its revocation.
      actor: isOwn ? holderOf(caller) : actorOf(caller),
      now: services.now(),
    },
  );
  return revoked === null ? null : { keyId: key.id, effectiveBy: effectiveFromNow(services) };
}
