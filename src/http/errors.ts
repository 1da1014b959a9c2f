import { parseAccept } from 'hono/utils/accept';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Refusal, Shortfall } from '../domain/authority/refusal.ts';
import type { HealthReport } from '../domain/health/health-report.ts';
import type { RetryRefusal } from '../domain/retries/retry.ts';
import { describeDenial } from '../wire/denial.ts';
import { answerDenial, type ErrorAnswer, RETRY_AFTER_OUTAGE_SECONDS } from '../wire/denial-answer.ts';
import type { AnyContext } from './context.ts';
import { problemObject } from './objects/problem-object.ts';

/*
 * The one place that maps failures to HTTP. Every failure, of the domain or of the request itself, becomes an answer in
 * the contract's shape here.
 */

/** A media type that a body may have. */
export type BodyType = 'application/json' | 'application/x-www-form-urlencoded';

/** Failures that no act of the domain returns: a faulty request, or an error that was thrown. */
type RequestFailure =
  /** The path is known, with the methods given. */
  | { refused: 'wrong_method'; methods: readonly string[] }
  | { refused: 'body_too_large' }
  | { refused: 'body_timeout' }
  | { refused: 'unsupported_media_type'; takes: BodyType }
  /** A query or a commit threw. Whether a write took effect is not known. */
  | { refused: 'storage_failed' }
  /** No key can be verified just now. */
  | { refused: 'not_ready'; report: HealthReport }
  | { refused: 'internal' };

export type Failure = Refusal | RequestFailure;

/** Answers a failed request. Notes its code for the access log and the usage counts. */
export function fail(c: AnyContext, failure: Failure): Response {
  const answer = describe(failure);
  const { status, code, errors, headers } = answer;
  c.set('code', code);
  // The use of a verified key is counted under the code that it was refused with. Out of reach counts as
  // `PERMISSION_DENIED`.
  if (failure.refused === 'denied') c.set('keyDenial', failure.code);
  if (failure.refused === 'out_of_reach') c.set('keyDenial', 'PERMISSION_DENIED');
  if (failure.refused === 'rate_limited') c.set('keyDenial', 'RATE_LIMITED');
  const found = failure.refused === 'not_ready' ? failure.report : {};
  const body = { ...found, errors, code, request_id: c.var.requestId };
  if (!prefersProblem(c.req.header('Accept') ?? '')) return c.json(body, status, headers);
  const problem = { ...body, ...problemObject(answer, body.request_id) };
  return c.json(problem, status, { ...headers, 'Content-Type': PROBLEM });
}

const PROBLEM = 'application/problem+json';

/**
 * Whether a client wants problem details (RFC 9457): it names them, and names nothing that it likes better. Who names them
 * beside JSON means them for errors, so they win a draw. A wildcard is what every client sends, and changes nothing.
 */
function prefersProblem(accept: string): boolean {
  const named = parseAccept(accept);
  const weightOf = (type: string) => named.find((range) => range.type.toLowerCase() === type)?.q ?? 0;
  return weightOf(PROBLEM) > 0 && weightOf(PROBLEM) >= weightOf('application/json');
}

