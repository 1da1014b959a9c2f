import { changeOverlap as commitOverlap } from '../../storage/change-keys.ts';
import { readOverlapEnd } from '../../storage/secrets.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import type { Acting } from '../services.ts';
import { effectiveFromNow } from '../verification/effective-by.ts';
import { expiryMoment } from '../verification/expiration.ts';
import { actOnKey } from './act-on-key.ts';
import type { ChangedKey, Key } from './key.ts';
import { findKeyShortfall, findTakingShortfall, refuseKeyReach } from './key-reach.ts';

/**
 * Ends the overlap of a rotation, or moves its end: `overlapSeconds` from now, but never beyond the key's expiry. An
 * earlier end takes rights away, so as for a revocation the caller needs access to the key, and nobody can hold it off by
 * changing the key meanwhile. A later end gives rights, so the key must be in the caller's reach. An overlap that ends at
 * that moment already stays as it is. Without an overlap it is refused as `invalid`.
 */
export function changeOverlap(
  services: Acting,
  caller: Caller,
  key: Key,
  overlapSeconds: number,
): Promise<Outcome<ChangedKey>> {
  return actOnKey(services, caller, key, (confirmed, present) =>
    tryChange(services, confirmed, present, overlapSeconds),
  );
}

/** @returns null when the caller, the overlap or, for a later end, the key was changed between the judgement and the write */
async function tryChange(
  services: Acting,
  caller: Caller,
  key: Key,
  overlapSeconds: number,
): Promise<Outcome<ChangedKey> | null> {
  const now = services.now();
  const presentEnd = key.revokedAt === null ? await readOverlapEnd(services.db, key.id, now) : null;
  const expiresAt = key.expirationDate === null ? Number.POSITIVE_INFINITY : expiryMoment(key.expirationDate);
  const endsAt = Math.max(now, Math.min(now + overlapSeconds * 1000, expiresAt));
  const takesAway = endsAt <= (presentEnd ?? now);
  const shortfall = takesAway ? findTakingShortfall(caller, key) : findKeyShortfall(caller, key);
  if (shortfall !== null) return refuseKeyReach(services, caller, 'api_key.overlap', key, shortfall);
  if (presentEnd === null) return { refused: 'invalid', fields: { overlap_seconds: NO_OVERLAP } };
  // An overlap that lasts as long as the key cannot be given longer.
  if (endsAt === presentEnd) return { key, effectiveBy: effectiveFromNow(services, endsAt) };
  const changed = await commitOverlap(
    services,
    {
      keyId: key.id,
      endsAt,
      // Of an earlier end, only that it takes away has to hold.
      presentEnd: takesAway ? null : presentEnd,
      sparedRole: takesAway && caller.user.role !== 'PROVIDER' ? 'PROVIDER' : null,
    },
    {
      audit: {
        action: endsAt === now ? 'api_key.overlap_ended' : 'api_key.overlap_changed',
        changes: { overlap_seconds: [toSeconds(presentEnd - now), toSeconds(endsAt - now)] },
      },
      actor: takesAway ? actorOf(caller) : actorOf(caller, { apiKeyIds: [key.id], userIds: [key.userId] }),
      now,
    },
  );
  return changed === null ? null : { key: changed, effectiveBy: effectiveFromNow(services, endsAt) };
}

function toSeconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000);
}

const NO_OVERLAP = 'No overlap runs: only the secret in use works. A rotation with "overlap_seconds" begins one.';
