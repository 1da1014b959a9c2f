import { findKeyById } from '../../domain/keys/find-key.ts';
import type { Key } from '../../domain/keys/key.ts';
import { findUserById } from '../../domain/users/find-user.ts';
import type { User } from '../../domain/users/user.ts';
import type { Puts } from '../context.ts';
import { fail } from '../errors.ts';

/*
 * Finds what the path names before the body is validated: in the contract a 404 comes before a 400.
 */

/** The id of a key or an organisation in a route's pattern. Text that cannot be an id is another path: `/current`. */
export const ID = ':id{[1-9][0-9]*}';
/** The id of a user in a route's pattern. */
export const USER_ID = ':id{[0-9a-f]{24}}';

/** Parses the id of a key or an organisation in a path; null for text that cannot be an id. */
export function readId(text: string | undefined): number | null {
  if (text === undefined || !/^[1-9][0-9]*$/.test(text)) return null;
  const id = Number(text);
  return Number.isSafeInteger(id) ? id : null;
}

export interface KeyPut {
  /** The key that the path names. The caller has access to it. */
  key: Key;
}

/**
 * Finds the key that the path names. Answers 404 if there is none, or the caller has no access to it, or the path holds
 * no id.
 */
export const accessibleKey: Puts<KeyPut> = async (c, next) => {
  const id = readId(c.req.param('id'));
  const key = id === null ? null : await findKeyById(c.get('services'), c.get('caller'), id);
  if (key === null) return fail(c, { refused: 'not_found' });
  c.set('key', key);
  await next();
};

export interface UserPut {
  /** The person that the path names. The caller has access to it. */
  user: User;
}

/**
 * Finds the person that the path names. Answers 404 if there is none, if it is a bot, or if the caller has no access to
 * its organisation.
 */
export const accessibleUser: Puts<UserPut> = async (c, next) => {
  const user = await findUserById(c.get('services'), c.get('caller'), c.req.param('id') ?? '');
  if (user === null) return fail(c, { refused: 'not_found' });
  c.set('user', user);
  await next();
};
