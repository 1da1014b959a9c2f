import { replaceSecret } from '../../storage/change-keys.ts';
import { readOverlapEnd, readSecretInUse } from '../../storage/secrets.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import { chargedOnce } from '../limits.ts';
import { keepForRetries, RETRY_OF_ANOTHER, type Retry, recallAnswer, settleEffectiveBy } from '../retries/retry.ts';
import { mintSecret } from '../secrets/mint-secret.ts';
import type { Acting, Secrets, Usage } from '../services.ts';
import { findLastUses, findLastUsesOfSecrets } from '../usage/report-usage.ts';
import { effectiveFromNow } from '../verification/effective-by.ts';
import { expiryMoment } from '../verification/expiration.ts';
import { actOnKey } from './act-on-key.ts';
import type { Key } from './key.ts';
import { belongingOf, findKeyShortfall, refuseKeyReach } from './key-reach.ts';
import { type KeyWithSecret, replayKey } from './replay-key.ts';

interface Rotation {
  /** How long the old secret goes on working; 0: not at all. */
  overlapSeconds: number;
  /** Whether to end the overlap of an earlier rotation, if one still runs. */
  endsPrevious: boolean;
}

/**
 * Replaces the secret of a key. The old secret goes on working for the overlap, but never beyond the key's expiry.
 * While the overlap of an earlier rotation runs, a rotation is refused as `invalid` unless it says to end that, because
 * a client that retries must not cut off the secret in production. Of concurrent rotations one wins. The others are
 * refused as `invalid`, because each would have given out a secret that was already replaced.
 * @param retry identifies the call for its retries; undefined: the call had no `Idempotency-Key`, and always rotates
 * @returns the key and its new secret
 */
export async function rotateKey(
  services: Acting & Secrets & Usage,
  caller: Caller,
  key: Key,
  rotation: Rotation,
  retry?: Retry,
): Promise<Outcome<KeyWithSecret>> {
  const mayReveal = chargedOnce(services.limits.secrets, caller.user.id);
  // Read before the attempts, because the usage database may be slow. It is kept with the answer, for retries.
  const [lastUses, lastUseOfSecret] = await Promise.all([
    findLastUses(services, [key.id]),
    findLastUseOfSecretInUse(services, key),
  ]);
  const lastUsedAt = lastUses === null ? undefined : (lastUses.get(key.id) ?? null);
  return actOnKey(services, caller, key, async (confirmed, present) => {
    const previousEndsAt = await readOverlapEnd(services.db, present.id, services.now());
    // Read after the overlap was. Otherwise a retry that meets the first call would be refused for the overlap of that.
    const earlier = await recallAnswer(services, retry);
    if (earlier !== null && earlier !== 'of_another') {
      return replayKey(services, confirmed, {
        retry,
        answer: earlier,
        belongsTo: belongingOf(confirmed, present),
        mayReveal,
        endOfPrevious: (rotated) => overlapEndOf(rotated, rotation, earlier.at),
      });
    }
    if (present.revision !== key.revision) return { refused: 'invalid', fields: { id: LOST } };
    const isOfAnother = earlier === 'of_another';
    const found = { ...rotation, previousEndsAt, lastUsedAt, lastUseOfSecret, retry, isOfAnother, mayReveal };
    return tryRotate(services, confirmed, present, found);
  });
}

/** A rotation with what was found out for it. */
interface Attempt extends Rotation {
  /** When the overlap of an earlier rotation ends, in unix milliseconds; null: none runs. */
  previousEndsAt: number | null;
  /** When the key was last used, in unix milliseconds; null: never; undefined: that could not be read. */
  lastUsedAt: number | null | undefined;
  /** The same for the secret that is to be replaced. */
  lastUseOfSecret: number | null | undefined;
  retry: Retry | undefined;
  /** Whether the `Idempotency-Key` was used for another call or body. */
  isOfAnother: boolean;
  /** Charges the limit of secrets that leave. */
  mayReveal: () => Promise<boolean>;
}

/** @returns null when the caller or the key was changed, or an overlap began, between the judgement and the write */
async function tryRotate(
  services: Acting & Secrets,
  caller: Caller,
  key: Key,
  attempt: Attempt,
): Promise<Outcome<KeyWithSecret> | null> {
  const { overlapSeconds, endsPrevious, previousEndsAt, lastUsedAt, retry, isOfAnother, mayReveal } = attempt;
  if (key.revokedAt !== null) {
    return { refused: 'invalid', fields: { disabled: 'A revoked key cannot be rotated. Create a new one.' } };
  }
  const shortfall = findKeyShortfall(caller, key);
  if (shortfall !== null) return refuseKeyReach(services, caller, 'api_key.rotate', key, shortfall);
  if (isOfAnother) return RETRY_OF_ANOTHER;
  if (previousEndsAt !== null && !endsPrevious) return refuseToEndOverlap(previousEndsAt);
  const secret = await mintSecret(services);
  if (secret === null) return { refused: 'no_keyring' };
  // Rotating and seeing share a limit, because both give out a secret.
  if (!(await mayReveal())) return { refused: 'rate_limited' };

  const now = services.now();
  const overlapEndsAt = overlapEndOf(key, attempt, now);
  const previous =
    overlapEndsAt > now ? { hint: key.hint, retiresAt: overlapEndsAt, lastUsedAt: attempt.lastUseOfSecret } : null;
  const rotated = await replaceSecret(
    services,
    key,
    { secret, mintedBy: caller.user.id, overlapEndsAt, endsPrevious },
    {
      audit: {
        action: 'api_key.rotated',
        changes: {
          key_hint: [key.hint, secret.hint],
          overlap_seconds: overlapSeconds,
          ...(previousEndsAt === null ? {} : { end_previous: true }),
        },
      },
      actor: actorOf(caller, { apiKeyIds: [key.id], userIds: [key.userId] }),
      now,
      keep: keepForRetries(retry, { secretHash: secret.hash, lastUsedAt, previous }, now),
    },
  );
  if (rotated === null) return null;
  const effectiveBy = await settleEffectiveBy(services, retry, effectiveFromNow(services, overlapEndsAt));
  return { key: rotated, apiKey: secret.apiKey, madeAt: now, lastUsedAt, previous, effectiveBy, isReplay: false };
}

/** When the old secret stops working after a rotation at `now`; both in unix milliseconds. */
function overlapEndOf(key: Key, { overlapSeconds }: Pick<Rotation, 'overlapSeconds'>, now: number): number {
  const expiresAt = key.expirationDate === null ? Number.POSITIVE_INFINITY : expiryMoment(key.expirationDate);
  return Math.min(now + overlapSeconds * 1000, expiresAt);
}

/** @returns unix milliseconds; null: no use is known; undefined: that could not be read */
async function findLastUseOfSecretInUse(services: Acting & Usage, key: Key): Promise<number | null | undefined> {
  const inUse = await readSecretInUse(services.db, key.id);
  if (inUse === null) return null;
  const lastUses = await findLastUsesOfSecrets(services, [{ keyId: key.id, secret: inUse.createdAt }]);
  return lastUses?.[0];
}

function refuseToEndOverlap(endsAt: number): Outcome<never> {
  const until = new Date(endsAt).toISOString();
  const message = `The secret before this one works until ${until}, and a rotation would end that. Wait, or send "end_previous": true.`;
  return { refused: 'invalid', fields: { end_previous: message } };
}

const LOST =
  'This key was rotated, changed or revoked by someone else at the same moment. Read it, and rotate it again if that is still needed.';
