import type { components, operations } from '../generated/document.ts';

/*
 * The types of a call, derived from the document of the API.
 */

export type OperationId = keyof operations;

/** The objects of the API by their names in the document: `Schemas['ApiKey']`. */
export type Schemas = components['schemas'];

/** What can be set for one call. */
export interface CallOptions {
  /** How long the call may take, all its tries together, in milliseconds. */
  timeoutMs?: number;
  /** Ends the call when it is aborted. The call then throws the signal's reason. */
  signal?: AbortSignal;
  /**
   * For what makes something (`createApiKey`, `rotateApiKey`, `createUser`, `createOrganisation`): makes it once, however
   * often the call is made with this name within 24 hours. Left out: a new one for each call, so that its tries make one
   * thing. Give your own to repeat a call after your process was restarted.
   */
  idempotencyKey?: string;
}

/** What a member of an operation has, or nothing at all where the document says `never`. */
type Given<Member> = [NonNullable<Member>] extends [never] ? unknown : NonNullable<Member>;

type BodyOf<Id extends OperationId> = [NonNullable<operations[Id]['requestBody']>] extends [never]
  ? unknown
  : NonNullable<operations[Id]['requestBody']> extends { content: infer Content }
    ? Content[keyof Content]
    : unknown;

/** What a call is given: the parameters of its path and its query, and the fields of its body, in one object. */
export type Input<Id extends OperationId> = Given<operations[Id]['parameters']['path']> &
  Given<operations[Id]['parameters']['query']> &
  BodyOf<Id>;

/** What a call that succeeds answers. */
export type Answer<Id extends OperationId> = {
  [Status in 200 | 201]: operations[Id]['responses'] extends {
    [Key in Status]: { content: { 'application/json': infer Content } };
  }
    ? Content
    : never;
}[200 | 201];

type Arguments<Id extends OperationId> =
  Record<never, never> extends Input<Id>
    ? [input?: Input<Id>, options?: CallOptions]
    : [input: Input<Id>, options?: CallOptions];

/** A call of the API. It throws a `LatchkeyError` for every answer that is an error, and when there is none. */
export type Call<Id extends OperationId> = (...given: Arguments<Id>) => Promise<Answer<Id>>;

/** How an operation is called. */
export interface Operation<Id extends OperationId = OperationId> {
  id: Id;
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `{id}` for the parameter, if there is one. */
  path: string;
  /** How the fields go that are not in the path. Left out: in the query. */
  body?: 'json' | 'form';
  takesIdempotencyKey?: boolean;
}
