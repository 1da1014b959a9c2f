import { logFailure } from '../../log.ts';
import { forgetRecords } from '../isolate.ts';
import type { Verification } from '../services.ts';
import { TOOK_TOO_LONG, withinBudget } from '../within-budget.ts';
import { readClock } from './read-clock.ts';

/*
 * When to poll the change feed. As a rule polls run in the background, so that no call waits for one. A call waits for
 * a poll only when the last answer is older than the bound (`MAX_STALENESS_SECONDS`).
 *
 * A slow answer is no outage. Only an error, or a poll without an answer for 10 s, opens the grace
 * (`OUTAGE_GRACE_SECONDS`). Otherwise an attacker who slows D1 down would make revoked keys work again.
 */

/** How long a call waits for D1: for its own poll, and for a record. */
export const D1_BUDGET_MS = 2_000;
/** A poll without an answer for so long has failed. */
const SILENCE_MS = 10_000;
/**
 * After a poll that failed, or that a call waited for in vain, no call waits for another one for so long: an outage
 * must not slow every call down.
 */
const PAUSE_MS = 2_000;

/**
 * Polls the feed, and waits for the answer when the last one is older than the bound. Else the poll runs in the
 * background, if it is due.
 * @returns how old (milliseconds) the last answer may be for this call: the bound, or the grace when D1 is out of
 * reach. Null when D1 is slow but not known to be out of reach: the call then gets no verdict
 */
export async function keepUp(services: Verification): Promise<number | null> {
  const { heard, polls, settings } = services;
  const now = readClock(services);
  if (heard.isRecent(now, settings.maxStalenessMs)) {
    pollIfDue(services, now);
    return settings.maxStalenessMs;
  }
  // Each call waits for its own poll. Another request's poll may never settle, because the platform drops its I/O when
  // that request ends.
  if (!(now - polls.gaveUpAt < PAUSE_MS)) {
    const work = poll(services);
    services.defer(work);
    const polled = await withinBudget(services, D1_BUDGET_MS, work);
    if (polled.ok && polled.value) return settings.maxStalenessMs;
    const later = readClock(services);
    // Another call's poll may have been answered meanwhile.
    if (heard.isRecent(later, settings.maxStalenessMs)) return settings.maxStalenessMs;
    polls.gaveUpAt = later;
  }
  return polls.areFailing ? Math.max(settings.outageGraceMs, settings.maxStalenessMs) : null;
}

/** Polls the feed in the background when the last poll is older than the interval. */
export function pollIfDue(services: Verification, now: number): void {
  if (now - services.polls.startedAt >= services.settings.pollIntervalMs) services.defer(poll(services));
}

/** @returns whether the feed answered within `SILENCE_MS`. A later answer is still merged */
async function poll(services: Verification): Promise<boolean> {
  const { heard, memory, polls, source } = services;
  const question = heard.ask(readClock(services));
  const { answers } = polls;
  polls.startedAt = question.sentAt;
  const hearing = source.readFeed(question.after, polls.mostChanges).then(({ answer, bookmark }) => {
    readClock(services);
    if (heard.hear(question, answer, bookmark) === 'restored') forgetRecords(memory);
    polls.answers += 1;
    polls.areFailing = false;
  });
  const outcome = await withinBudget(services, SILENCE_MS, hearing);
  if (outcome.ok) return true;
  if (outcome.reason !== TOOK_TOO_LONG) polls.gaveUpAt = readClock(services);
  // D1 has answered other polls meanwhile: only this answer was lost.
  else if (polls.answers > answers) return false;
  polls.areFailing = true;
  logFailure('the change feed could not be read', outcome.reason);
  return false;
}
