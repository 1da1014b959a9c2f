import * as z from 'zod';

/*
 * Error answers, and every code that one can have.
 */

interface ErrorCode {
  status: number;
  /** The field of `errors` that the message is under. */
  under: 'json' | 'authentication' | 'authorization' | 'rate_limit' | 'server';
  /** When it comes. One sentence for people. */
  when: string;
  /** What the client can do. One sentence for people. */
  remedy: string;
}

/** Every code of an error answer, in the order in which a call can be refused. */
export const ERROR_CODES = {
  MISSING_KEY: {
    status: 401,
    under: 'authentication',
    when: 'The request carries no key.',
    remedy: 'Send the key in the header `x-APIKey`, or as `Authorization: Bearer`.',
  },
  MALFORMED_KEY: {
    status: 401,
    under: 'authentication',
    when: 'The key has the wrong shape or checksum, or the request carries two different keys.',
    remedy: 'Check that the key was copied whole, and send one only.',
  },
  UNKNOWN_KEY: {
    status: 401,
    under: 'authentication',
    when: 'There is no such key. It may have been deleted with its user.',
    remedy: 'Use another key. One that was created a moment ago may need a moment to be known everywhere.',
  },
  REVOKED: {
    status: 401,
    under: 'authentication',
    when: 'Someone revoked the key, or its secret was replaced by a rotation.',
    remedy: 'Use another key, or the new secret. A revocation cannot be taken back.',
  },
  PAUSED: {
    status: 401,
    under: 'authentication',
    when: 'Someone paused the key.',
    remedy: 'Have it resumed.',
  },
  USER_DISABLED: {
    status: 401,
    under: 'authentication',
    when: "The key's user is disabled.",
    remedy: 'Have an administrator enable the user.',
  },
  EXPIRED: {
    status: 401,
    under: 'authentication',
    when: "The key's expiration date has come.",
    remedy: 'Create a new key, or have its expiration date moved.',
  },
  IP_NOT_ALLOWED: {
    status: 403,
    under: 'authorization',
    when: 'The key has an `ip_whitelist`, and the address of the client is not in it or not known.',
    remedy: 'Call from an address of the list, or have the list changed.',
  },
  RATE_LIMITED: {
    status: 429,
    under: 'rate_limit',
    when: 'There were too many calls in a minute: of the user, of the organisation, or of this kind of call.',
    remedy: 'Wait for the seconds that `Retry-After` gives, then send the call again.',
  },
  PERMISSION_DENIED: {
    status: 403,
    under: 'authorization',
    when: 'The key lacks a permission that the call needs, or what the call asks for is beyond its reach. The message says which.',
    remedy: 'Use a key that has the permission, or ask someone with a wider role.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    under: 'json',
    when: 'There is such a path, but not with this method.',
    remedy: 'Use a method that the header `Allow` names.',
  },
  BODY_TIMEOUT: {
    status: 408,
    under: 'json',
    when: 'The body was not whole after 10 seconds. Nothing was changed.',
    remedy: 'Send the call again.',
  },
  BODY_TOO_LARGE: {
    status: 413,
    under: 'json',
    when: 'The body is larger than 64 KiB.',
    remedy: 'Send a smaller one.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    under: 'json',
    when: 'The body is not declared as the type that the call takes.',
    remedy: 'Send the `Content-Type` that the message names.',
  },
  NOT_FOUND: {
    status: 404,
    under: 'json',
    when: 'There is no such thing, or the caller may not know of it.',
    remedy: 'Check the path, and whether the key belongs to the right organisation.',
  },
  INVALID_REQUEST: {
    status: 400,
    under: 'json',
    when: 'A field of the body or the query is wrong, or the change is against a rule. `errors.json` names every wrong field.',
    remedy: 'Correct the fields that are named.',
  },
  IDEMPOTENCY_GONE: {
    status: 409,
    under: 'json',
    when: 'The call that this one repeats was done, but its answer cannot be given again: the secret was rotated, revoked or given up since, or the user deleted.',
    remedy: 'To make another one, use a new `Idempotency-Key`.',
  },
  IDEMPOTENCY_MISMATCH: {
    status: 422,
    under: 'json',
    when: 'The `Idempotency-Key` was used for another call or body.',
    remedy: 'Use a new one for each thing to make.',
  },
  INTERNAL: {
    status: 500,
    under: 'server',
    when: 'Something went wrong in the service.',
    remedy: 'If it goes on, report the `request_id` of the answer.',
  },
  UNAVAILABLE: {
    status: 503,
    under: 'server',
    when: 'A part that the call rests on gives no answer. It is no verdict about the key.',
    remedy:
      'Wait for the seconds that `Retry-After` gives, then try again. Check first whether a change was made if the message says so.',
  },
} as const satisfies Record<string, ErrorCode>;

export type ErrorCodeName = keyof typeof ERROR_CODES;

const requestId = z.uuid().meta({ description: 'The same as in the header `X-Request-Id`.' });

/** What `errors` holds for codes of one status. */
function errorsOf({ under }: Pick<ErrorCode, 'under'>, isByField: boolean) {
  const message = isByField
    ? z
        .record(z.string(), z.string())
        .meta({ description: 'A message for each wrong field; a nested one as `ip_whitelist.2`.' })
    : z.string();
  return z.object({ [under]: message });
}

/**
 * Schemas of the answers with these codes, which have one status.
 * @param more what these answers tell besides
 * @returns the plain one, and that of problem details (RFC 9457)
 */
export function errorSchemas(
  name: string,
  codes: readonly [ErrorCodeName, ...ErrorCodeName[]],
  more: z.ZodRawShape = {},
) {
  const [first] = codes;
  const { status } = ERROR_CODES[first];
  const fields = {
    errors: errorsOf(ERROR_CODES[first], first === 'INVALID_REQUEST'),
    code: z.enum(codes),
    request_id: requestId,
  };
  const problemFields = {
    type: z
      .string()
      .meta({ description: 'A page that says what the code means.', examples: [`/docs/errors#${first}`] }),
    title: z.string(),
    status: z.literal(status),
    detail: z.string(),
    instance: z.string(),
  };
  return {
    plain: z.object({ ...more, ...fields }).meta({ id: `${name}Error` }),
    problem: z.object({ ...more, ...fields, ...problemFields }).meta({ id: `${name}Problem` }),
  };
}
