import { createMiddleware } from 'hono/factory';
import { findUserById } from '../../domain/users/find-user.ts';
import type { HttpEnv } from '../context.ts';
import { fail } from '../errors.ts';

/** Finds the person that the path names, before the body is looked at: by the contract a 404 comes before a 400. */
export const accessibleUser = createMiddleware<HttpEnv>(async (c, next) => {
  const user = await findUserById(c.get('services'), c.get('caller'), c.req.param('id') ?? '');
  if (user === null) return fail(c, { refused: 'not_found' });
  c.set('user', user);
  await next();
});
