/*
 * Why a call was refused: the codes of the contract. HTTP, RPC, the console and the usage counts use the same codes.
 */

/** The denials that are decided from the key record and the call alone, in the order in which they are checked. */
export type KeyDenialCode = 'REVOKED' | 'PAUSED' | 'USER_DISABLED' | 'EXPIRED' | 'IP_NOT_ALLOWED' | 'PERMISSION_DENIED';

/** `UNAVAILABLE` is not a verdict about the key: storage gave no usable answer, so the call is not let in. */
export type DenialCode =
  | 'MISSING_KEY'
  | 'MALFORMED_KEY'
  | 'UNKNOWN_KEY'
  | KeyDenialCode
  | 'RATE_LIMITED'
  | 'UNAVAILABLE';

/** A refusal: its code, and which permissions are missing where that is the reason. */
export type Denial<Code extends DenialCode = DenialCode> =
  | { code: Exclude<Code, 'PERMISSION_DENIED'> }
  | { code: Extract<Code, 'PERMISSION_DENIED'>; missing: readonly string[] };

export type DenialStatus = 401 | 403 | 429 | 503;

const DENIALS: Record<DenialCode, { status: DenialStatus; message: string }> = {
  MISSING_KEY: {
    status: 401,
    message: 'No API key was given. Send it in the header x-APIKey, or as Authorization: Bearer.',
  },
  MALFORMED_KEY: {
    status: 401,
    message: 'This is not an API key of this service. Check that it was copied whole, and that only one was sent.',
  },
  UNKNOWN_KEY: { status: 401, message: 'There is no such API key. It may have been deleted with its user.' },
  REVOKED: { status: 401, message: 'This API key was revoked, or replaced by a newer secret. Use another one.' },
  PAUSED: { status: 401, message: 'This API key is paused. It works again once someone resumes it.' },
  USER_DISABLED: { status: 401, message: 'The user of this API key is disabled. Ask an administrator.' },
  EXPIRED: { status: 401, message: 'This API key has expired. Create a new one, or move its expiration date.' },
  IP_NOT_ALLOWED: { status: 403, message: 'This API key may not be used from your address.' },
  PERMISSION_DENIED: { status: 403, message: 'This API key lacks what the call needs' },
  RATE_LIMITED: { status: 429, message: 'Too many calls. Wait for the time that Retry-After gives, in seconds.' },
  UNAVAILABLE: { status: 503, message: 'The key could not be verified just now. Try again in a moment.' },
};

/** The HTTP status of a denial, and a message that tells the caller what to do. */
export function describeDenial(denial: Denial): { status: DenialStatus; message: string } {
  const { status, message } = DENIALS[denial.code];
  return { status, message: 'missing' in denial ? `${message}: ${denial.missing.join(', ')}.` : message };
}

/** Whether a text is one of the codes. A later version of the service may have others. */
export function isDenialCode(code: string): code is DenialCode {
  return Object.hasOwn(DENIALS, code);
}
