import { createMiddleware } from 'hono/factory';
import { allowsCostlyRead } from '../../domain/limits.ts';
import type { CallEnv } from '../context.ts';
import { fail } from '../errors.ts';

/*
 * A costly read goes through thousands of rows, or through every key of an organisation. The general limit lets a user
 * make five a second, which would make everyone's look-ups wait. So costly reads have a limit of their own, for each
 * user, in addition to the general one.
 */

/** For reads that are costly whatever the query: the audit log, and usage. */
export const limitCostlyReads = createMiddleware<CallEnv>(async (c, next) => {
  if (!(await allowsCostlyRead(c.var))) return fail(c, { refused: 'rate_limited' });
  await next();
});

/** For lists: limits only a list that searches for text, because no index serves a search. */
export const limitSearches = createMiddleware<CallEnv>(async (c, next) => {
  const isSearch = (c.req.query('search_text') ?? c.req.query('query') ?? '').trim() !== '';
  if (isSearch && !(await allowsCostlyRead(c.var))) return fail(c, { refused: 'rate_limited' });
  await next();
});
