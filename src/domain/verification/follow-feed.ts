import { logFailure } from '../../log.ts';
import type { Verification } from '../services.ts';
import { TOOK_TOO_LONG, withinBudget } from '../within-budget.ts';
import { forgetRecords } from './isolate.ts';
import { readClock } from './read-clock.ts';

/*
 * When the feed is asked: in the background as a rule, so that no call waits for it; by a call itself only when what was
 * heard is older than the bound.
 *
 * A slow answer is no outage. Only an error, or a poll that D1 leaves unanswered for 10 s, opens the grace: else whoever
 * makes D1 slow would make revoked keys work again.
 */

/** How long a call waits for D1, for its own poll as for a record. */
export const D1_BUDGET_MS = 2_000;
/** So long without an answer, and a poll has failed. */
const SILENCE_MS = 10_000;
/** After a poll that failed or was waited for in vain, no call waits for one for so long: trouble must not slow each call. */
const PAUSE_MS = 2_000;

/**
 * Sees to it that the feed was heard as lately as the bound asks for.
 * @returns how old (milliseconds) what was heard may be for this call: the bound; the grace, where D1 is out of reach;
 * null, where D1 has not answered in time and is not known to be out of reach, so that nothing can be said
 */
export async function keepUp(services: Verification): Promise<number | null> {
  const { heard, polls, settings } = services;
  const now = readClock(services);
  if (heard.isRecent(now, settings.maxStalenessMs)) {
    pollIfDue(services, now);
    return settings.maxStalenessMs;
  }
  // Each call waits for a poll of its own: one that another request made may never settle once that request has ended.
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

/** Asks the feed in the background, when it has not been asked for a while. */
export function pollIfDue(services: Verification, now: number): void {
  if (now - services.polls.startedAt >= services.settings.pollIntervalMs) services.defer(poll(services));
}

/** @returns whether the feed answered before that counted as silence; what it answers after it is heard all the same */
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
  const heardIt = await withinBudget(services, SILENCE_MS, hearing);
  if (heardIt.ok) return true;
  if (heardIt.reason !== TOOK_TOO_LONG) polls.gaveUpAt = readClock(services);
  // One answer got lost, while D1 has answered others.
  else if (polls.answers > answers) return false;
  polls.areFailing = true;
  logFailure('the change feed could not be read', heardIt.reason);
  return false;
}
