const MINUTE_MS = 60_000;
/** Refused attempts of one caller that are put on record one by one, in one isolate and minute. */
const MOST_EVENTS = 10;
/** Callers that are remembered; past it the one who was refused longest ago begins anew. */
const MOST_CALLERS = 1_000;

interface Tally {
  minute: number;
  /** In that minute. */
  events: number;
  /** Attempts that were not put on record since the last one that was. */
  dropped: number;
}

/**
 * Which refused attempts are put on record. Each is a write to the database of the keys, and whoever has a key can be
 * refused as often as the rate limit lets it call: 300 rows a minute in a log that is kept for a year, in which its real
 * traces would not be found. So the first ones of a minute are events, the rest are counted, and the next event says
 * how many there were. No I/O, no clock.
 */
export class RefusalsOnRecord {
  readonly #tallies = new Map<string, Tally>();

  /**
   * Counts one more attempt of a caller at `now` (unix milliseconds).
   * @returns for an attempt to put on record, how many were dropped before it; else `first`: the first that is dropped
   */
  count(caller: string, now: number): { onRecord: true; dropped: number } | { onRecord: false; first: boolean } {
    const minute = Math.floor(now / MINUTE_MS);
    const known = this.#tallies.get(caller);
    const tally =
      known === undefined || known.minute !== minute ? { minute, events: 0, dropped: known?.dropped ?? 0 } : known;
    this.#remember(caller, tally);
    if (tally.events >= MOST_EVENTS) {
      tally.dropped += 1;
      return { onRecord: false, first: tally.dropped === 1 };
    }
    const { dropped } = tally;
    tally.events += 1;
    tally.dropped = 0;
    return { onRecord: true, dropped };
  }

  #remember(caller: string, tally: Tally): void {
    this.#tallies.delete(caller);
    this.#tallies.set(caller, tally);
    const [oldest] = this.#tallies.keys();
    if (this.#tallies.size > MOST_CALLERS && oldest !== undefined) this.#tallies.delete(oldest);
  }
}
