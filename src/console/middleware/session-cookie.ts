import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { CookieOptions } from 'hono/utils/cookie';
import { SESSION_MS } from '../../domain/authority/session.ts';

/*
 * The cookie of a session. It carries the session's id, sealed. Over https its name begins with `__Host-`, so that no other
 * host of the domain can set it. Plain http on one's own machine allows neither that nor `Secure`; any other plain http
 * gets a cookie that browsers do not take.
 */

const NAME = 'latchkey_session';
const OWN_MACHINE = new Set(['localhost', '127.0.0.1', '[::1]']);

/** What the cookie of the request carries; null when there is none. */
export function readSessionCookie(c: Context): string | null {
  return (isOnOwnMachine(c) ? getCookie(c, NAME) : getCookie(c, NAME, 'host')) ?? null;
}

/** Gives the browser the cookie, for as long as a session may last. */
export function setSessionCookie(c: Context, sealed: string): void {
  setCookie(c, NAME, sealed, { ...optionsFor(c), maxAge: SESSION_MS / 1000 });
}

export function dropSessionCookie(c: Context): void {
  deleteCookie(c, NAME, optionsFor(c));
}

function optionsFor(c: Context): CookieOptions {
  const always = { path: '/', httpOnly: true, sameSite: 'Lax' } as const;
  return isOnOwnMachine(c) ? always : { ...always, secure: true, prefix: 'host' };
}

function isOnOwnMachine(c: Context): boolean {
  const { protocol, hostname } = new URL(c.req.url);
  return protocol === 'http:' && OWN_MACHINE.has(hostname);
}
