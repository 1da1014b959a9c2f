import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from '../context.ts';

/*
 * Headers that answers have whatever becomes of the request. They are set before the handlers run: a header that is set on a
 * finished response costs a copy of it, and a page can still replace one.
 */

/**
 * Gives each request an id of our own making: one from the client could be anything, and would let it write into logs
 * that others read.
 */
export const requestId = createMiddleware<HttpEnv>(async (c, next) => {
  const id = crypto.randomUUID();
  c.set('requestId', id);
  c.header('X-Request-Id', id);
  await next();
});

/** Answers speak of keys and of who holds them: nothing between here and the client may keep one. */
export const noStore = createMiddleware<HttpEnv>(async (c, next) => {
  c.header('Cache-Control', 'no-store');
  await next();
});

const POLICY = "default-src 'none'; frame-ancestors 'none'";
const A_YEAR = 'max-age=31536000';

/**
 * Tells a browser not to guess a type, not to say where it came from, to run and frame nothing, and to come back by https
 * only.
 */
export const securityHeaders = createMiddleware<HttpEnv>(async (c, next) => {
  c.header('X-Content-Type-Options', 'nosniff');
  c.header('Referrer-Policy', 'no-referrer');
  c.header('Content-Security-Policy', POLICY);
  // Browsers ignore it over plain http, as on one's own machine (RFC 6797), so it is not sent there.
  if (c.req.url.startsWith('https:')) c.header('Strict-Transport-Security', A_YEAR);
  await next();
});
