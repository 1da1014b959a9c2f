import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { confirmCaller, reverifyCaller } from '../../domain/authority/confirm-caller.ts';
import type { PermissionName } from '../../domain/permissions/permissions.ts';
import type { CallEnv } from '../context.ts';
import { fail } from '../errors.ts';

/** Answers 403 unless the caller has this permission. */
export function requires(permission: PermissionName) {
  return createMiddleware<CallEnv>(async (c, next) => {
    note(c, permission);
    if (!c.get('caller').reach.permissions.includes(permission)) {
      return fail(c, { refused: 'denied', code: 'PERMISSION_DENIED', missing: [permission] });
    }
    await next();
  });
}

/**
 * The same for calls that write. It runs before the body is read. A caller that lacks the permission by the verdict at
 * hand is judged anew from D1's primary, because the permission may have been given a moment ago.
 */
export function requiresToWrite(permission: PermissionName) {
  return createMiddleware<CallEnv>(async (c, next) => {
    note(c, permission);
    if (c.get('caller').reach.permissions.includes(permission)) return next();
    const answer = await confirm(c, permission);
    if (answer !== null) return answer;
    await next();
  });
}

/**
 * For calls that write or show a secret: judges the caller anew from D1's primary, after the body was read, and puts it
 * into the context.
 */
export function confirmed(permission: PermissionName) {
  return createMiddleware<CallEnv>(async (c, next) => {
    note(c, permission);
    const answer = await confirm(c, permission);
    if (answer !== null) return answer;
    await next();
  });
}

/**
 * For calls that only read: verifies the caller again, after the body was read, and puts it into the context. The
 * verdict keeps the bound on staleness, as any other does.
 */
export function stillAllowed(permission: PermissionName) {
  return createMiddleware<CallEnv>(async (c, next) => {
    note(c, permission);
    const again = await noteWaiting(c, reverifyCaller(c.get('services'), c.get('caller'), [permission]));
    if (again.refused) return fail(c, again);
    c.set('caller', again.caller);
    await next();
  });
}

async function confirm(c: Context<CallEnv>, permission: PermissionName): Promise<Response | null> {
  const again = await noteWaiting(c, confirmCaller(c.get('services'), c.get('caller'), [permission]));
  if (again.refused) return fail(c, again);
  c.set('caller', again.caller);
  return null;
}

/** Adds the time that a further verdict about the caller takes to what the call has waited for verdicts. */
async function noteWaiting<Value>(c: Context<CallEnv>, verdict: Promise<Value>): Promise<Value> {
  const { services, verification = { tier: null, waitedMs: 0 } } = c.var;
  const askedAt = services.now();
  const value = await verdict;
  c.set('verification', { ...verification, waitedMs: verification.waitedMs + services.now() - askedAt });
  return value;
}

/** Puts down what the call asks for, so that its use is counted by it. */
function note(c: Context<CallEnv>, permission: PermissionName): void {
  const asked = c.get('asked') ?? [];
  if (!asked.includes(permission)) c.set('asked', [...asked, permission]);
}
