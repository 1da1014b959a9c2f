import { createMiddleware } from 'hono/factory';
import { findKeyById } from '../../domain/keys/find-key.ts';
import type { Key } from '../../domain/keys/key.ts';
import { findUserById } from '../../domain/users/find-user.ts';
import type { User } from '../../domain/users/user.ts';
import { readId } from '../../http/middleware/accessible.ts';
import { answerNotFound } from '../answer-refusal.tsx';
import type { SessionEnv } from '../context.ts';

/*
 * Finds what the path names. What there is not, and what the viewer may not know of, have the same page.
 */

/** A request about one key. The viewer has access to it. */
export interface KeyEnv {
  Bindings: Env;
  Variables: SessionEnv['Variables'] & { key: Key };
}

export const accessibleKey = createMiddleware<KeyEnv>(async (c, next) => {
  const id = readId(c.req.param('id'));
  const key = id === null ? null : await findKeyById(c.var.services, c.var.caller, id);
  if (key === null) return answerNotFound(c);
  c.set('key', key);
  await next();
});

/** A request about one person. The viewer has access to its organisation. */
export interface UserEnv {
  Bindings: Env;
  Variables: SessionEnv['Variables'] & { user: User };
}

export const accessibleUser = createMiddleware<UserEnv>(async (c, next) => {
  const user = await findUserById(c.var.services, c.var.caller, c.req.param('id') ?? '');
  if (user === null) return answerNotFound(c);
  c.set('user', user);
  await next();
});
