import type { Context, MiddlewareHandler, Next } from 'hono';
import type { Caller } from '../domain/authority/caller.ts';
import type { PermissionName } from '../domain/permissions/permissions.ts';
import type { Retry } from '../domain/retries/retry.ts';
import type { Services } from '../domain/services.ts';
import type { Tier } from '../domain/verification/hold-record.ts';
import type { VerifiedKey } from '../domain/verification/key-record.ts';
import type { DenialCode } from '../wire/denial.ts';

/*
 * What the context of a request holds. Middleware declares what it puts there (`Puts`) and what it needs there
 * (`Needs`), so a route that forgets a middleware does not compile. Handlers declare nothing: hono infers their context
 * from the middleware before them.
 */

interface AnswerVariables {
  requestId: string;
  /** The `code` of an error answer. */
  code?: string;
  /** When the services were made for the request (unix milliseconds); unset: they were not, and nothing was waited for. */
  startedAt?: number;
  /** Where the verdict about the calling key came from, and how long the call has waited for that and later verdicts. */
  verification?: { tier: Tier | null; waitedMs: number };
  /** The code that the calling key was refused with after it was verified; unset: it was not refused. */
  keyDenial?: DenialCode;
}

export interface CallVariables extends AnswerVariables {
  services: Services;
  caller: Caller;
  /** The calling key, as verification returned it. */
  verifiedKey: VerifiedKey;
  /** The permissions that the call was asked for so far; unset: none. */
  asked?: readonly PermissionName[];
  /** Identifies the call for its retries; unset: the call had no `Idempotency-Key`. */
  retry?: Retry;
  /** Applies the act's own rules to a body that the schema refused. Returns messages by field. */
  findWrongFields?: (body: unknown) => Record<string, string>;
}

/** Of any request, refused ones included: the variables of a call may be unset. */
export interface HttpEnv {
  Bindings: Env;
  Variables: AnswerVariables & Partial<CallVariables>;
}

/** Of a request that has the services and no caller. */
export interface ServedEnv {
  Bindings: Env;
  Variables: HttpEnv['Variables'] & Pick<CallVariables, 'services'>;
}

/** Of a call whose key was verified, with what later middleware put there. */
export interface CallEnv<Put = unknown> {
  Bindings: Env;
  Variables: CallVariables & Put;
}

/** Middleware that puts something into the context, for those after it. */
export type Puts<Put> = MiddlewareHandler<CallEnv<Put>>;

/** Middleware that needs what an earlier one has put into the context. */
export type Needs<Needed> = (c: Holding<CallVariables & Needed>, next: Next) => Promise<Response | undefined>;

/**
 * A context that has at least these variables. hono's own type accepts only a context that has exactly these. Of hono's
 * members, this type lists the ones that are used here.
 */
interface Holding<Variables> extends Pick<Context, 'req' | 'json' | 'header'> {
  readonly var: Readonly<Variables>;
  set(name: 'code', value: string): void;
  set(name: 'keyDenial', value: DenialCode): void;
  set(name: 'retry', value: Retry): void;
  set(name: 'findWrongFields', value: NonNullable<CallVariables['findWrongFields']>): void;
}

/** For helpers that take any request. */
export type AnyContext = Holding<AnswerVariables>;
/** For helpers that take any call whose key was verified. */
export type CallContext = Holding<CallVariables>;
