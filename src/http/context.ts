import type { Context, MiddlewareHandler, Next } from 'hono';
import type { Caller } from '../domain/authority/caller.ts';
import type { Services } from '../domain/services.ts';
import type { VerifiedKey } from '../domain/verification/key-record.ts';
import type { DenialCode } from '../wire/denial.ts';

/*
 * What is in the context of a request. Middleware declares what it puts there (`Puts`) and what it needs there (`Needs`), so
 * that a route that forgets a middleware does not compile. Handlers need nothing said: hono gives them what was put.
 */

interface AnswerVariables {
  requestId: string;
  /** The code of the answer, where it is an error. */
  code?: string;
  /** What the key of this call was refused for after it was verified; unset: nothing. */
  keyDenial?: DenialCode;
}

export interface CallVariables extends AnswerVariables {
  services: Services;
  caller: Caller;
  /** What the key of this call says of itself, as it was verified. */
  verifiedKey: VerifiedKey;
  /** Messages of the act's own rules about a body, by field. */
  findWrongFields?: (body: unknown) => Record<string, string>;
}

/** Of any request, refused ones too: what only calls have may not be there. */
export interface HttpEnv {
  Bindings: Env;
  Variables: AnswerVariables & Partial<CallVariables>;
}

/** Of a call whose key was verified, with what further middleware has put there. */
export interface CallEnv<Put = unknown> {
  Bindings: Env;
  Variables: CallVariables & Put;
}

/** Middleware that puts something into the context, for those after it. */
export type Puts<Put> = MiddlewareHandler<CallEnv<Put>>;

/** Middleware that needs what an earlier one has put into the context. */
export type Needs<Needed> = (c: Holding<CallVariables & Needed>, next: Next) => Promise<Response | undefined>;

/**
 * A context with these variables at least. hono's own type takes a context with exactly them only. Of what hono has, it
 * holds what is used here.
 */
interface Holding<Variables> extends Pick<Context, 'req' | 'json'> {
  readonly var: Readonly<Variables>;
  set(name: 'code', value: string): void;
  set(name: 'keyDenial', value: DenialCode): void;
  set(name: 'findWrongFields', value: NonNullable<CallVariables['findWrongFields']>): void;
}

/** For helpers: of whatever request. */
export type AnyContext = Holding<AnswerVariables>;
/** For helpers: of whatever call whose key was verified. */
export type CallContext = Holding<CallVariables>;
