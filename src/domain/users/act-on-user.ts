import type { Caller } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import { untilUncontended } from '../authority/until-uncontended.ts';
import type { Acting } from '../services.ts';
import { findUserById } from './find-user.ts';
import type { User } from './user.ts';

/**
 * Judges and changes a person in an organisation that the caller has access to. While others change the same rows in
 * between, both the caller and the person are read and judged again.
 * @param attempt returns null when nothing was written, because the state that it was judged by has changed
 * @returns what `attempt` returned; refused as `not_found` when the person is gone, as `contended` after the last try
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
