import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { type AnswerToKeep, type KeptAnswer, readKeptAnswer } from '../../storage/idempotent-answers.ts';
import type { Stores } from '../services.ts';

/*
 * Calls that make something can be repeated with the same `Idempotency-Key`: a client that got no answer repeats its call,
 * and what was made by the first one is not made again.
 */

/** How long an answer is kept for retries. */
export const ANSWER_KEEP_MS = 24 * 60 * 60 * 1000;

/** What a call with an `Idempotency-Key` is recognised by when it comes again. */
export interface Retry {
  /** SHA-256 of the calling key's id and the `Idempotency-Key`, in hex. */
  id: string;
  /** SHA-256 of the call and its body, in hex. */
  requestHash: string;
}

/**
 * Identifies a call that named an `Idempotency-Key`. Two calling keys may choose the same one without meeting.
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
 * What the call was answered before.
 * @returns null when it was not, or named no `Idempotency-Key`; `of_another` when another call or body was answered under it
 */
export async function recallAnswer(
  { db, now }: Pick<Stores, 'db' | 'now'>,
  retry: Retry | undefined,
): Promise<KeptAnswer | 'of_another' | null> {
  const answer = retry === undefined ? null : await readKeptAnswer(db, retry.id, now() - ANSWER_KEEP_MS);
  return answer === null || answer.requestHash === retry?.requestHash ? answer : 'of_another';
}

/**
 * How the answer of a call is to be kept; undefined: not at all, because the call named no `Idempotency-Key`.
 * @param given what the answer has that the database does not have inside the batch
 * @param now unix milliseconds
 */
export function keepForRetries(
  retry: Retry | undefined,
  given: Pick<AnswerToKeep, 'secretHash' | 'lastUsedAt'>,
  now: number,
): AnswerToKeep | undefined {
  return retry === undefined ? undefined : { ...retry, ...given, keptSince: now - ANSWER_KEEP_MS };
}

/**
 * Why a retry cannot be answered. A call that still runs is no reason: D1 commits one of two that run at once, and the other
 * then finds its answer.
 */
export interface RetryRefusal {
  refused: 'idempotency';
  problem: 'mismatch' | 'gone';
}

export const RETRY_OF_ANOTHER: RetryRefusal = { refused: 'idempotency', problem: 'mismatch' };
export const ANSWER_IS_GONE: RetryRefusal = { refused: 'idempotency', problem: 'gone' };
