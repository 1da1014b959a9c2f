import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from '../context.ts';

/*
 * Headers of every answer, whatever the outcome. They are set before the handlers run. A header that is set on a
 * finished response costs a copy of it, and a page can still replace one that was set before.
 */

/**
 * Gives each request an id that is generated here. An id from the client could hold anything, and would let it write
 * into logs that others read.
 */
export const requestId = createMiddleware<HttpEnv>(async (c, next) => {
  const id = crypto.randomUUID();
  c.set('requestId', id);
  c.header('X-Request-Id', id);
  await next();
});

/** Forbids caches to keep an answer, because answers describe keys and their holders. */
export const noStore = createMiddleware<HttpEnv>(async (c, next) => {
  c.header('Cache-Control', 'no-store');
  await next();
});

const POLICY = "default-src 'none'; frame-ancestors 'none'";
const A_YEAR = 'max-age=31536000';

/**
 * Tells a browser not to guess content types, to send no referrer, to run and frame nothing, and to use https only for
 * a year.
 */
export const securityHeaders = createMiddleware<HttpEnv>(async (c, next) => {
  c.header('X-Content-Type-Options', 'nosniff');
  c.header('Referrer-Policy', 'no-referrer');
  c.header('Content-Security-Policy', POLICY);
  // Browsers ignore this header over plain http (RFC 6797), which a local server speaks, so it goes out over https
  // only.
  if (c.req.url.startsWith('https:')) c.header('Strict-Transport-Security', A_YEAR);
  await next();
});
