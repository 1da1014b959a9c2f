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

/** The HTTP answer for a denial, shared by this service and by the middleware of other Workers. */
export function answerDenial(denial: {
  code: string;
  status: DenialStatus;
  message: string;
}): ErrorAnswer<DenialStatus> {
  const { code, status, message } = denial;
  switch (status) {
    case 401:
      return {
        status,
        code,
        errors: { authentication: message },
        headers: { 'WWW-Authenticate': 'Bearer realm="latchkey"' },
      };
    case 403:
      return { status, code, errors: { authorization: message } };
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
