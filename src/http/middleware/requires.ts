import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { confirmCaller, reverifyCaller } from '../../domain/authority/confirm-caller.ts';
import type { PermissionName } from '../../domain/permissions/permissions.ts';
import type { CallEnv } from '../context.ts';
import { fail } from '../errors.ts';

/** Lets only callers on whose key has this permission. */
export function requires(permission: PermissionName) {
  return createMiddleware<CallEnv>(async (c, next) => {
    if (!c.get('caller').reach.permissions.includes(permission)) {
      return fail(c, { refused: 'denied', code: 'PERMISSION_DENIED' });
    }
    await next();
  });
}

/**
 * The same for calls that write, before the body is read. Who lacks the permission by the verdict at hand is asked about
 * at D1's primary, because the permission may have been given a moment ago.
 */
export function requiresToWrite(permission: PermissionName) {
  return createMiddleware<CallEnv>(async (c, next) => {
    if (c.get('caller').reach.permissions.includes(permission)) return next();
    const answer = await confirm(c, permission);
    if (answer !== null) return answer;
    await next();
  });
}

/** For calls that write, after the body was read: the caller as D1's primary has it at this moment. */
export function confirmed(permission: PermissionName) {
  return createMiddleware<CallEnv>(async (c, next) => {
    const answer = await confirm(c, permission);
    if (answer !== null) return answer;
    await next();
  });
}

/** For calls that only show, after the body was read: the verdict of this moment, within the bound like any other. */
export function stillAllowed(permission: PermissionName) {
  return createMiddleware<CallEnv>(async (c, next) => {
    const again = await reverifyCaller(c.get('services'), c.get('caller'), [permission]);
    if (again.refused) return fail(c, again);
    c.set('caller', again.caller);
    await next();
  });
}

async function confirm(c: Context<CallEnv>, permission: PermissionName): Promise<Response | null> {
  const again = await confirmCaller(c.get('services'), c.get('caller'), [permission]);
  if (again.refused) return fail(c, again);
  c.set('caller', again.caller);
  return null;
}
