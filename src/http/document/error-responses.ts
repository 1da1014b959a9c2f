import type { oas31, ZodOpenApiComponentsObject, ZodOpenApiResponseObject } from 'zod-openapi';
import { ERROR_CODES, type ErrorCodeName, errorSchemas } from '../answers/errors.ts';

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
} as const satisfies Record<string, Codes>;

export type ErrorResponse = keyof typeof KINDS;

/** The status of a kind of error, and a reference to its response. */
export function errorResponse(kind: ErrorResponse): [string, oas31.ReferenceObject] {
  return [String(ERROR_CODES[KINDS[kind][0]].status), { $ref: `#/components/responses/${kind}` }];
}

/** The header that comes with a status beside those of every answer. */
const HEADERS_BY_STATUS: Record<number, string> = {
  401: 'WWW-Authenticate',
  403: 'WWW-Authenticate',
  429: 'Retry-After',
  503: 'Retry-After',
};

const COMPONENT_OF_HEADER: Record<string, string> = {
  'WWW-Authenticate': 'Challenge',
  'Retry-After': 'RetryAfter',
};

/** All error responses, for the components of the document. */
export const ERROR_RESPONSES: NonNullable<ZodOpenApiComponentsObject['responses']> = Object.fromEntries(
  Object.entries<Codes>(KINDS).map(([kind, codes]) => [kind, responseOf(kind, codes)]),
);

function responseOf(kind: string, codes: Codes): ZodOpenApiResponseObject {
  const { plain, problem } = errorSchemas(kind, codes);
  const { status } = ERROR_CODES[codes[0]];
  const extra = HEADERS_BY_STATUS[status];
  return {
    description: codes.map((code) => `\`${code}\`: ${ERROR_CODES[code].when}`).join('\n\n'),
    headers: {
      'X-Request-Id': { $ref: '#/components/headers/RequestId' },
      ...(extra === undefined ? {} : { [extra]: { $ref: `#/components/headers/${COMPONENT_OF_HEADER[extra]}` } }),
    },
    content: {
      'application/json': { schema: plain },
      'application/problem+json': { schema: problem },
    },
  };
}
