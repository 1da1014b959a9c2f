import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { logFailure } from '../../log.ts';
import {
  type AnswerToKeep,
  type KeptAnswer,
  keepEffectiveBy,
  readKeptAnswer,
} from '../../storage/idempotent-answers.ts';
import type { Stores } from '../services.ts';
import type { EffectiveBy } from '../verification/effective-by.ts';
import { withinBudget } from '../within-budget.ts';

/*
 * A client that got no answer can repeat its call with the same `Idempotency-Key`. What the first call created is not
 * created again, and the client gets the first answer.
 */

/** How long an answer is kept for retries. */
export const ANSWER_KEEP_MS = 24 * 60 * 60 * 1000;

/** Identifies a call with an `Idempotency-Key`, for its retries. */
export interface Retry {
  /** SHA-256 of the calling key's id and the `Idempotency-Key`, in hex. */
  id: string;
  /** SHA-256 of the call and its body, in hex. */
  requestHash: string;
}

/**
 * Identifies a call that has an `Idempotency-Key`. The same one from another calling key identifies another call.
 * @param call method and path
 * @param body as it was sent
 */
export function identifyRetry(
  apiKeyId: number,
  idempotencyKey: string,
  { call, body }: { call: string; body: string },
): Retry {
  return { id: sha256Hex(`${apiKeyId} ${idempotencyKey}`), requestHash: sha256Hex(`${call}\n${body}`) };
}

function sha256Hex(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}

/**
 * Looks for the answer that a call got earlier. Read it after everything that the act is judged by: a twin that commits in
 * between would otherwise look like a conflict, such as an email that is taken, and not like the first call.
 * @returns null when there is none; `of_another` when the `Idempotency-Key` was used for another call or body
 */
export async function recallAnswer(
  { db, now }: Pick<Stores, 'db' | 'now'>,
  retry: Retry | undefined,
): Promise<KeptAnswer | 'of_another' | null> {
  const answer = retry === undefined ? null : await readKeptAnswer(db, retry.id, now() - ANSWER_KEEP_MS);
  return answer === null || answer.requestHash === retry?.requestHash ? answer : 'of_another';
}

/**
 * What to store with the answer to a call; undefined: nothing, because the call has no `Idempotency-Key`.
 * @param given the parts of the answer that the database cannot find inside the batch
 * @param now unix milliseconds
 */
export function keepForRetries(
  retry: Retry | undefined,
  given: Pick<AnswerToKeep, 'secretHash' | 'lastUsedAt' | 'previous'>,
  now: number,
): AnswerToKeep | undefined {
  return retry === undefined ? undefined : { ...retry, ...given, keptSince: now - ANSWER_KEEP_MS };
}

/** How long an answer waits until what it says of its change is kept. */
const KEEP_BUDGET_MS = 2_000;

/**
 * Keeps what an answer says of when its change holds, before the answer leaves, so that a retry is told the same.
 * @param effectiveBy what this answer would say
 * @returns what it has to say: the same, or what an answer before it has said. When that cannot be kept, the answer leaves
 * all the same, and a retry is told a later moment, which is true as well
 */
export async function settleEffectiveBy(
  services: Pick<Stores, 'db' | 'after'>,
  retry: Pick<Retry, 'id'> | undefined,
  effectiveBy: EffectiveBy,
): Promise<EffectiveBy> {
  if (retry === undefined) return effectiveBy;
  const kept = await withinBudget(services, KEEP_BUDGET_MS, keepEffectiveBy(services.db, retry.id, effectiveBy));
  if (kept.ok) return kept.value ?? effectiveBy;
  logFailure('an answer is not kept whole for retries', kept.reason);
  return effectiveBy;
}

/**
 * Why a retry is refused. That the first call still runs is no reason: D1 commits one of two concurrent calls, and the
 * other then finds its answer.
 */
export interface RetryRefusal {
  refused: 'idempotency';
  problem: 'mismatch' | 'gone';
}

export const RETRY_OF_ANOTHER: RetryRefusal = { refused: 'idempotency', problem: 'mismatch' };
export const ANSWER_IS_GONE: RetryRefusal = { refused: 'idempotency', problem: 'gone' };
