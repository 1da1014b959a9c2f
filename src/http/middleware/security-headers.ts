import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from '../context.ts';

/*
 * What a browser is told about each answer, whatever it is: not to guess its type, not to say where it came from, to run
 * and to frame nothing of it, and to come back by https only. Pages for people set a policy of their own after this.
 */

const POLICY = "default-src 'none'; frame-ancestors 'none'";
const A_YEAR = 'max-age=31536000';

/** Sets the headers before the handlers do theirs: so a page can replace one, and no finished response is copied. */
export const securityHeaders = createMiddleware<HttpEnv>(async (c, next) => {
  c.header('X-Content-Type-Options', 'nosniff');
  c.header('Referrer-Policy', 'no-referrer');
  c.header('Content-Security-Policy', POLICY);
  // Over plain http, on one's own machine, browsers are to ignore it (RFC 6797), so it is not said.
  if (c.req.url.startsWith('https:')) c.header('Strict-Transport-Security', A_YEAR);
  await next();
});
