import type { Caller } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import { untilUncontended } from '../authority/until-uncontended.ts';
import type { Acting } from '../services.ts';
import { findKeyById } from './find-key.ts';
import type { Key } from './key.ts';

/**
 * Judges and changes a key that the caller has access to. While others change the same rows between the two, both the caller
 * and the key are read again and judged anew.
 * @param attempt gives null when nothing was done, because what it was judged by is no longer so
 */
export function actOnKey<Value>(
  services: Acting,
  caller: Caller,
  key: Key,
  attempt: (caller: Caller, key: Key) => Promise<Outcome<Value> | null>,
): Promise<Outcome<Value>> {
  return untilUncontended(services, caller, async (confirmed, isFirst) => {
    const present = isFirst ? key : await findKeyById(services, confirmed, key.id);
    return present === null ? { refused: 'not_found' } : attempt(confirmed, present);
  });
}
