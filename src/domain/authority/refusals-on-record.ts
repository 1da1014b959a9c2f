const MINUTE_MS = 60_000;
/** Refused attempts of one caller that become audit events, per isolate and minute. */
const MAX_EVENTS = 10;
/** Callers remembered. Past it, the caller whose last refusal is the oldest is forgotten and starts from zero. */
const MAX_CALLERS = 1_000;

interface Tally {
  minute: number;
  /** Audit events in that minute. */
  events: number;
  /** Attempts without an audit event since the last event. */
  dropped: number;
}

/**
 * Decides which refused attempts become audit events. Each event is a write to the database of the keys. Whoever has a
 * key can be refused as often as the rate limit lets it call: 300 rows a minute, in a log that is kept for
 * `AUDIT_KEEP_DAYS` (400). Nobody would find the caller's real traces among them. So the first attempts of a minute
 * become events, the rest are counted, and the next event says how many were dropped. No I/O, no clock.
 */
export class RefusalsOnRecord {
  readonly #tallies = new Map<string, Tally>();

  /**
   * Counts one more attempt of a caller at `now` (unix milliseconds).
   * @returns `onRecord` true: append an audit event, and say in it how many attempts were `dropped` before. `onRecord`
   * false: the attempt is dropped; `first` when it is the first one dropped since the last event
   */
  count(caller: string, now: number): { onRecord: true; dropped: number } | { onRecord: false; first: boolean } {
    const minute = Math.floor(now / MINUTE_MS);
    const known = this.#tallies.get(caller);
    const tally =
      known === undefined || known.minute !== minute ? { minute, events: 0, dropped: known?.dropped ?? 0 } : known;
    this.#remember(caller, tally);
    if (tally.events >= MAX_EVENTS) {
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
    if (this.#tallies.size > MAX_CALLERS && oldest !== undefined) this.#tallies.delete(oldest);
  }
}
