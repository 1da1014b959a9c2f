import { createMiddleware } from 'hono/factory';
import type { CallContext, CallEnv } from '../context.ts';
import { fail } from '../errors.ts';
import { payerOfCalls } from './limit-rate.ts';

/*
 * One read may go through thousands of rows, or through every key of an organisation, and five a second of them, within
 * the usual limit, would make the look-ups of everyone wait. So they have a limit of their own, for each
 * user, beside the usual one.
 */

/** Limits what costs much whatever it asks: the audit log, and usage. */
export const limitCostlyReads = createMiddleware<CallEnv>(async (c, next) => {
  if (!(await isWithinLimit(c))) return fail(c, { refused: 'rate_limited' });
  await next();
});

/** Limits a list where it looks for a text, which no index finds. */
export const limitSearches = createMiddleware<CallEnv>(async (c, next) => {
  const isSearch = (c.req.query('search_text') ?? c.req.query('query') ?? '').trim() !== '';
  if (isSearch && !(await isWithinLimit(c))) return fail(c, { refused: 'rate_limited' });
  await next();
});

async function isWithinLimit(c: CallContext): Promise<boolean> {
  const { services, caller } = c.var;
  return !services.settings.limitsCalls || services.limits.costlyReads.allows(payerOfCalls(caller));
}
