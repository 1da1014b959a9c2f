import type { AccessKey } from '../storage/access-keys.ts';
import type { RegionName } from '../storage/regions.ts';
import { RefusalsOnRecord } from './authority/refusals-on-record.ts';
import type { HealthReport } from './health/health-report.ts';
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

/*
 * A region remembers more, because it serves many isolates. Its object runs in an isolate of its own, which may hold
 * more than one region.
 */
const MAX_BYTES_OF_REGIONS = 64 * 1024 * 1024;
const MAX_IDS_OF_REGION = 20_000;
const MAX_ABSENCES_OF_REGION = 10_000;

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
    /** When a call sent a poll that it waits for (unix milliseconds); -Infinity: it was answered, or given up. */
    waitedForSince: number;
    /** The poll under way that the questions to a region share; null: none, or this isolate is no region. */
    shared: Promise<unknown> | null;
  };
  /** The regions that this isolate asks: its own, and the one near the primary while that rests. */
  region: { own: RegionLink; nearPrimary: RegionLink };
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
  /**
   * What the last health check found (null: there was none), when that was, and when one that is not done yet began (unix
   * milliseconds; -Infinity: none is under way).
   */
  health: { report: HealthReport | null; madeAt: number; begunAt: number };
}

/** What an isolate knows of a region. All moments in unix milliseconds. */
export interface RegionLink {
  /** Null: not known, or there is none. */
  name: RegionName | null;
  /** Questions in a row that had no usable answer, and when the last of them was given up. */
  misses: number;
  missedAt: number;
  /** It is not asked for a while after this. */
  restsSince: number;
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
      waitedForSince: Number.NEGATIVE_INFINITY,
      shared: null,
    },
    region: { own: newLink(), nearPrimary: newLink() },
    memory: {
      records: new RecentlyUsed(MAX_BYTES_OF_RECORDS, weightOfRecord),
      absences: new RecentlyUsed(MAX_ABSENCES),
      refreshAfterMs: REFRESH_AFTER_MS,
    },
    misses: new MissLedger(),
    counting: { counter: new UseCounter(), plannedAt: Number.NEGATIVE_INFINITY },
    refusals: new RefusalsOnRecord(),
    accessKeys: { keys: [], fetchedAt: Number.NEGATIVE_INFINITY, minute: Number.NaN, fetches: 0 },
    health: { report: null, madeAt: Number.NEGATIVE_INFINITY, begunAt: Number.NEGATIVE_INFINITY },
  };
}

function newLink(): RegionLink {
  return { name: null, misses: 0, missedAt: Number.NEGATIVE_INFINITY, restsSince: Number.NEGATIVE_INFINITY };
}

/**
 * The state of a region that has heard nothing yet.
 * @param records shared by all regions of one isolate, so that the bound on its memory holds for them together
 */
export function newRegion(records: Isolate['memory']['records']): Isolate {
  const isolate = newIsolate();
  return {
    ...isolate,
    heard: new HeardChanges(MAX_IDS_OF_REGION),
    polls: { ...isolate.polls, mostChanges: MAX_IDS_OF_REGION },
    memory: { ...isolate.memory, records, absences: new RecentlyUsed(MAX_ABSENCES_OF_REGION) },
  };
}

/** Memory for the records of all regions of one isolate. */
export function newRecordsOfRegions(): Isolate['memory']['records'] {
  return new RecentlyUsed(MAX_BYTES_OF_REGIONS, weightOfRecord);
}

/** Drops every record and absence, e.g. after the database was restored. */
export function forgetRecords(memory: Isolate['memory']): void {
  memory.records.clear();
  memory.absences.clear();
}
