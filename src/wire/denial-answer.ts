import type { DenialStatus } from './denial.ts';

/** An error answer of the contract, without its `request_id`. */
export interface ErrorAnswer<Status extends number = number> {
  status: Status;
  code: string;
  errors: Record<string, unknown>;
  headers?: Record<string, string>;
}

const RETRY_AFTER_LIMIT_SECONDS = '60';
export const RETRY_AFTER_OUTAGE_SECONDS = '5';

/** A denial with all that is told of it. */
interface DescribedDenial {
  code: string;
  status: DenialStatus;
  message: string;
  /** The permissions that are missing, where that is the reason. */
  missing?: readonly string[];
}

/** The HTTP answer for a denial, shared by this service and by the middleware of other Workers. */
export function answerDenial(denial: DescribedDenial): ErrorAnswer<DenialStatus> {
  const { code, status, message } = denial;
  const challenge = challengeOf(denial);
  switch (status) {
    case 401:
      return {
        status,
        code,
        errors: { authentication: message },
        headers: challenge,
      };
    case 403:
      return { status, code, errors: { authorization: message }, headers: challenge };
    case 429:
      return {
        status,
        code,
        errors: { rate_limit: message },
        headers: { 'Retry-After': RETRY_AFTER_LIMIT_SECONDS },
      };
    case 503:
      return { status, code, errors: { server: message }, headers: { 'Retry-After': RETRY_AFTER_OUTAGE_SECONDS } };
  }
}

/**
 * The challenge of RFC 6750. A call without a key is told of no error; what no other key or permission would change, an
 * address say, has no challenge.
 */
function challengeOf({ code, status, message, missing }: DescribedDenial): Record<string, string> {
  const parameters = ['realm="latchkey"'];
  if (status === 401) {
    if (code !== 'MISSING_KEY') parameters.push('error="invalid_token"', `error_description="${quotable(message)}"`);
  } else if (missing !== undefined) {
    parameters.push('error="insufficient_scope"');
    const scope = missing.filter((name) => SCOPE_TOKEN.test(name)).join(' ');
    if (scope !== '') parameters.push(`scope="${scope}"`);
  } else {
    return {};
  }
  return { 'WWW-Authenticate': `Bearer ${parameters.join(', ')}` };
}

/** What a scope may be made of. Another Worker may ask for a permission of any name, a line break in it. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** Text that can stand between quotes in a header: printable ASCII without quotes and backslashes. */
function quotable(text: string): string {
  return text.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?');
}
