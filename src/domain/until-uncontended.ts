import type { Outcome } from './authority/refusal.ts';

const MOST_TRIES = 5;

/**
 * Judges and writes anew for as long as someone else changes the same thing between the two: a write goes through only
 * on the state that it was judged on.
 * @param attempt gives null when the write met another state than it was judged on
 */
export async function untilUncontended<Row, Value>(
  row: Row,
  readAgain: () => Promise<Row | null>,
  attempt: (row: Row) => Promise<Outcome<Value> | null>,
): Promise<Outcome<Value>> {
  let present: Row | null = row;
  for (let tries = 0; tries < MOST_TRIES && present !== null; tries++) {
    const outcome = await attempt(present);
    if (outcome !== null) return outcome;
    present = await readAgain();
  }
  return { refused: present === null ? 'not_found' : 'contended' };
}
