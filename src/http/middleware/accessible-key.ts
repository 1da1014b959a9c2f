import { findKeyById } from '../../domain/keys/find-key.ts';
import type { Key } from '../../domain/keys/key.ts';
import type { Puts } from '../context.ts';
import { fail } from '../errors.ts';
import { readId } from './path-id.ts';

export interface KeyPut {
  /** The key that the path names, once the caller is known to have access to it. */
  key: Key;
}

/**
 * Finds the key that the path names, before the body is looked at: by the contract a 404 comes before a 400. What is
 * no id at all names nothing, so it is not found either.
 */
export const accessibleKey: Puts<KeyPut> = async (c, next) => {
  const id = readId(c.req.param('id'));
  const key = id === null ? null : await findKeyById(c.get('services'), c.get('caller'), id);
  if (key === null) return fail(c, { refused: 'not_found' });
  c.set('key', key);
  await next();
};
