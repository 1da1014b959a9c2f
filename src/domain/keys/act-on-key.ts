import type { Caller } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import { untilUncontended } from '../authority/until-uncontended.ts';
import type { Acting } from '../services.ts';
import { findKeyById } from './find-key.ts';
import type { Key } from './key.ts';

/**
 * Judges a key that the caller has access to, and changes or shows it. While others change the same rows in between,
 * both the caller and the key are read and judged again.
 * @param attempt returns null when nothing was written, because the state that it was judged by has changed
 * @returns what `attempt` returned; refused as `not_found` when the key is gone, as `contended` after the last try
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
