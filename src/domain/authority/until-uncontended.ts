import type { Verification } from '../services.ts';
import type { Caller } from './caller.ts';
import { confirmCaller } from './confirm-caller.ts';
import type { Outcome } from './refusal.ts';

/** Enough for fifty concurrent changes of one key, as `npm test` shows. D1 commits them one after the other. */
const MAX_TRIES = 40;
/**
 * The longest that the first pause may take, in milliseconds. It doubles with each further pause, up to
 * MAX_PAUSE_MS.
 */
const FIRST_PAUSE_MS = 4;
const MAX_PAUSE_MS = 250;

/**
 * Judges and writes, and tries again while others change the same rows in between, up to MAX_TRIES times. A write is
 * committed only on the state that it was judged by. Before each further try the caller is judged again at D1's
 * primary, so a caller that was revoked meanwhile gets a 401 or 403.
 * @param attempt judges and writes. From the second try on it must read its rows again. Returns null when nothing was
 * written, because the state that it was judged by has changed
 * @returns what `attempt` returned; refused as `contended` after the last try
 */
export async function untilUncontended<Value>(
  services: Verification,
  caller: Caller,
  attempt: (caller: Caller, isFirst: boolean) => Promise<Outcome<Value> | null>,
): Promise<Outcome<Value>> {
  let present = caller;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const outcome = await attempt(present, tries === 0);
    if (outcome !== null) return outcome;
    await pause(services, tries);
    const confirmed = await confirmCaller(services, present);
    if (confirmed.refused) return confirmed;
    present = confirmed.caller;
  }
  return { refused: 'contended' };
}

/** Waits a random time, so that calls that collided do not collide again. */
function pause(services: Pick<Verification, 'after'>, tries: number): Promise<void> {
  const longest = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries);
  return new Promise((resolve) => services.after(Math.random() * longest, resolve));
}
