import { createMiddleware } from 'hono/factory';
import { findKeyById } from '../../domain/find-key.ts';
import type { HttpEnv } from '../context.ts';
import { fail } from '../errors.ts';

/**
 * Finds the key that the path names, before the body is looked at: by the contract a 404 comes before a 400. What is
 * no id at all names nothing, so it is not found either.
 */
export const accessibleKey = createMiddleware<HttpEnv>(async (c, next) => {
  const id = /^[1-9][0-9]*$/.test(c.req.param('id') ?? '') ? Number(c.req.param('id')) : Number.NaN;
  const key = Number.isSafeInteger(id) ? await findKeyById(c.get('services'), c.get('caller'), id) : null;
  if (key === null) return fail(c, { refused: 'not_found' });
  c.set('key', key);
  await next();
});
