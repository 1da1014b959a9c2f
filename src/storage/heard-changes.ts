import type { VerificationRecord } from './verification-record.ts';

/** More ids than an isolate changes between two starts; past it, the oldest are forgotten by distrusting all older records. */
const MOST_IDS = 10_000;

/**
 * The changes that this isolate knows of: so far the ones it made itself. Following the change feed, which brings the
 * changes of other isolates, belongs here too.
 */
export class HeardChanges {
  readonly #changed = new Map<number | string, number>();
  #floor = 0;

  /** Notes that a key (by its number) or a user (by its id) changed at this place in the feed. */
  note(id: number | string, seq: number): void {
    const known = this.#changed.get(id) ?? 0;
    this.#changed.delete(id);
    this.#changed.set(id, Math.max(known, seq));
    for (const [oldest, at] of this.#changed) {
      if (this.#changed.size <= MOST_IDS) break;
      this.#changed.delete(oldest);
      this.#floor = Math.max(this.#floor, at);
    }
  }

  /** Whether nothing heard of contradicts a record: it was read after the last known change of its key and its user. */
  agreesWith(record: VerificationRecord): boolean {
    return (
      record.seq >= this.#floor &&
      (this.#changed.get(record.keyId) ?? 0) <= record.seq &&
      (this.#changed.get(record.userId) ?? 0) <= record.seq
    );
  }
}
