import type { MiddlewareHandler } from 'hono';
import { createMiddleware } from 'hono/factory';
import { matchedRoutes } from 'hono/route';
import { allowsCall, CALLS_A_MINUTE, payerOfCalls } from '../../domain/limits.ts';
import type { CallContext, CallEnv, Needs } from '../context.ts';
import { fail } from '../errors.ts';
import { type BodyPut, isEmpty } from './body.ts';

/*
 * Rate limits of calls. Each user has a limit, so that one user's key, such as a leaked one, cannot use up the
 * organisation's calls. The organisation has a larger limit. Calls that take rights away have a separate limit: whoever
 * holds a key must not be able to prevent its revocation by using up the general limit.
 */

/** Middleware that replaces the general limit on its route. */
const replacements = new Set<unknown>();

/** The general limit. It holds for each route that has none of the limits below. */
export const limitRate = createMiddleware<CallEnv>(async (c, next) => {
  const isLimitedLater = matchedRoutes(c).some(({ handler }) => replacements.has(handler));
  if (!isLimitedLater && !(await allowsGeneralCall(c))) return refuse(c);
  await next();
});

/** The limit of routes that take rights away. It runs after the permission check. */
export const limitTakingAway = limitOfRoute(
  createMiddleware<CallEnv>(async (c, next) => {
    if (!(await allowsTakingAway(c))) return refuse(c);
    await next();
  }),
);

/**
 * The limit of routes whose body decides whether they take rights away. It runs after the permission check, and after
 * the body was read, which bounds its size. A body that is not JSON takes no rights away.
 */
export function limitByBody(takesAway: (body: unknown) => boolean): Needs<BodyPut> {
  return limitOfRoute(async (c, next) => {
    const isAllowed = takesAway(parse(c.var.bodyText)) ? allowsTakingAway(c) : allowsGeneralCall(c);
    if (!(await isAllowed)) return refuse(c);
    await next();
    return undefined;
  });
}

/**
 * For the route by which a key revokes itself. It has a count apart from the key's other calls that take rights away,
 * and a call with a wrong body is not charged there. Otherwise whoever else holds a leaked key could use the count up,
 * and so prevent its revocation.
 */
export const limitGivingUp: Needs<BodyPut> = limitOfRoute(async (c, next) => {
  const isAllowed = isEmpty(c.var.bodyText) ? allowsTakingAway(c, 'itself') : allowsGeneralCall(c);
  if (!(await isAllowed)) return refuse(c);
  await next();
  return undefined;
});

/**
 * The limit of `verify` and introspection, if the deployment wants one: as many calls as an organisation has, for each
 * caller. It is counted apart, so that a backend's verifications do not use up anyone's other calls.
 */
export const limitVerifying = createMiddleware<CallEnv>(async (c, next) => {
  const { services, caller } = c.var;
  if (services.settings.limitsVerifying) {
    c.header('RateLimit-Policy', VERIFY_POLICY);
    if (!(await services.limits.organisation.allows(`verify ${payerOfCalls(caller)}`))) return refuse(c);
  }
  await next();
  return undefined;
});

function limitOfRoute<Middleware extends Needs<BodyPut> | MiddlewareHandler<CallEnv>>(
  middleware: Middleware,
): Middleware {
  replacements.add(middleware);
  return middleware;
}

const POLICY = `"user";q=${CALLS_A_MINUTE.user};w=60, "org";q=${CALLS_A_MINUTE.organisation};w=60`;
const VERIFY_POLICY = `"verify";q=${CALLS_A_MINUTE.organisation};w=60`;

/** Charges the general limit, and says on the answer what it is. */
async function allowsGeneralCall(c: CallContext): Promise<boolean> {
  if (c.var.services.settings.limitsCalls) c.header('RateLimit-Policy', POLICY);
  return allowsCall(c.var);
}

async function allowsTakingAway(c: CallContext, from: 'others' | 'itself' = 'others'): Promise<boolean> {
  const { services, caller } = c.var;
  const payer = `key ${caller.apiKeyId}${from === 'itself' ? ' itself' : ''}`;
  return !services.settings.limitsCalls || (await services.limits.takingAway.allows(payer));
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
