import type { MiddlewareHandler } from 'hono';
import { createMiddleware } from 'hono/factory';
import { matchedRoutes } from 'hono/route';
import type { Caller } from '../../domain/authority/caller.ts';
import type { CallContext, CallEnv, Needs } from '../context.ts';
import { fail } from '../errors.ts';
import type { BodyPut } from './body.ts';

/*
 * How often one may call. A user has a limit, so that no one's key, a leaked one say, uses up what the others of the
 * organisation need; the organisation has a larger one. What takes rights away has a limit apart: whoever holds a key
 * must not be able to keep it from being revoked.
 */

/** Middlewares that put a limit of their own in place of the general one. */
const limitsOfRoutes = new Set<unknown>();

/** The general limit. A route has it unless it has one of the limits below. */
export const limitRate = createMiddleware<CallEnv>(async (c, next) => {
  const isLimitedLater = matchedRoutes(c).some(({ handler }) => limitsOfRoutes.has(handler));
  if (!isLimitedLater && !(await allowsCall(c))) return refuse(c);
  await next();
});

/** For routes that take rights away. It comes after the permission that the call needs. */
export const limitTakingAway = limitOfRoute(
  createMiddleware<CallEnv>(async (c, next) => {
    if (!(await allowsTakingAway(c))) return refuse(c);
    await next();
  }),
);

/**
 * For routes that take rights away or do something else, as the body says. It comes after the permission that the call
 * needs, and after the size of the body is known to be bounded. A body that is no JSON takes nothing away.
 */
export function limitByBody(takesAway: (body: unknown) => boolean): Needs<BodyPut> {
  return limitOfRoute(async (c, next) => {
    const allows = takesAway(parse(c.var.bodyText)) ? allowsTakingAway : allowsCall;
    if (!(await allows(c))) return refuse(c);
    await next();
    return undefined;
  });
}

function limitOfRoute<Middleware extends Needs<BodyPut> | MiddlewareHandler<CallEnv>>(
  middleware: Middleware,
): Middleware {
  limitsOfRoutes.add(middleware);
  return middleware;
}

async function allowsCall(c: CallContext): Promise<boolean> {
  const { services, caller } = c.var;
  if (!services.settings.limitsCalls) return true;
  return (
    (await services.limits.user.allows(payerOfCalls(caller))) &&
    (await services.limits.organisation.allows(String(caller.user.orgId)))
  );
}

/** Whose calls are limited together: a user's. All main integrations of an organisation are one user, and each a program. */
export function payerOfCalls({ user, apiKeyId }: Caller): string {
  return user.type === 'bot' ? `key ${apiKeyId}` : `user ${user.id}`;
}

async function allowsTakingAway(c: CallContext): Promise<boolean> {
  const { services, caller } = c.var;
  return !services.settings.limitsCalls || (await services.limits.takingAway.allows(`key ${caller.apiKeyId}`));
}

function refuse(c: CallContext): Response {
  return fail(c, { refused: 'rate_limited' });
}

function parse(body: string | null): unknown {
  try {
    return JSON.parse(body ?? '');
  } catch {
    return undefined;
  }
}
