import { identifyRetry } from '../../domain/retries/retry.ts';
import type { Needs } from '../context.ts';
import { fail } from '../errors.ts';
import type { BodyPut } from './body.ts';

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * For calls that create something: reads the `Idempotency-Key`, which identifies a call for its retries. Answers 400 if it
 * is malformed. It runs after the body was read, and after what the path names was found.
 */
export const retryable: Needs<BodyPut> = async (c, next) => {
  const given = c.req.header('Idempotency-Key');
  if (given !== undefined && !IDEMPOTENCY_KEY.test(given)) {
    return fail(c, {
      refused: 'invalid',
      fields: { 'Idempotency-Key': 'Must be 1 to 255 visible ASCII characters, without spaces.' },
    });
  }
  const { apiKeyId } = c.var.caller;
  if (given !== undefined && apiKeyId !== null) {
    const call = `${c.req.method} ${c.req.path}`;
    c.set('retry', identifyRetry(apiKeyId, given, { call, body: c.var.bodyText ?? '' }));
  }
  await next();
  return undefined;
};

/** The header of an answer that was given before. */
export function replayHeaders({ isReplay }: { isReplay: boolean }): Record<string, string> | undefined {
  return isReplay ? { 'Idempotent-Replayed': 'true' } : undefined;
}
