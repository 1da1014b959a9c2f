import { every } from 'hono/combine';
import { createMiddleware } from 'hono/factory';
import type { PermissionName } from '../../domain/permissions/permissions.ts';
import { confirmKey } from '../../domain/verification/verify-key.ts';
import { readApiKeys } from '../../wire/api-key-headers.ts';
import type { HttpEnv } from '../context.ts';
import { fail } from '../errors.ts';

/** Lets only callers on whose key has this permission. */
export function requires(permission: PermissionName) {
  return createMiddleware<HttpEnv>(async (c, next) => {
    if (!c.get('caller').key.permissions.includes(permission)) {
      c.set('keyDenial', 'PERMISSION_DENIED');
      return fail(c, { refused: 'denied', code: 'PERMISSION_DENIED' });
    }
    await next();
  });
}

/** The same for calls whose effects stay, changes and looks at secrets: by what D1's primary has of the caller now. */
export function requiresNow(permission: PermissionName) {
  return every(confirmed, requires(permission));
}

const confirmed = createMiddleware<HttpEnv>(async (c, next) => {
  const { services, caller } = c.var;
  const [apiKey = ''] = readApiKeys((name) => c.req.header(name));
  const verdict = await confirmKey(services, apiKey, { clientIp: caller.clientIp, needs: [] });
  if (!verdict.allowed) {
    c.set('keyDenial', verdict.code);
    return fail(c, { refused: 'denied', code: verdict.code });
  }
  c.set('caller', { ...caller, key: verdict.key });
  await next();
});
