import { logFailure } from '../../log.ts';
import type { VerificationRecord } from '../../storage/verification-record.ts';
import { forgetRecords } from '../isolate.ts';
import type { Verification } from '../services.ts';
import { TOOK_TOO_LONG, withinBudget } from '../within-budget.ts';
import { followRegion, hasRegion } from './ask-region.ts';
import { holdLate, type Wanted } from './hold-record.ts';
import { readClock } from './read-clock.ts';

/*
 * When to poll the change feed. As a rule polls run in the background, so that no call waits for one. A call waits for
 * a poll only when the last answer is older than the bound (`MAX_STALENESS_SECONDS`). Its poll then brings the record
 * that the call wants as well, in the same query.
 *
 * A slow answer is no outage. Only an error, or a poll without an answer for 10 s, opens the grace
 * (`OUTAGE_GRACE_SECONDS`). Otherwise an attacker who slows D1 down would make revoked keys work again.
 */

/** How long a call waits for D1: for its own poll or another call's, and for a record. */
export const D1_BUDGET_MS = 2_000;
/** A poll without an answer for so long has failed. */
const SILENCE_MS = 10_000;
/**
 * After a poll that failed, or that a call waited for in vain, no call waits for another one for so long: an outage
 * must not slow every call down.
 */
const PAUSE_MS = 2_000;
/** How often a call that waits for another one's poll looks whether it was answered. */
const LOOK_AGAIN_MS = 20;

/** A record from the primary's snapshot that answered a poll; null: there was no such key. */
export interface ReadWithFeed {
  record: VerificationRecord | null;
  /** The clock before the poll was sent, in unix milliseconds, and how often it had been set back by then. */
  asOf: number;
  clockSteps: number;
}

export interface KeptUp {
  /**
   * How old (milliseconds) the last answer may be for this call: the bound, or the grace when D1 is out of reach. Null
   * when D1 is slow but not known to be out of reach: the call then gets no verdict.
   */
  mostAge: number | null;
  /** What the call's own poll read of the wanted secret; null: it sent none, or none was answered. */
  read: ReadWithFeed | null;
}

/**
 * Polls the feed, and waits for the answer when the last one is older than the bound. Else the poll runs in the
 * background, if it is due.
 * @param wanted the secret whose record a poll that is waited for brings along; null: none
 * @param mustPoll whether to wait for a poll however recent the last one is
 */
export async function keepUp(services: Verification, wanted: Wanted | null, mustPoll = false): Promise<KeptUp> {
  const { heard, polls, settings } = services;
  const inTime = { mostAge: settings.maxStalenessMs, read: null };
  const now = readClock(services);
  if (!mustPoll && heard.isRecent(now, settings.feedWaitMs)) {
    pollIfDue(services, now);
    return inTime;
  }
  const hasGivenUp = () => readClock(services) - polls.gaveUpAt < PAUSE_MS;
  const isWaiting = () => !hasGivenUp() && readClock(services) - now < D1_BUDGET_MS;
  while (isWaiting() && isPollUnderWay(services)) {
    await joinPoll(services);
    if (heard.isRecent(readClock(services), settings.feedWaitMs)) return inTime;
  }
  // No await lies between the look at other polls and this one. Else all that wait would send theirs.
  if (isWaiting()) {
    const polled = await pollAndWait(services, wanted);
    if (polled !== null) return { ...inTime, read: polled.read };
  }
  const later = readClock(services);
  // Another call's poll may have been answered meanwhile.
  if (!mustPoll && heard.isRecent(later, settings.feedWaitMs)) return inTime;
  if (!hasGivenUp()) polls.gaveUpAt = later;
  // A region waits sooner than the bound asks for, and tells what it has.
  if (heard.isRecent(later, settings.maxStalenessMs)) return inTime;
  return { mostAge: polls.areFailing ? Math.max(settings.outageGraceMs, settings.maxStalenessMs) : null, read: null };
}

/** Whether a call has sent a poll a moment ago that is not answered yet. */
export function isPollUnderWay(services: Verification): boolean {
  const { polls } = services;
  const since = readClock(services) - polls.waitedForSince;
  return polls.shared !== null || (since >= 0 && since < D1_BUDGET_MS);
}

