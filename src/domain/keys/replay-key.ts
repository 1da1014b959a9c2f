import { type KeptAnswer, keyOfAnswer } from '../../storage/idempotent-answers.ts';
import { readKey } from '../../storage/keys.ts';
import type { Caller } from '../authority/caller.ts';
import type { ReachedKey } from '../authority/reach.ts';
import type { Outcome } from '../authority/refusal.ts';
import { ANSWER_IS_GONE, type Retry, settleEffectiveBy } from '../retries/retry.ts';
import type { Acting, Secrets } from '../services.ts';
import { type EffectiveBy, effectiveFromNow } from '../verification/effective-by.ts';
import type { Key } from './key.ts';
import { findKeyShortfall, refuseKeyReach } from './key-reach.ts';
import type { PreviousSecret } from './previous-secret.ts';
import { revealSecret } from './reveal-secret.ts';

/** A key with a secret that was made for it. */
export interface KeyWithSecret {
  /** As it was when the secret was made. */
  key: Key;
  apiKey: string;
  /** Unix milliseconds. */
  madeAt: number;
  /** When the key was last used before that, in unix milliseconds; null: never; undefined: that could not be read. */
  lastUsedAt: number | null | undefined;
  /** The secret that it replaced, if that goes on working; null: none does. */
  previous: PreviousSecret | null;
  effectiveBy: EffectiveBy;
  /** Whether the call is a retry, so that an earlier call made the secret. */
  isReplay: boolean;
}

/** The first answer, and how the retry is judged. */
interface Replay {
  retry: Retry | undefined;
  answer: KeptAnswer;
  /** Whose key it is, as the first call saw it. */
  belongsTo: ReachedKey['belongsTo'];
  /** Charges the limit of secrets that leave. */
  mayReveal: () => Promise<boolean>;
  /**
   * When the secret that the call replaced stops working, in unix milliseconds; undefined: it replaced none.
   * @param key as the call left it
   */
  endOfPrevious?: (key: Key) => number;
}

/**
 * Answers the retry of a call that made a secret. The retry gives the secret out again. So the key, as it is now, must be in
 * the caller's reach, and the retry is charged and on record like any look at a secret.
 * @returns null when the caller or the key was changed between the judgement and the look
 */
export async function replayKey(
  services: Acting & Secrets,
  caller: Caller,
  { retry, answer, belongsTo, mayReveal, endOfPrevious }: Replay,
): Promise<Outcome<KeyWithSecret> | null> {
  const kept = keyOfAnswer(answer);
  const present = kept === null ? null : await readKey(services.db, kept.key.id);
  if (kept === null || present === null || answer.secretHash === null) return ANSWER_IS_GONE;
  const shortfall = findKeyShortfall(caller, present, undefined, belongsTo);
  if (shortfall !== null) return refuseKeyReach(services, caller, 'api_key.see', present, shortfall);
  const revealed = await revealSecret(services, caller, present, mayReveal, answer.secretHash);
  if (revealed === 'gone') return ANSWER_IS_GONE;
  if (revealed === null || revealed.refused) return revealed;
  // The first answer was lost before it left if it has not said yet when the change holds.
  const said =
    answer.effectiveBy ??
    (await settleEffectiveBy(services, retry, effectiveFromNow(services, endOfPrevious?.(kept.key))));
  return { ...kept, apiKey: revealed.apiKey, madeAt: answer.at, effectiveBy: said, isReplay: true };
}
