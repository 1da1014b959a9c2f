import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from '../context.ts';

/** Answers speak of keys and of who holds them: nothing between here and the client may keep one. */
export const noStore = createMiddleware<HttpEnv>(async (c, next) => {
  c.header('Cache-Control', 'no-store');
  await next();
});
