import { createMiddleware } from 'hono/factory';
import type { Services } from '../../domain/services.ts';
import type { HttpEnv } from '../context.ts';

/** Makes what one event works with, from its bindings and its context. */
export type Compose = (env: Env, context: Pick<ExecutionContext, 'waitUntil'>) => Services;

/** Puts what the domain works with into the context. */
export function provideServices(compose: Compose) {
  return createMiddleware<HttpEnv>(async (c, next) => {
    c.set('services', compose(c.env, c.executionCtx));
    await next();
  });
}
