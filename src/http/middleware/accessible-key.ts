import { createMiddleware } from 'hono/factory';
import { findKeyById } from '../../domain/keys/find-key.ts';
import type { HttpEnv } from '../context.ts';
import { fail } from '../errors.ts';
import { readId } from './path-id.ts';

/**
 * Finds the key that the path names, before the body is looked at: by the contract a 404 comes before a 400. What is
 * no id at all names nothing, so it is not found either.
 */
export const accessibleKey = createMiddleware<HttpEnv>(async (c, next) => {
  const id = readId(c.req.param('id'));
  const key = id === null ? null : await findKeyById(c.get('services'), c.get('caller'), id);
  if (key === null) return fail(c, { refused: 'not_found' });
  c.set('key', key);
  await next();
});
