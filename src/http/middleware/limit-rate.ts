import { createMiddleware } from 'hono/factory';
import type { HttpContext, HttpEnv } from '../context.ts';
import { fail } from '../errors.ts';

/** Limits the allowed calls of an organisation. */
export const limitRate = createMiddleware<HttpEnv>(async (c, next) => {
  const { services, caller } = c.var;
  if (services.settings.organisationRateLimit) {
    if (!(await services.limits.organisation.allows(String(caller.key.orgId)))) return refuse(c);
  }
  await next();
});

/** Limits how often a user looks at secrets: someone with a stolen key should not come away with all the others. */
export const limitLooks = createMiddleware<HttpEnv>(async (c, next) => {
  const { services, caller } = c.var;
  if (!(await services.limits.secrets.allows(caller.key.userId))) return refuse(c);
  await next();
});

function refuse(c: HttpContext): Response {
  c.set('keyDenial', 'RATE_LIMITED');
  return fail(c, { refused: 'denied', code: 'RATE_LIMITED' });
}
