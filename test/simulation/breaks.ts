import type { Isolate } from '../../src/domain/isolate.ts';
import { type FeedQuestion, HeardChanges } from '../../src/domain/verification/heard-changes.ts';
import type { KeyRecord } from '../../src/domain/verification/key-record.ts';
import { RecentlyUsed } from '../../src/domain/verification/recently-used.ts';
import type { FeedAnswer } from '../../src/storage/change-feed.ts';
import type { Break } from './world.ts';

/*
 * The rules that the bound rests on. Each entry takes one rule out of the code that runs in the simulation.
 */

/** By the name of what is broken. Where it matters, an entry also sets how many ids an isolate remembers. */
export const BREAKS: Record<string, Break> = {
  'no floor': hearing(
    class extends HeardChanges {
      protected override raiseFloor(): void {}
    },
  ),

  'forgetting an id without raising the floor': hearing(
    class extends HeardChanges {
      protected override forgetOldest(): void {
        const [oldest] = this.changed.keys();
        if (oldest !== undefined) this.changed.delete(oldest);
      }
    },
    3,
  ),

  'merging by replacing': hearing(
    class extends HeardChanges {
      override hear(question: FeedQuestion, answer: FeedAnswer, bookmark: string | null) {
        const outcome = super.hear(question, answer, bookmark);
        this.head = answer.head;
        this.heardAt = question.sentAt;
        this.bookmark = bookmark;
        this.changed.clear();
        for (const { seq, apiKeyId, userId } of answer.changes.toReversed()) {
          if (apiKeyId !== null) this.changed.set(apiKeyId, seq);
          if (userId !== null) this.changed.set(userId, seq);
        }
        return outcome;
      }
    },
  ),

  'heardAt taken at the answer': hearing(
    class extends HeardChanges {
      override hear(question: FeedQuestion, answer: FeedAnswer, bookmark: string | null) {
        // The clock was read just before.
        return super.hear({ ...question, sentAt: this.latestReading }, answer, bookmark);
      }
    },
  ),

  'now read before the last await': {
    services: (services) => {
      const startedAt = services.now();
      return { ...services, now: () => startedAt };
    },
  },

  'absence without an age': hearing(
    class extends HeardChanges {
      override isAbsentStill(): boolean {
        return true;
      }
    },
  ),

  'a slow poll taken for an outage': {
    isolate: (isolate) => ({ ...isolate, polls: new PollsThatFail(isolate.polls.mostChanges) }),
  },

  'a clock set back and nobody minds': hearing(
    class extends HeardChanges {
      override noticeClock(): boolean {
        return false;
      }
    },
  ),

  'refreshed in KV as newer than what was heard': hearing(
    class extends HeardChanges {
      override vouchedSeq(): number {
        return this.head + 3;
      }
    },
  ),

  'lookups without the bookmark': {
    services: (services) => ({
      ...services,
      source: {
        ...services.source,
        readRecord: (hash, from) => services.source.readRecord(hash, from === 'primary' ? from : { bookmark: null }),
      },
    }),
  },

  'eviction only at the poll': {
    isolate: (isolate) => {
      const records = new EvictedRecords();
      return { ...isolate, heard: new EvictingChanges(records), memory: { ...isolate.memory, records } };
    },
  },

  'a pause that is not in the feed': {
    tamper: (d1, kind) => {
      if (kind === 'pause') d1.tamper('DELETE FROM key_changes WHERE seq = (SELECT head FROM feed_state)');
    },
  },

  'one append left out': {
    tamper: (d1, kind) => {
      if (kind === 'user') d1.tamper('DELETE FROM key_changes WHERE seq = (SELECT head FROM feed_state)');
    },
  },
};

export function hearing(Heard: new (mostIds?: number) => HeardChanges, mostIds?: number): Break {
  return { isolate: (isolate: Isolate) => ({ ...isolate, heard: new Heard(mostIds) }) };
}

/** Polls that always count as failing: a call whose poll is slow then takes D1 to be out of reach. */
class PollsThatFail {
  startedAt = Number.NEGATIVE_INFINITY;
  gaveUpAt = Number.NEGATIVE_INFINITY;
  answers = 0;
  waitedForSince = Number.NEGATIVE_INFINITY;
  readonly shared = null;
  readonly mostChanges: number;

  constructor(mostChanges: number) {
    this.mostChanges = mostChanges;
  }

  get areFailing(): boolean {
    return true;
  }

  set areFailing(_: boolean) {}
}

/** A memory like many caches: an entry is good until it is evicted. */
class EvictedRecords extends RecentlyUsed<KeyRecord> {
  readonly #held = new Map<string, KeyRecord>();

  constructor() {
    super(1_000);
  }

  override set(hash: string, record: KeyRecord): void {
    this.#held.set(hash, { ...record, seq: Number.MAX_SAFE_INTEGER });
  }

  override get(hash: string): KeyRecord | undefined {
    return this.#held.get(hash);
  }

  override delete(hash: string): void {
    this.#held.delete(hash);
  }

  evict(changed: ReadonlySet<number | string | null>): void {
    for (const [hash, record] of this.#held) {
      if (changed.has(record.keyId) || changed.has(record.userId)) this.#held.delete(hash);
    }
  }
}

class EvictingChanges extends HeardChanges {
  readonly #records: EvictedRecords;

  constructor(records: EvictedRecords) {
    super();
    this.#records = records;
  }

  override hear(question: FeedQuestion, answer: FeedAnswer, bookmark: string | null) {
    this.#records.evict(new Set(answer.changes.flatMap(({ apiKeyId, userId }) => [apiKeyId, userId])));
    return super.hear(question, answer, bookmark);
  }
}
