import type { AccessKey } from '../storage/access-keys.ts';
import { RefusalsOnRecord } from './authority/refusals-on-record.ts';
import { UseCounter } from './usage/use-counter.ts';
import { HeardChanges } from './verification/heard-changes.ts';
import { type KeyRecord, weightOfRecord } from './verification/key-record.ts';
import { MissLedger } from './verification/miss-budget.ts';
import { RecentlyUsed } from './verification/recently-used.ts';
import { REFRESH_AFTER_MS } from './verification/refresh-cache.ts';

/*
 * What an isolate may remember, of its 128 MB.
 * Records are bounded by weight: 15,000 keys without an allowlist, or 1,000 with the longest. Bounded by count are
 * absences, changed ids (heard-changes.ts), payers (miss-budget.ts) and usage counts (use-counter.ts). `npm run bench`
 * measures all of them full: 21 + 0.3 + 2.5 + 1.9 + 3.9 MiB, 30 MiB in total.
 */
const MAX_BYTES_OF_RECORDS = 32 * 1024 * 1024;
/** Absences have a map of their own, so that a stranger who tries many keys cannot evict valid keys. */
const MAX_ABSENCES = 1_000;
/**
 * Changes read in one poll, at most. When there are more, the floor rises, and older records are read from D1 again.
 */
const MAX_CHANGES_PER_POLL = 500;

/** State that lives as long as an isolate. The events that it handles share it. */
export interface Isolate {
  /** What the isolate has heard of the change feed. */
  heard: HeardChanges;
  polls: {
    /** When the last poll was sent (unix milliseconds). */
    startedAt: number;
    /** When a poll last failed, or a call last waited for one in vain (unix milliseconds). */
    gaveUpAt: number;
    /** Whether D1 is out of reach: a poll failed, and none has been answered since. */
    areFailing: boolean;
    /** How many polls were answered. */
    answers: number;
    /** Changes read in one poll, at most. */
    mostChanges: number;
  };
  memory: {
    /** By the hash of the secret. */
    records: RecentlyUsed<KeyRecord>;
    /**
     * Hashes without a key. Each has the moment when the feed had last been heard before the look-up (unix
     * milliseconds).
     */
    absences: RecentlyUsed<number>;
    /** Age (milliseconds) after which a record in KV is written again. */
    refreshAfterMs: number;
  };
  /** Who looked up keys that do not exist. */
  misses: MissLedger;
  /** Usage counts, and when their flush was planned (unix milliseconds); -Infinity: no flush is planned. */
  counting: { counter: UseCounter; plannedAt: number };
  /** Refused attempts of each caller: which of them become audit events. */
  refusals: RefusalsOnRecord;
  /**
   * The keys by which Cloudflare Access signs, when they were fetched (unix milliseconds), and how often they were in this
   * minute of the clock.
   */
  accessKeys: { keys: AccessKey[]; fetchedAt: number; minute: number; fetches: number };
}

/** The state of an isolate that has heard and remembered nothing yet. */
export function newIsolate(): Isolate {
  return {
    heard: new HeardChanges(),
    polls: {
      startedAt: Number.NEGATIVE_INFINITY,
      gaveUpAt: Number.NEGATIVE_INFINITY,
      areFailing: false,
      answers: 0,
      mostChanges: MAX_CHANGES_PER_POLL,
    },
    memory: {
      records: new RecentlyUsed(MAX_BYTES_OF_RECORDS, weightOfRecord),
      absences: new RecentlyUsed(MAX_ABSENCES),
      refreshAfterMs: REFRESH_AFTER_MS,
    },
    misses: new MissLedger(),
    counting: { counter: new UseCounter(), plannedAt: Number.NEGATIVE_INFINITY },
    refusals: new RefusalsOnRecord(),
    accessKeys: { keys: [], fetchedAt: Number.NEGATIVE_INFINITY, minute: Number.NaN, fetches: 0 },
  };
}

/** Drops every record and absence, e.g. after the database was restored. */
export function forgetRecords(memory: Isolate['memory']): void {
  memory.records.clear();
  memory.absences.clear();
}
