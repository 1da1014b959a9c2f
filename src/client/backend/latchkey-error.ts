import type { Schemas } from './call.ts';

/** The codes of errors that the document lists. */
type DocumentedCode = {
  [Name in keyof Schemas]: Name extends `${string}Error`
    ? Schemas[Name] extends { code: infer Code }
      ? Code
      : never
    : never;
}[keyof Schemas];

/**
 * `UNREACHABLE`: the connection failed. `TIMEOUT`: no whole answer in time. `UNEXPECTED_ANSWER`: what answered did not
 * answer as Latchkey does; a proxy, say, or a wrong address.
 */
type ClientCode = 'UNREACHABLE' | 'TIMEOUT' | 'UNEXPECTED_ANSWER';

/** Any string: a later version of the service may have more codes. */
type LaterCode = string & Record<never, never>;

export type ErrorCode = DocumentedCode | ClientCode | LaterCode;

interface Details {
  code: ErrorCode;
  /** What is added to the message. */
  explanation: string;
  status?: number | null;
  fields?: Readonly<Record<string, string>>;
  requestId?: string | null;
  retryAfterSeconds?: number | null;
  cause?: unknown;
}

/**
 * A call that did not succeed. It never holds an API key: neither the backend's own nor one that it asked about. After
 * `UNREACHABLE`, `TIMEOUT` or a 503, a change may have been made or not.
 */
export class LatchkeyError extends Error {
  override readonly name = 'LatchkeyError';
  /** What went wrong, for programs. */
  readonly code: ErrorCode;
  /** The HTTP status. Null: there was no answer. */
  readonly status: number | null;
  /** What is wrong with which field, for `INVALID_REQUEST`; else empty. */
  readonly fields: Readonly<Record<string, string>>;
  /** Names the call in the service's log. Null: there was no answer, or not the service's. */
  readonly requestId: string | null;
  /** When the service may be asked again, in seconds, if it said so. */
  readonly retryAfterSeconds: number | null;

  constructor(operation: string, details: Details) {
    const { code, explanation, status = null, fields = {}, requestId = null, retryAfterSeconds = null } = details;
    const answer = status === null ? code : `${status} ${code}`;
    super(`${operation}: ${answer}: ${explanation}`, 'cause' in details ? { cause: details.cause } : {});
    this.code = code;
    this.status = status;
    this.fields = fields;
    this.requestId = requestId;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
