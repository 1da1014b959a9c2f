import type { Verification } from '../services.ts';
import type { Caller } from './caller.ts';
import { confirmCaller } from './confirm-caller.ts';
import type { Outcome } from './refusal.ts';

/** Enough for fifty changes of one key at once, as `npm test` shows; D1 commits them one after the other. */
const MOST_TRIES = 40;
/** The longest pause before a try, in milliseconds. It doubles from the first one on. */
const FIRST_PAUSE_MS = 4;
const LONGEST_PAUSE_MS = 250;

/**
 * Judges and writes again for as long as others change the same rows between the two. A write goes through only on the
 * state that it was judged on. Before each further try the caller is confirmed anew, so that one that was revoked
 * meanwhile gets a 401 or 403.
 * @param attempt judges and writes; it reads again what it was given for the first try. It gives null when nothing was
 * done, because what it was judged by is no longer so
 */
export async function untilUncontended<Value>(
  services: Verification,
  caller: Caller,
  attempt: (caller: Caller, isFirst: boolean) => Promise<Outcome<Value> | null>,
): Promise<Outcome<Value>> {
  let present = caller;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const outcome = await attempt(present, tries === 0);
    if (outcome !== null) return outcome;
    await pause(services, tries);
    const confirmed = await confirmCaller(services, present);
    if (confirmed.refused) return confirmed;
    present = confirmed.caller;
  }
  return { refused: 'contended' };
}

/** A random time, so that those who met do not meet again. */
function pause(services: Pick<Verification, 'after'>, tries: number): Promise<void> {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries);
  return new Promise((resolve) => services.after(Math.random() * longest, resolve));
}
