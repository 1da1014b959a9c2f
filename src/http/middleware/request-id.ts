import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from '../context.ts';

/**
 * Gives each request an id of our own making: one from the client could be anything, and would let it write into logs
 * that others read.
 */
export const requestId = createMiddleware<HttpEnv>(async (c, next) => {
  const id = crypto.randomUUID();
  c.set('requestId', id);
  // Before the handlers: a header set on a finished response costs a copy of it.
  c.header('X-Request-Id', id);
  await next();
});
