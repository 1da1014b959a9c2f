import type { Caller } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import { untilUncontended } from '../authority/until-uncontended.ts';
import type { Acting } from '../services.ts';
import { findUserById } from './find-user.ts';
import type { User } from './user.ts';

/**
 * Judges and changes a person whom the caller works with. While others change the same rows between the two, both the caller
 * and the person are read again and judged anew.
 * @param attempt gives null when nothing was done, because what it was judged by is no longer so
 */
export function actOnUser<Value>(
  services: Acting,
  caller: Caller,
  user: User,
  attempt: (caller: Caller, user: User) => Promise<Outcome<Value> | null>,
): Promise<Outcome<Value>> {
  return untilUncontended(services, caller, async (confirmed, isFirst) => {
    const present = isFirst ? user : await findUserById(services, confirmed, user.id);
    return present === null ? { refused: 'not_found' } : attempt(confirmed, present);
  });
}
