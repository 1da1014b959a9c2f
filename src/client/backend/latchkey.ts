import { type Calls, makeCalls } from '../generated/calls.ts';
import type { CallOptions } from './call.ts';
import { makeSend } from './send.ts';
import { optionsOfVerify, type Verdict, type VerifyCall, verify } from './verify.ts';

/*
 * The client for backends: verifies keys over HTTP, and makes the calls of the API. It needs `fetch` and nothing else.
 */

export type { Answer, Call, CallOptions, Input, OperationId, Schemas } from './call.ts';
export { each } from './each.ts';
export { type ErrorCode, LatchkeyError } from './latchkey-error.ts';
export type { Verdict, VerifiedKey, VerifyCall } from './verify.ts';
export type { Calls };

export interface LatchkeyOptions {
  /** Where Latchkey is: `https://keys.example.com`. */
  url: string;
  /** The backend's own key. Verifying needs a key that has the permission `api_key_verify`. */
  apiKey: string;
  /** How long a call may take, all its tries together, in milliseconds: 15,000 by default, for `verify` 5,000. */
  timeoutMs?: number;
  /** How often a call is made again, where that is safe: twice by default. */
  retries?: number;
  /** What to call instead of the global `fetch`; in a Worker, that of a service binding. */
  fetch?: typeof globalThis.fetch;
}

/** The calls of the API under their ids in its document, and `verify`. */
export interface Latchkey<Permission extends string = string> extends Calls {
  /**
   * Whether a request that the backend received may go on. When Latchkey does not answer, the verdict is a refusal with
   * the code `UNAVAILABLE` and the status 503: it says nothing about the key.
   * @throws LatchkeyError when the question is at fault (an unreadable `ip`) or the backend's own key is refused, which
   *   is no verdict about the key that was asked about
   */
  verify(call: VerifyCall<Permission>, options?: CallOptions): Promise<Verdict<Permission>>;
}

/**
 * Makes a client. `Permission` is the union of the names in the deployment's catalogue; with it, the compiler checks the
 * `permissions` of `verify`.
 * @throws TypeError when `url` or `apiKey` cannot be one
 */
export function createLatchkey<Permission extends string = string>(options: LatchkeyOptions): Latchkey<Permission> {
  const { timeoutMs, retries = 2, fetch } = options;
  // The key is kept in closures only, so that no log of the client shows it.
  const send = makeSend({ url: readUrl(options.url), apiKey: readKey(options.apiKey), timeoutMs, retries, fetch });
  return {
    ...makeCalls(
      (operation) =>
        (...[input, callOptions]) =>
          send(operation, input, callOptions),
    ),
    verify: (call, callOptions) => verify(send, call, optionsOfVerify(timeoutMs, callOptions)),
  };
}

function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new TypeError('url must be the address of a Latchkey service, such as https://keys.example.com');
  }
  // `fetch` would quote them in its error.
  if (url.username !== '' || url.password !== '') throw new TypeError('url must not hold a user name or a password');
  return url.href.replace(/\/+$/, '');
}

function readKey(text: unknown): string {
  const key = typeof text === 'string' ? text.trim() : '';
  // Checked here, because `fetch` quotes a header that it cannot send in its error.
  if (!/^[\x21-\x7e]+$/.test(key)) throw new TypeError('apiKey must be an API key; is its variable set?');
  return key;
}
