import { createMiddleware } from 'hono/factory';
import { logFailure } from '../../log.ts';
import type { HttpContext, HttpEnv } from '../context.ts';
import { fail } from '../errors.ts';

/**
 * Limits the allowed calls of an organisation. The binding counts in each Cloudflare location by itself, so the limit
 * is approximate; and it says yes or no, not how many are left.
 */
export const limitRate = createMiddleware<HttpEnv>(async (c, next) => {
  if (c.get('services').settings.organisationRateLimit) {
    const { success } = await c.env.ORG_RATE_LIMIT.limit({ key: String(c.get('caller').key.orgId) }).catch(letPass);
    if (!success) return refuse(c);
  }
  await next();
});

/** Limits how often a user looks at secrets: someone with a stolen key should not come away with all the others. */
export const limitLooks = createMiddleware<HttpEnv>(async (c, next) => {
  const { success } = await c.env.LOOK_RATE_LIMIT.limit({ key: c.get('caller').key.userId });
  if (!success) return refuse(c);
  await next();
});

function refuse(c: HttpContext): Response {
  c.set('keyDenial', 'RATE_LIMITED');
  return fail(c, { refused: 'denied', code: 'RATE_LIMITED' });
}

/** A limiter that gives no answer is no reason to turn a good key away. */
function letPass(error: unknown): { success: boolean } {
  logFailure('the rate limit of organisations gave no answer', error);
  return { success: true };
}
