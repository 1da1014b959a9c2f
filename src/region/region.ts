import { DurableObject } from 'cloudflare:workers';
import { compose } from '../compose.ts';
import { newRecordsOfRegions, newRegion } from '../domain/isolate.ts';
import type { Verification } from '../domain/services.ts';
import { answerIsolate, asRegion, followAsRegion } from '../domain/verification/answer-isolate.ts';
import { parseRegionQuestion, type RegionAnswer, type RegionQuestion } from '../domain/verification/region-answer.ts';
import { logFailure } from '../log.ts';

/**
 * A region that was asked within this time follows the feed by an alarm. After that it sleeps until it is asked, and has
 * then forgotten all. With calls a hundred seconds apart, one gap in twenty is longer than five minutes, and almost none
 * longer than this.
 */
const IN_USE_MS = 15 * 60_000;
/** An alarm that is so late counts as lost. Another one is set at the next question. */
const LOST_ALARM_MS = 10_000;

/** Several regions may live in one isolate, which has memory for one such store. */
const records = newRecordsOfRegions();

/**
 * A region: it follows the change feed and keeps records for the isolates around it. All that it knows is in memory, and
 * it may be gone at any time, or be there twice: nothing rests on it. It has no address: only Workers of the account whose
 * configuration binds it can call it.
 */
export class Region extends DurableObject<Env> {
  readonly #isolate = newRegion(records);
  #askedAt = Number.NEGATIVE_INFINITY;
  /** When the next alarm is due (unix milliseconds). */
  #alarmAt = Number.NEGATIVE_INFINITY;

  /**
   * Answers an isolate.
   * @returns null when this region has never heard the feed, and to a question that it cannot read
   */
  async ask(given: RegionQuestion): Promise<RegionAnswer | null> {
    const question = parseRegionQuestion(given);
    if (question === null) return null;
    const services = this.#services();
    const now = services.now();
    this.#askedAt = now;
    // A clock that was set back must not keep the alarm away.
    const isDueSoon = this.#alarmAt <= now + services.settings.pollIntervalMs;
    if (!(isDueSoon && now < this.#alarmAt + LOST_ALARM_MS)) this.#setAlarm(services);
    return answerIsolate(services, question);
  }

  override async alarm(): Promise<void> {
    const services = this.#services();
    this.#alarmAt = Number.NEGATIVE_INFINITY;
    const sinceAsked = services.now() - this.#askedAt;
    if (!(sinceAsked >= 0 && sinceAsked < IN_USE_MS)) return;
    this.#setAlarm(services);
    await followAsRegion(services);
  }

  #services(): Verification {
    const services = compose(this.env, this.ctx, this.#isolate);
    return asRegion(services, services.settings.regionPollMs);
  }

  #setAlarm({ now, settings }: Verification): void {
    this.#alarmAt = now() + settings.pollIntervalMs;
    // Unconfirmed: an answer must not wait until the alarm is on disk in several places.
    this.ctx.storage
      .setAlarm(this.#alarmAt, { allowUnconfirmed: true })
      .catch((error: unknown) => logFailure('the alarm of a region could not be set', error));
  }
}
