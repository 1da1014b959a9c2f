import type { CallOptions, Operation, OperationId } from './call.ts';
import { LatchkeyError } from './latchkey-error.ts';
import { readFailure } from './read-failure.ts';
import { requestOf } from './request-of.ts';

/*
 * Sends a call, and sends it again where that is safe.
 */

export interface Connection {
  /** Where Latchkey is, without a trailing slash. */
  url: string;
  apiKey: string;
  timeoutMs: number | undefined;
  retries: number;
  fetch: typeof globalThis.fetch | undefined;
}

/**
 * Sends a call and returns its answer. The type of the answer is the document's, and is not checked again.
 * @throws LatchkeyError
 */
export type Send = <Answer>(operation: Operation, input: unknown, options?: CallOptions) => Promise<Answer>;

/** How long a call may take by default. It leaves room for one wait of the 5 seconds that a 503 asks for. */
const TIMEOUT_MS = 15_000;

/** The pause before the first repetition. It doubles with each. */
const FIRST_PAUSE_MS = 200;

/**
 * Changes and questions that can be repeated without a name: asked twice, they do what they do once. Pausing and
 * resuming are not: someone else may have done the opposite in between, and a repetition would undo that.
 */
const REPEATABLE: ReadonlySet<string> = new Set([
  'findApiKey',
  'explainApiKey',
  'rehearseApiKey',
  'rehearseUser',
  'verifyApiKey',
  'introspectToken',
  'revokeApiKey',
] satisfies OperationId[]);

export function makeSend({ url, apiKey, timeoutMs, retries, fetch }: Connection): Send {
  return async <Answer>(operation: Operation, input: unknown, options: CallOptions = {}) => {
    const request = requestOf(operation, input, options.idempotencyKey);
    const isRepeatable = operation.method === 'GET' || operation.takesIdempotencyKey || REPEATABLE.has(operation.id);
    const deadline = withDeadline(options.timeoutMs ?? timeoutMs ?? TIMEOUT_MS, options.signal);

    /** One try. */
    const ask = async (): Promise<{ answer: Answer } | { failure: LatchkeyError }> => {
      const { path, method, headers, body } = request;
      try {
        const response = await (fetch ?? globalThis.fetch)(`${url}${path}`, {
          method,
          headers: { ...headers, 'x-APIKey': apiKey },
          ...(body === undefined ? {} : { body }),
          // A redirect would carry the key along, to wherever it points.
          redirect: 'manual',
          signal: deadline.signal,
        });
        const text = await response.text();
        if (!response.ok) return { failure: readFailure(operation.id, response, text) };
        return readAnswer(operation.id, response.status, text);
      } catch (cause) {
        options.signal?.throwIfAborted();
        const failure = deadline.hasPassed()
          ? { code: 'TIMEOUT', explanation: 'There was no whole answer in time.' }
          : { code: 'UNREACHABLE', explanation: 'The connection failed.', cause };
        return { failure: new LatchkeyError(operation.id, failure) };
      }
    };

    try {
      for (let tries = 1; ; tries += 1) {
        const outcome = await ask();
        if ('answer' in outcome) return outcome.answer;
        const pauseMs = tries > retries ? null : pauseBefore(tries, outcome.failure, isRepeatable);
        if (pauseMs === null || pauseMs >= deadline.leftMs()) throw outcome.failure;
        await pause(pauseMs, options.signal);
      }
    } finally {
      deadline.clear();
    }
  };
}

function readAnswer<Answer>(id: string, status: number, text: string): { answer: Answer } | { failure: LatchkeyError } {
  try {
    return { answer: JSON.parse(text) };
  } catch {
    const explanation = 'The answer is not JSON. Is this the address of a Latchkey service?';
    return { failure: new LatchkeyError(id, { code: 'UNEXPECTED_ANSWER', status, explanation }) };
  }
}

/**
 * How long to wait before a call is repeated, in milliseconds: never less than the service asks for. Null: it must not
 * be repeated. A 429 was refused before anything was done, so any call may be repeated after the time that it names. A
 * 503 and a lost connection tell nothing of what was done.
 */
function pauseBefore(tries: number, failure: LatchkeyError, isRepeatable: boolean): number | null {
  const askedMs = failure.retryAfterSeconds === null ? null : failure.retryAfterSeconds * 1000;
  // Half of it by chance, so that those whom one outage cut off do not come back together.
  const ownMs = FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + Math.random() / 2);
  if (failure.status === 429) return askedMs === null ? null : askedMs + ownMs;
  const isTransient = failure.code === 'UNREACHABLE' || [502, 503, 504].includes(failure.status ?? 0);
  return isTransient && isRepeatable ? (askedMs ?? 0) + ownMs : null;
}

/** A signal that aborts when the time is over, or when the caller's signal does. */
function withDeadline(timeoutMs: number, signal: AbortSignal | undefined) {
  const late = new AbortController();
  const end = performance.now() + timeoutMs;
  const timer = setTimeout(() => late.abort(), timeoutMs);
  return {
    signal: signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]),
    hasPassed: () => late.signal.aborted,
    leftMs: () => end - performance.now(),
    clear: () => clearTimeout(timer),
  };
}

/** Waits. When the signal aborts, it throws the signal's reason. */
async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resume) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resume();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done);
  });
  signal?.throwIfAborted();
}
