import { Hono } from 'hono';
import { findUserOf } from '../../domain/find-user.ts';
import type { HttpEnv } from '../context.ts';
import { fail } from '../errors.ts';
import { userObject } from '../user-object.ts';

/** `/v2/user` */
export const userRoutes = new Hono<HttpEnv>().get('/me', async (c) => {
  const { services, caller } = c.var;
  const user = await findUserOf(services, caller);
  if (user === null) return fail(c, { refused: 'not_found' });
  return c.json(userObject(user));
});
