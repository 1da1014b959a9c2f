import type { oas31, ZodOpenApiComponentsObject, ZodOpenApiResponseObject } from 'zod-openapi';
import { ERROR_CODES, type ErrorCodeName, errorSchemas } from '../answers/errors.ts';
import { notReady } from '../answers/health.ts';

/*
 * The error responses that operations share, each with the codes that it can have.
 */

type Codes = readonly [ErrorCodeName, ...ErrorCodeName[]];

const KINDS = {
  Invalid: ['INVALID_REQUEST'],
  Unauthenticated: ['MISSING_KEY', 'MALFORMED_KEY', 'UNKNOWN_KEY', 'REVOKED', 'PAUSED', 'USER_DISABLED', 'EXPIRED'],
  AddressNotAllowed: ['IP_NOT_ALLOWED'],
  Forbidden: ['PERMISSION_DENIED', 'IP_NOT_ALLOWED'],
  NotFound: ['NOT_FOUND'],
  BodyTimeout: ['BODY_TIMEOUT'],
  IdempotencyGone: ['IDEMPOTENCY_GONE'],
  BodyTooLarge: ['BODY_TOO_LARGE'],
  UnsupportedMediaType: ['UNSUPPORTED_MEDIA_TYPE'],
  IdempotencyMismatch: ['IDEMPOTENCY_MISMATCH'],
  RateLimited: ['RATE_LIMITED'],
  Internal: ['INTERNAL'],
  Unavailable: ['UNAVAILABLE'],
  NotReady: ['UNAVAILABLE'],
} as const satisfies Record<string, Codes>;

export type ErrorResponse = keyof typeof KINDS;

/** The status of a kind of error, and a reference to its response. */
export function errorResponse(kind: ErrorResponse): [string, oas31.ReferenceObject] {
  return [String(ERROR_CODES[KINDS[kind][0]].status), { $ref: `#/components/responses/${kind}` }];
}

/** The header that comes with a status beside those of every answer. */
const HEADERS_BY_STATUS: Record<number, Record<string, oas31.ReferenceObject>> = {
  401: { 'WWW-Authenticate': { $ref: '#/components/headers/Challenge' } },
  403: { 'WWW-Authenticate': { $ref: '#/components/headers/ScopeChallenge' } },
  429: { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } },
  503: { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } },
};

/** All error responses, for the components of the document. */
export const ERROR_RESPONSES: NonNullable<ZodOpenApiComponentsObject['responses']> = Object.fromEntries(
  Object.entries<Codes>(KINDS).map(([kind, codes]) => [kind, responseOf(kind, codes)]),
);

function responseOf(kind: string, codes: Codes): ZodOpenApiResponseObject {
  const { plain, problem } = errorSchemas(kind, codes, kind === 'NotReady' ? notReady : {});
  const { status } = ERROR_CODES[codes[0]];
  return {
    description: codes.map((code) => `\`${code}\`: ${ERROR_CODES[code].when}`).join('\n\n'),
    headers: {
      'X-Request-Id': { $ref: '#/components/headers/RequestId' },
      ...HEADERS_BY_STATUS[status],
    },
    content: {
      'application/json': { schema: plain },
      'application/problem+json': { schema: problem },
    },
  };
}
