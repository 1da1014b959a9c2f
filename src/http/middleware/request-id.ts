import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from '../context.ts';

/**
 * Gives each request an id of our own making: one from the client could be anything, and would let it write into logs
 * that others read.
 */
export const requestId = createMiddleware<HttpEnv>(async (c, next) => {
  const id = crypto.randomUUID();
  c.set('requestId', id);
  await next();
  c.header('X-Request-Id', id);
});
