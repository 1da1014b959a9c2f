import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import type { HttpEnv } from '../context.ts';

/**
 * One line for each request that failed, or for each one at all (`REQUEST_LOG`): what succeeds is what a verifying
 * service does all day, and changes are in the audit log. A line holds the pattern of the route and never the URL, in
 * which a client may have put anything, a key included.
 */
export const accessLog = createMiddleware<HttpEnv>(async (c, next) => {
  await next();
  const { services, caller } = c.var;
  if (c.res.status < 400 && services?.settings.requestLog !== 'all') return;
  console.log(
    JSON.stringify({
      message: 'request',
      request_id: c.get('requestId'),
      method: c.req.method,
      // After the handlers: that of the last one that ran.
      route: routePath(c),
      status: c.res.status,
      code: c.get('code') ?? null,
      api_key_id: caller?.apiKeyId ?? null,
      org_id: caller?.user.orgId ?? null,
    }),
  );
});
