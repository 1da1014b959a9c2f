import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from '../../http/context.ts';

/*
 * A page may load the console's own stylesheet, script and icon, and send its forms to the console. It runs and shows
 * nothing from anywhere else, so text that someone stored cannot become code or leave the page.
 */
const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

/** Headers of every page, whatever becomes of the request. They are set before the handlers run. */
export const pageHeaders = createMiddleware<HttpEnv>(async (c, next) => {
  c.header('Content-Security-Policy', POLICY);
  // Pages show keys and who holds them.
  c.header('Cache-Control', 'no-store');
  await next();
});
