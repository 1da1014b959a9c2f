import { findUserById } from '../../domain/users/find-user.ts';
import type { User } from '../../domain/users/user.ts';
import type { Puts } from '../context.ts';
import { fail } from '../errors.ts';

interface UserPut {
  /** The person that the path names, once the caller is known to have access to it. */
  user: User;
}

/** Finds the person that the path names, before the body is looked at: by the contract a 404 comes before a 400. */
export const accessibleUser: Puts<UserPut> = async (c, next) => {
  const user = await findUserById(c.get('services'), c.get('caller'), c.req.param('id') ?? '');
  if (user === null) return fail(c, { refused: 'not_found' });
  c.set('user', user);
  await next();
};
