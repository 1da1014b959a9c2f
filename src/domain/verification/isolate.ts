import { RefusalsOnRecord } from '../authority/refusals-on-record.ts';
import { UseCounter } from '../usage/use-counter.ts';
import { HeardChanges } from './heard-changes.ts';
import { type KeyRecord, weightOfRecord } from './key-record.ts';
import { MissLedger } from './miss-budget.ts';
import { RecentlyUsed } from './recently-used.ts';
import { REFRESH_AFTER_MS } from './refresh-cache.ts';

/*
 * What an isolate may remember, of the 128 MB that it has: records by weight, which is 15,000 keys without a list and 1,000
 * with the longest; and by count absences, ids that were heard of (heard-changes.ts), payers (miss-budget.ts) and counts
 * (use-counter.ts). Measured by `npm run bench` with all of it full: 21 + 0.3 + 2.5 + 1.9 + 2.9 MiB, 29 MiB in all.
 */
const MOST_BYTES_OF_RECORDS = 32 * 1024 * 1024;
/** Apart from the records, so that a stranger who tries many keys cannot push the good ones out. */
const MOST_ABSENCES = 1_000;
/** Changes asked for in one poll. When there were more, the floor rises, and records are read anew. */
const MOST_CHANGES = 500;

/** What lives as long as an isolate, and is shared by the events that it handles. */
export interface Isolate {
  /** What was heard of the change feed. */
  heard: HeardChanges;
  polls: {
    /** When the feed was last asked (unix milliseconds). */
    startedAt: number;
    /** When a poll last failed, or was last waited for in vain (unix milliseconds). */
    gaveUpAt: number;
    /** Whether D1 is out of reach: a poll failed, and none has been answered since. */
    areFailing: boolean;
    /** How many were answered. */
    answers: number;
    mostChanges: number;
  };
  memory: {
    /** By the hash of the secret. */
    records: RecentlyUsed<KeyRecord>;
    /** Hashes of which there was no key, with when the feed had last been heard at that time. */
    absences: RecentlyUsed<number>;
    /** How old what is in KV of a record may be before it is written again, in milliseconds. */
    refreshAfterMs: number;
  };
  /** Who looked for keys that there are not. */
  misses: MissLedger;
  /** What was counted, and since when its sending is planned (unix milliseconds); -Infinity: it is not. */
  counting: { counter: UseCounter; plannedAt: number };
  /** How many refused attempts each caller has on record. */
  refusals: RefusalsOnRecord;
}

export function newIsolate(): Isolate {
  return {
    heard: new HeardChanges(),
    polls: {
      startedAt: Number.NEGATIVE_INFINITY,
      gaveUpAt: Number.NEGATIVE_INFINITY,
      areFailing: false,
      answers: 0,
      mostChanges: MOST_CHANGES,
    },
    memory: {
      records: new RecentlyUsed(MOST_BYTES_OF_RECORDS, weightOfRecord),
      absences: new RecentlyUsed(MOST_ABSENCES),
      refreshAfterMs: REFRESH_AFTER_MS,
    },
    misses: new MissLedger(),
    counting: { counter: new UseCounter(), plannedAt: Number.NEGATIVE_INFINITY },
    refusals: new RefusalsOnRecord(),
  };
}

export function forgetRecords(memory: Isolate['memory']): void {
  memory.records.clear();
  memory.absences.clear();
}
