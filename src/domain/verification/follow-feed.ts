import { logFailure } from '../../log.ts';
import type { Services } from '../services.ts';
import { withinBudget } from '../within-budget.ts';
import { forgetRecords } from './isolate.ts';

/*
 * When the feed is asked: in the background as a rule, so that no call waits for it; by a call itself only when what was
 * heard is older than the bound.
 */

/** How long a call waits for its own poll. */
const WAIT_MS = 1_000;
/** After a poll that failed, no call waits for another one for so long: an outage must not make each call slow. */
const PAUSE_AFTER_FAILURE_MS = 2_000;

/**
 * Sees to it that the feed was heard as lately as the bound asks for.
 * @returns how old (milliseconds) what was heard may be for this call: the bound; or the grace, where D1 is out of reach
 */
export async function keepUp(services: Services): Promise<number> {
  const { heard, polls, settings } = services;
  const now = services.now();
  if (heard.isRecent(now, settings.maxStalenessMs)) {
    pollIfDue(services, now);
    return settings.maxStalenessMs;
  }
  // Each call waits for a poll of its own: one that another request made may never settle once that request has ended.
  if (now - polls.failedAt >= PAUSE_AFTER_FAILURE_MS) {
    const work = poll(services);
    services.defer(work);
    const polled = await withinBudget(services, WAIT_MS, work);
    if (polled.ok && polled.value) return settings.maxStalenessMs;
    polls.failedAt = services.now();
  }
  return Math.max(settings.outageGraceMs, settings.maxStalenessMs);
}

/** Asks the feed in the background, when it has not been asked for a while. */
export function pollIfDue(services: Services, now: number): void {
  if (now - services.polls.startedAt >= services.settings.pollIntervalMs) services.defer(poll(services));
}

/** @returns whether the feed answered */
async function poll(services: Services): Promise<boolean> {
  const { heard, polls, source } = services;
  const question = heard.ask(services.now());
  polls.startedAt = question.sentAt;
  try {
    const { answer, bookmark } = await source.readFeed(question.after, polls.mostChanges);
    if (heard.hear(question, answer, bookmark) === 'restored') forgetRecords(services.memory);
    return true;
  } catch (error) {
    polls.failedAt = services.now();
    logFailure('the change feed could not be read', error);
    return false;
  }
}