/**
 * Waits while another call's poll is under way. Without that, all calls that meet a feed that has just become too old
 * would ask the primary at once. An isolate waits by its own timer, never by the other call's promise: that may never
 * settle, because the platform drops a request's I/O when the request ends. The calls of a region share one context, and
 * so one promise.
 */
async function joinPoll(services: Verification): Promise<void> {
  const { shared } = services.polls;
  if (shared !== null) await withinBudget(services, D1_BUDGET_MS, shared);
  else await new Promise<void>((resolve) => services.after(LOOK_AGAIN_MS, resolve));
}

/** Sends a poll and waits for it. @returns null when there is no answer in time */
async function pollAndWait(
  services: Verification,
  wanted: Wanted | null,
): Promise<{ read: ReadWithFeed | null } | null> {
  const { polls } = services;
  const sentAt = readClock(services);
  polls.waitedForSince = sentAt;
  const work = poll(services, wanted);
  services.defer(work);
  const polled = await withinBudget(services, D1_BUDGET_MS, work);
  if (polls.waitedForSince === sentAt) polls.waitedForSince = Number.NEGATIVE_INFINITY;
  if (polled.ok && polled.value.heard) return { read: polled.value.read };
  services.defer(
    work.then(({ read }) => {
      if (wanted === null || read === null || read.record === null) return;
      wanted.foundKey();
      holdLate(services, wanted.hash, read.record);
    }),
  );
  return null;
}

/**
 * Polls the feed in the background when the last poll is older than the interval. Where there is a region, only it is
 * asked: when it is lost, calls that wait ask the primary, and so all isolates together ask it no more than they would
 * without regions.
 */
export function pollIfDue(services: Verification, now: number): void {
  const { polls, settings } = services;
  if (now - polls.startedAt < settings.pollIntervalMs) return;
  if (hasRegion(services)) services.defer(followRegion(services, now));
  else services.defer(poll(services, null));
}

interface Polled {
  /** Whether the feed answered within `SILENCE_MS`. A later answer is still merged. */
  heard: boolean;
  read: ReadWithFeed | null;
}

/** Asks the primary for the feed and, with it, for the record of the wanted secret. */
export function poll(services: Verification, wanted: Wanted | null): Promise<Polled> {
  const { polls, sharesPolls } = services;
  if (!sharesPolls) return askPrimary(services, wanted);
  const shared = askPrimary(services, wanted).finally(() => {
    if (polls.shared === shared) polls.shared = null;
  });
  polls.shared = shared;
  return shared;
}

async function askPrimary(services: Verification, wanted: Wanted | null): Promise<Polled> {
  const { heard, memory, polls, source } = services;
  const question = heard.ask(readClock(services));
  const { answers } = polls;
  polls.startedAt = question.sentAt;
  const asking: Promise<Awaited<ReturnType<typeof source.readFeed>> & { record?: VerificationRecord | null }> =
    wanted === null
      ? source.readFeed(question.after, polls.mostChanges)
      : source.readFeedAndRecord(question.after, polls.mostChanges, wanted.hash);
  const hearing = asking.then(({ answer, bookmark, record }): ReadWithFeed | null => {
    readClock(services);
    const outcome = heard.hear(question, answer, bookmark);
    if (outcome === 'restored') forgetRecords(memory);
    polls.answers += 1;
    polls.areFailing = false;
    if (record === undefined || outcome === 'outdated') return null;
    return { record, asOf: question.sentAt, clockSteps: question.clockSteps };
  });
  const outcome = await withinBudget(services, SILENCE_MS, hearing);
  if (outcome.ok) return { heard: true, read: outcome.value };
  const unheard = { heard: false, read: null };
  if (outcome.reason !== TOOK_TOO_LONG) polls.gaveUpAt = readClock(services);
  // D1 has answered other polls meanwhile: only this answer was lost.
  else if (polls.answers > answers) return unheard;
  polls.areFailing = true;
  logFailure('the change feed could not be read', outcome.reason);
  return unheard;
}
