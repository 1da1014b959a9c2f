import { type KeptAnswer, keyOfAnswer } from '../../storage/idempotent-answers.ts';
import { readKey } from '../../storage/keys.ts';
import type { Caller } from '../authority/caller.ts';
import type { ReachedKey } from '../authority/reach.ts';
import type { Outcome } from '../authority/refusal.ts';
import { ANSWER_IS_GONE } from '../retries/retry.ts';
import type { Acting, Secrets } from '../services.ts';
import type { Key } from './key.ts';
import { findKeyShortfall, refuseKeyReach } from './key-reach.ts';
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
  /** Whether the call is a retry, so that an earlier call made the secret. */
  isReplay: boolean;
}

/**
 * Answers the retry of a call that made a secret. The retry gives the secret out again. So the key, as it is now, must be in
 * the caller's reach, and the retry is charged and on record like any look at a secret.
 * @param belongsTo whose key it is, as the first call saw it
 * @param mayReveal charges the limit of secrets that leave
 * @returns null when the caller or the key was changed between the judgement and the look
 */
export async function replayKey(
  services: Acting & Secrets,
  caller: Caller,
  answer: KeptAnswer,
  belongsTo: ReachedKey['belongsTo'],
  mayReveal: () => Promise<boolean>,
): Promise<Outcome<KeyWithSecret> | null> {
  const kept = keyOfAnswer(answer);
  const present = kept === null ? null : await readKey(services.db, kept.key.id);
  if (kept === null || present === null || answer.secretHash === null) return ANSWER_IS_GONE;
  const shortfall = findKeyShortfall(caller, present, undefined, belongsTo);
  if (shortfall !== null) return refuseKeyReach(services, caller, 'api_key.see', present, shortfall);
  const revealed = await revealSecret(services, caller, present, mayReveal, answer.secretHash);
  if (revealed === 'gone') return ANSWER_IS_GONE;
  if (revealed === null || revealed.refused) return revealed;
  return { ...kept, apiKey: revealed.apiKey, madeAt: answer.at, isReplay: true };
}
