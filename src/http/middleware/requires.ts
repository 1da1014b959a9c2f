import { createMiddleware } from 'hono/factory';
import type { PermissionName } from '../../domain/permissions.ts';
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
