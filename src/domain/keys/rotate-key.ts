import { replaceSecret } from '../../storage/change-keys.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import { findKeyShortfall } from '../authority/key-reach.ts';
import type { Outcome } from '../authority/refusal.ts';
import { refuseKeyReach } from '../authority/refuse-reach.ts';
import { chargedOnce } from '../limits.ts';
import { mintSecret } from '../secrets/mint-secret.ts';
import type { Acting, Secrets } from '../services.ts';
import { actOnKey } from './act-on-key.ts';
import { expiryMoment } from './expiration.ts';
import type { Key } from './key.ts';

/**
 * Replaces the secret of a key. The old secret goes on working for the overlap, but never beyond the key's expiry. The
 * overlap of an earlier rotation ends. Of concurrent rotations one wins. The others are refused as `invalid`, because
 * each would have given out a secret that was already replaced.
 * @param overlapSeconds how long the old secret goes on working; 0: not at all
 * @returns the key and its new secret
 */
export function rotateKey(
  services: Acting & Secrets,
  caller: Caller,
  key: Key,
  overlapSeconds: number,
): Promise<Outcome<{ key: Key; apiKey: string }>> {
  const mayReveal = chargedOnce(services.limits.secrets, caller.user.id);
  return actOnKey(services, caller, key, async (confirmed, present) =>
    present.revision === key.revision
      ? tryRotate(services, confirmed, present, overlapSeconds, mayReveal)
      : { refused: 'invalid', fields: { id: LOST } },
  );
}

/** @returns null when the caller or the key was changed between the judgement and the write */
async function tryRotate(
  services: Acting & Secrets,
  caller: Caller,
  key: Key,
  overlapSeconds: number,
  mayReveal: () => Promise<boolean>,
): Promise<Outcome<{ key: Key; apiKey: string }> | null> {
  if (key.revokedAt !== null) {
    return { refused: 'invalid', fields: { disabled: 'A revoked key cannot be rotated. Create a new one.' } };
  }
  const shortfall = findKeyShortfall(caller, key);
  if (shortfall !== null) return refuseKeyReach(services, caller, 'api_key.rotate', key, shortfall);
  const secret = await mintSecret(services);
  if (secret === null) return { refused: 'no_keyring' };
  // Rotating and seeing share a limit, because both give out a secret.
  if (!(await mayReveal())) return { refused: 'rate_limited' };

  const now = services.now();
  const expiresAt = key.expirationDate === null ? Number.POSITIVE_INFINITY : expiryMoment(key.expirationDate);
  const overlapEndsAt = Math.min(now + overlapSeconds * 1000, expiresAt);
  const rotated = await replaceSecret(
    services,
    key,
    { secret, mintedBy: caller.user.id, overlapEndsAt },
    {
      audit: {
        action: 'api_key.rotated',
        changes: { key_hint: [key.hint, secret.hint], overlap_seconds: overlapSeconds },
      },
      actor: actorOf(caller, { apiKeyIds: [key.id], userIds: [key.userId] }),
      now,
    },
  );
  return rotated === null ? null : { key: rotated, apiKey: secret.apiKey };
}

const LOST =
  'This key was rotated, changed or revoked by someone else at the same moment. Read it, and rotate it again if that is still needed.';
