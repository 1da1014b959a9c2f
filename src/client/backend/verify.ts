import { type DenialCode, type DenialStatus, describeDenial, isDenialCode } from '../../wire/denial.ts';
import type { CallOptions, Operation, Schemas } from './call.ts';
import { LatchkeyError } from './latchkey-error.ts';
import type { Send } from './send.ts';

/** A request that the backend received and asks about. */
export interface VerifyCall<Permission extends string = string> {
  /** The key that the request carries. Nothing, or empty: it carries none. */
  apiKey: string | null | undefined;
  /** The address that the request came from. Null: not known, and a key with an allowlist is refused. */
  ip: string | null;
  /** The permissions that the request needs. No key has a name that is not in the catalogue. */
  permissions?: readonly Permission[];
}

/** The key of an allowed request, and what it can do. */
export type VerifiedKey<Permission extends string = string> = Omit<Schemas['VerifiedKey'], 'permissions'> & {
  permissions: Permission[];
};

/**
 * Whether the request may go on. `code`, `status` and `message` are what to answer a refused one with. `UNAVAILABLE`
 * (503) and `RATE_LIMITED` (429) say nothing about the key, and let nothing in; `cause` says what happened.
 */
export type Verdict<Permission extends string = string> =
  | { allowed: true; key: VerifiedKey<Permission> }
  | { allowed: false; code: DenialCode; status: DenialStatus; message: string; cause?: LatchkeyError };

/** As long as the middleware for Workers waits: the request that is asked about waits too. */
const TIMEOUT_MS = 5_000;

const VERIFY: Operation = { id: 'verifyApiKey', method: 'POST', path: '/v2/api_keys/verify', body: 'json' };

/** What the service should answer. */
type Asked<Permission extends string> = { valid: true; key: VerifiedKey<Permission> } | { valid: false; code: string };

/**
 * Asks for a verdict.
 * @throws LatchkeyError when the question is at fault (an unreadable `ip`) or the backend's own key is refused, which is
 *   no verdict about the key that was asked about
 */
export async function verify<Permission extends string>(
  send: Send,
  { apiKey, ip, permissions = [] }: VerifyCall<Permission>,
  options: CallOptions,
): Promise<Verdict<Permission>> {
  const refuse = (code: DenialCode, cause?: LatchkeyError): Verdict<Permission> => {
    const denial = code === 'PERMISSION_DENIED' ? { code, missing: permissions } : { code };
    return { allowed: false, code, ...describeDenial(denial), ...(cause === undefined ? {} : { cause }) };
  };
  if (!apiKey) return refuse('MISSING_KEY');
  try {
    const question = { api_key: apiKey, ip, permissions };
    const answer = await send<Asked<Permission> | null>(VERIFY, question, options);
    // Looked at closely, because a request is let in by it.
    if (answer?.valid === true && typeof answer.key?.id === 'number') return { allowed: true, key: answer.key };
    if (answer?.valid === false && isDenialCode(answer.code)) return refuse(answer.code);
    const explanation = 'The answer is not a verdict.';
    throw new LatchkeyError(VERIFY.id, { code: 'UNEXPECTED_ANSWER', status: 200, explanation });
  } catch (error) {
    if (!(error instanceof LatchkeyError)) throw error;
    if (error.status === 429) return refuse('RATE_LIMITED', error);
    // No answer, no usable one, or one of the server's failure.
    if (error.status === null || error.status < 400 || error.status >= 500) return refuse('UNAVAILABLE', error);
    throw error;
  }
}

/** The options of a verification: given ones win over the client's, and these over the default. */
export function optionsOfVerify(timeoutMs: number | undefined, options: CallOptions | undefined): CallOptions {
  return { timeoutMs: timeoutMs ?? TIMEOUT_MS, ...options };
}
