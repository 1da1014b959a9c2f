import type { Verification } from '../services.ts';
import { keepUp, poll } from './follow-feed.ts';
import type { Found } from './hold-record.ts';
import { storedRecord } from './key-record.ts';
import { lookUpInTiers, recallAbsence } from './look-up-record.ts';
import { readClock } from './read-clock.ts';
import type { RegionAnswer, RegionQuestion } from './region-answer.ts';

/*
 * The region's end of the question. A region looks up and follows the feed by the same code and the same rule as an
 * isolate. It keeps closer to the feed than the bound asks for, so that what it tells can be used for a while.
 */

/** Changes told in one answer, at most. */
const MOST_CHANGES_TOLD = 500;

/**
 * What a region verifies with: the services of its own isolate, without a region above it. It does not look records up in
 * KV: it has few to look up, D1's nearest replica answers them sooner than KV's store does, and where D1 is out of reach
 * the isolate's own way asks KV. What it has read it writes to KV, for the case that regions are lost.
 */
export function asRegion(services: Verification, pollIntervalMs: number): Verification {
  const { settings, cache, heard } = services;
  return {
    ...services,
    regions: null,
    cache: {
      read: async () => null,
      async write(hash, record) {
        const cached = await cache.read(hash);
        // A write to KV costs ten times a read.
        if (cached !== null && heard.isUsable(cached.record, readClock(services), settings.maxStalenessMs)) return;
        await cache.write(hash, record);
      },
    },
    sharesPolls: true,
    settings: { ...settings, feedWaitMs: settings.maxStalenessMs / 2, pollIntervalMs },
  };
}

/**
 * Answers an isolate's question. A region whose feed is older than half the bound, or that has heard less than the
 * isolate, polls first.
 * @param services as `asRegion` makes them
 * @returns null when the region has never heard the feed
 */
export async function answerIsolate(services: Verification, question: RegionQuestion): Promise<RegionAnswer | null> {
  const { heard } = services;
  const mustPoll = heard.isBehind(question);
  const found = question.hash === null ? null : await findForIsolate(services, question.hash, mustPoll);
  if (question.hash === null) await keepUp(services, null, mustPoll);
  const now = readClock(services);
  const feed = heard.tell(question.after, MOST_CHANGES_TOLD, now);
  return feed === null ? null : { feed, found: found === null ? null : tell(services, found, now) };
}

/** Polls the feed, for a region that is in use. */
export async function followAsRegion(services: Verification): Promise<void> {
  await poll(services, null);
}

async function findForIsolate(services: Verification, hash: string, mustPoll: boolean): Promise<Found | null> {
  const asOf = mustPoll ? null : recallAbsence(services, hash);
  if (asOf !== null) return { outcome: 'absent', asOf, tier: 'memory' };
  const looked = await lookUpInTiers({ services, hash, foundKey: () => {} }, mustPoll);
  return looked.outcome === 'found' || looked.outcome === 'absent' ? looked : null;
}

/** A record is marked as true up to what the region has heard, so that an isolate that knows few changes can use it. */
function tell({ heard, settings }: Verification, found: Found, now: number): RegionAnswer['found'] {
  if (found.outcome === 'absent') return now < found.asOf ? null : { absentFor: now - found.asOf };
  const { record } = found;
  // By the rule, except for the age: that is told, and the isolate judges it.
  const isUsable = heard.isUsable(record, now, Math.max(settings.outageGraceMs, settings.maxStalenessMs));
  return isUsable ? { record: storedRecord(record, heard.vouchedSeq(record)) } : null;
}
