import type { Context } from 'hono';
import type { Caller } from '../domain/authority/caller.ts';
import type { Session } from '../domain/authority/session.ts';
import type { Services } from '../domain/services.ts';
import type { HttpEnv } from '../http/context.ts';

/*
 * What the context of a request to the console holds.
 */

/** Of any request. */
export interface ConsoleEnv {
  Bindings: Env;
  Variables: Omit<HttpEnv['Variables'], 'services' | 'caller'> & { services: Services } & Partial<InSession>;
}

interface InSession {
  session: Session;
  /** The token that each form of the session carries. */
  csrfToken: string;
  /** Who is signed in, as any act of the domain takes it. */
  caller: Caller;
  /** The fields of the form that was posted; empty for a page that is read. */
  form: URLSearchParams;
}

/** Of a request in a session. */
export interface SessionEnv {
  Bindings: Env;
  Variables: Omit<ConsoleEnv['Variables'], keyof InSession> & InSession;
}

/** For helpers that take any request. Of hono's members it lists those that are used; its own type takes one `Env` only. */
export interface ConsoleContext extends Pick<Context, 'req' | 'html' | 'redirect' | 'header'> {
  readonly var: Readonly<ConsoleEnv['Variables']>;
  set(name: 'code', value: string): void;
}

/** The client's address as Cloudflare saw it; null when unknown. A client can write any other header itself. */
export function clientIpOf(c: Pick<Context, 'req'>): string | null {
  return c.req.header('CF-Connecting-IP') ?? null;
}
