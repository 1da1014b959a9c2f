import { createMiddleware } from 'hono/factory';
import type { PermissionName } from '../../domain/permissions/permissions.ts';
import { answerLacking } from '../answer-refusal.tsx';
import type { SessionEnv } from '../context.ts';

/**
 * Refuses whoever lacks this permission. The session was read a moment ago at the primary, after the form. The caller
 * carries the permission on, so an act that judges its caller again, at each further try, asks for it too.
 */
export function requires(permission: PermissionName) {
  return createMiddleware<SessionEnv>(async (c, next) => {
    const { caller } = c.var;
    if (!caller.reach.permissions.includes(permission)) return answerLacking(c, [permission]);
    c.set('caller', { ...caller, confirm: { ...caller.confirm, needs: [...caller.confirm.needs, permission] } });
    await next();
  });
}
