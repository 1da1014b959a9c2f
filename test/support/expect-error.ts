import { expect } from 'vitest';
import type { Answer } from './client.ts';

/*
 * Checks of error answers, to the last field. A message may have any text, but must not be empty.
 */

const SOME_TEXT = expect.stringMatching(/\S/);

/** A 400 that names these fields and no others. */
export function expectInvalid(answer: Answer, fields: readonly string[]): void {
  expect(answer.body.errors).toEqual({ json: Object.fromEntries(fields.map((field) => [field, SOME_TEXT])) });
  // toEqual does not look at a field called `__proto__`.
  expect(Object.keys(answer.body.errors.json).toSorted()).toEqual(fields.toSorted());
  expectError(answer, 400, 'INVALID_REQUEST');
}

/** A 401 with the code of why the calling key was refused. */
export function expectUnauthenticated(answer: Answer, code: string): void {
  expect(answer.body.errors).toEqual({ authentication: SOME_TEXT });
  expectError(answer, 401, code);
  expect(answer.headers.get('WWW-Authenticate')).toMatch(/\S/);
}

/** A 403: the calling key lacks the permission, or its address is not allowed. */
export function expectForbidden(answer: Answer, code: 'PERMISSION_DENIED' | 'IP_NOT_ALLOWED'): void {
  expect(answer.body.errors).toEqual({ authorization: SOME_TEXT });
  expectError(answer, 403, code);
}

/** A 403 for an attempt to reach too far, with a message that says which rule it broke. */
export function expectOutOfReach(answer: Answer, message: RegExp): void {
  expectForbidden(answer, 'PERMISSION_DENIED');
  expect(answer.body.errors.authorization).toMatch(message);
}

export function expectNotFound(answer: Answer): void {
  expect(answer.body.errors).toEqual({ json: 'Resource not found' });
  expectError(answer, 404, 'NOT_FOUND');
}

/** A 405 that names the methods which the path takes. */
export function expectMethodNotAllowed(answer: Answer, allowed: readonly string[]): void {
  expect(answer.body.errors).toEqual({ json: SOME_TEXT });
  expectError(answer, 405, 'METHOD_NOT_ALLOWED');
  expect(answer.headers.get('Allow')?.split(', ').toSorted()).toEqual(allowed.toSorted());
}

/** A 409: what the call asks for cannot be had as things are. */
export function expectConflict(answer: Answer, code: 'IDEMPOTENCY_GONE'): void {
  expect(answer.body.errors).toEqual({ json: SOME_TEXT });
  expectError(answer, 409, code);
}

/** A 422: the `Idempotency-Key` was used for something else. */
export function expectMismatch(answer: Answer): void {
  expect(answer.body.errors).toEqual({ json: SOME_TEXT });
  expectError(answer, 422, 'IDEMPOTENCY_MISMATCH');
}

export function expectTooLarge(answer: Answer): void {
  expect(answer.body.errors).toEqual({ json: SOME_TEXT });
  expectError(answer, 413, 'BODY_TOO_LARGE');
}

export function expectUnsupported(answer: Answer): void {
  expect(answer.body.errors).toEqual({ json: SOME_TEXT });
  expectError(answer, 415, 'UNSUPPORTED_MEDIA_TYPE');
}

export function expectRateLimited(answer: Answer): void {
  expect(answer.body.errors).toEqual({ rate_limit: SOME_TEXT });
  expectError(answer, 429, 'RATE_LIMITED');
  expect(answer.headers.get('Retry-After')).toBe('60');
}

export function expectUnavailable(answer: Answer): void {
  expect(answer.body.errors).toEqual({ server: SOME_TEXT });
  expectError(answer, 503, 'UNAVAILABLE');
  expect(answer.headers.get('Retry-After')).toMatch(/^[1-9][0-9]*$/);
}

export function expectInternal(answer: Answer): void {
  expect(answer.body.errors).toEqual({ server: SOME_TEXT });
  expectError(answer, 500, 'INTERNAL');
}

function expectError(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code });
  expect(Object.keys(answer.body).toSorted()).toEqual(['code', 'errors', 'request_id']);
  expect(answer.body.request_id).toBe(answer.headers.get('X-Request-Id'));
  expect(answer.headers.get('Content-Type')).toMatch(/^application\/json/);
}