function describe(failure: Failure): ErrorAnswer<ContentfulStatusCode> {
  switch (failure.refused) {
    case 'denied':
      return answerDenial({ ...failure, ...describeDenial(failure) });
    case 'session_ended':
      return {
        status: 401,
        code: 'SESSION_ENDED',
        errors: { authentication: 'The session has ended. Sign in again.' },
      };
    case 'rate_limited':
      return answerDenial({ code: 'RATE_LIMITED', ...describeDenial({ code: 'RATE_LIMITED' }) });
    case 'invalid':
      return { status: 400, code: 'INVALID_REQUEST', errors: { json: failure.fields } };
    case 'out_of_reach':
      return {
        status: 403,
        code: 'PERMISSION_DENIED',
        errors: { authorization: describeShortfall(failure.shortfall) },
      };
    case 'not_found':
      return { status: 404, code: 'NOT_FOUND', errors: { json: 'Resource not found' } };
    case 'wrong_method':
      return {
        status: 405,
        code: 'METHOD_NOT_ALLOWED',
        errors: { json: `This path takes ${failure.methods.join(', ')}.` },
        headers: { Allow: failure.methods.join(', ') },
      };
    case 'body_too_large':
      return { status: 413, code: 'BODY_TOO_LARGE', errors: { json: 'The body may have at most 64 KiB.' } };
    case 'body_timeout':
      return {
        status: 408,
        code: 'BODY_TIMEOUT',
        errors: { json: 'The whole body must arrive within 10 seconds. Nothing was changed. Send it again.' },
      };
    case 'unsupported_media_type':
      return {
        status: 415,
        code: 'UNSUPPORTED_MEDIA_TYPE',
        errors: { json: `Send a body with the header Content-Type: ${failure.takes}.` },
      };
    case 'idempotency':
      return describeRetryProblem(failure.problem);
    case 'no_keyring':
    case 'unavailable':
    case 'contended':
      return {
        status: 503,
        code: 'UNAVAILABLE',
        errors: { server: 'The service cannot do this just now. Nothing was changed. Try again in a moment.' },
        headers: { 'Retry-After': RETRY_AFTER_OUTAGE_SECONDS },
      };
    case 'storage_failed':
      return {
        status: 503,
        code: 'UNAVAILABLE',
        errors: {
          server:
            'The database gave no answer. If this call was to change something, check whether it did before you repeat it.',
        },
        headers: { 'Retry-After': RETRY_AFTER_OUTAGE_SECONDS },
      };
    case 'not_ready':
      return {
        status: 503,
        code: 'UNAVAILABLE',
        errors: { server: 'No key can be verified just now.' },
        headers: { 'Retry-After': RETRY_AFTER_OUTAGE_SECONDS },
      };
    case 'internal':
      return {
        status: 500,
        code: 'INTERNAL',
        errors: { server: 'Something went wrong here. If it goes on, report the request_id of this answer.' },
      };
  }
}

function describeRetryProblem(problem: RetryRefusal['problem']): ErrorAnswer<ContentfulStatusCode> {
  switch (problem) {
    case 'mismatch':
      return {
        status: 422,
        code: 'IDEMPOTENCY_MISMATCH',
        errors: {
          json: 'This Idempotency-Key was used for another call or body. Use a new one for each thing to make.',
        },
      };
    case 'gone':
      return {
        status: 409,
        code: 'IDEMPOTENCY_GONE',
        errors: {
          json: 'The call that this one repeats was done, but its secret cannot be given out again: it was rotated, revoked or given up since. To make another one, use a new Idempotency-Key.',
        },
      };
  }
}

/** Why an act is out of reach, as a sentence for whoever asked. */
export function describeShortfall(shortfall: Shortfall): string {
  switch (shortfall.rule) {
    case 'owner':
      return "Another user's personal key can be revoked or paused, but not changed, rotated or seen.";
    case 'old_secret':
      return 'This secret was replaced. Until its overlap ends it can call and read, but change nothing. Use the new one.';
    case 'administrators_only':
      return 'Only ORG_ADMIN and PROVIDER may make keys for other users.';
    case 'signed_in_before':
      return 'This user has signed in before. Only ORG_ADMIN and PROVIDER may make a new sign-in link.';
    case 'provider_only':
      return 'Only PROVIDER may work in another organisation.';
    case 'provider_keys':
      return 'Keys of PROVIDER users are revoked and paused by PROVIDER only.';
    case 'paused_by_another':
      return 'Someone else paused this key. ORG_ADMIN and PROVIDER can resume it.';
    case 'unrestricted':
      return 'Your key has a list of permissions, so it can only reach keys that have one too. A key without a list has every permission that its user will ever have.';
    case 'open_caller':
      return describeNarrowing(shortfall.narrowed);
    case 'role':
      return `Your role may not give the role ${shortfall.role}, nor reach the keys of a user who has it.`;
    case 'permissions':
      return `Your key lacks permissions that this key, or the keys of this user, would have: ${shortfall.missing.join(', ')}.`;
    case 'networks':
      return shortfall.outside === null
        ? 'Your key is restricted to addresses, so this key needs an ip_whitelist within them.'
        : `Your key is restricted to addresses, and ${shortfall.outside} is not within them.`;
    case 'expiry':
      return `Your key expires on ${shortfall.latest}, so this key must expire on that day or before.`;
  }
}

function describeNarrowing(narrowed: 'permissions' | 'networks' | 'expiry'): string {
  const how = { permissions: 'has a list of permissions', networks: 'is restricted to addresses', expiry: 'expires' };
  return `Your key ${how[narrowed]}. To create, invite or enable a user, raise a role or change an email takes a key that nothing narrows.`;
}
