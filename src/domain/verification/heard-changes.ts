import type { FeedAnswer } from '../../storage/change-feed.ts';
import type { VerificationRecord } from '../../storage/verification-record.ts';

/*
 * What one isolate has heard of the change feed, and the rule by which it tells whether a record may still be used.
 * This is what the bound on staleness rests on, whatever the caches do: no I/O, no clock, every moment an argument.
 */

/** Ids remembered by name; past it the oldest are forgotten, and all records as old as their change are distrusted. */
const MOST_IDS = 10_000;
/**
 * A clock that reads lower than this below an earlier reading was set back. Less than that happens to a clock that is
 * right: within a request the platform holds it at the next timer that is due, and another request has seen it go on.
 */
const CLOCK_TOLERANCE_MS = 1_000;

/** What an isolate knows when it asks the feed: by it the answer is understood, however late it comes. */
export interface FeedQuestion {
  /** The clock before sending, in unix milliseconds. */
  sentAt: number;
  /** The answer is to hold the changes after this number. */
  after: number;
  /** Which of the histories that this isolate has lived through the question belongs to. */
  generation: number;
  /** How often the clock had been set back when it was sent: after that, `sentAt` says nothing. */
  clockSteps: number;
}

export class HeardChanges {
  protected epoch: string | null = null;
  /** Every change after this number is known by its id; of those up to it, some may not be. */
  protected floor = 0;
  protected head = 0;
  protected heardAt = Number.NEGATIVE_INFINITY;
  protected bookmark: string | null = null;
  /** The last change heard of each key (by its number) and each user (by its id). */
  protected readonly changed = new Map<number | string, number>();
  protected generation = 0;
  protected latestReading = Number.NEGATIVE_INFINITY;
  #clockSteps = 0;

  protected readonly mostIds: number;

  constructor(mostIds: number = MOST_IDS) {
    this.mostIds = mostIds;
  }

  /**
   * Whether a record may be used at `now`: it was read after the last change of its key and its user that could have
   * happened until the feed was last heard, and that is no longer ago than `mostAge` (milliseconds).
   */
  isUsable(record: VerificationRecord, now: number, mostAge: number): boolean {
    return (
      record.epoch === this.epoch &&
      this.isRecent(now, mostAge) &&
      record.seq >= this.floor &&
      (this.changed.get(record.keyId) ?? 0) <= record.seq &&
      (this.changed.get(record.userId) ?? 0) <= record.seq
    );
  }

  /** Whether the feed was heard no longer than `mostAge` ago. A clock that went backwards is no proof of anything. */
  isRecent(now: number, mostAge: number): boolean {
    return isWithin(this.heardAt, now, mostAge);
  }

  /** Whether a key that was looked for when the feed had last been heard at `asOf` can still be said not to exist. */
  isAbsentStill(asOf: number, now: number, mostAge: number): boolean {
    return isWithin(asOf, now, mostAge);
  }

  /**
   * Takes in a reading of the clock, which has to come before what is decided by it. A clock that was set back while
   * nobody read it cannot be told from one that was not.
   * @returns whether it was set back: then no moment from before it means anything, and the feed counts as unheard
   */
  noticeClock(now: number): boolean {
    const wasSetBack = now < this.latestReading - CLOCK_TOLERANCE_MS;
    if (wasSetBack) {
      this.#clockSteps += 1;
      this.heardAt = Number.NEGATIVE_INFINITY;
    }
    if (wasSetBack || now > this.latestReading) this.latestReading = now;
    return wasSetBack;
  }

  /** How often the clock was set back: moments from between two of these cannot be compared. */
  get clockSteps(): number {
    return this.#clockSteps;
  }

  /** When the feed was last heard (unix milliseconds), by the clock before asking; -Infinity: never. */
  get lastHeardAt(): number {
    return this.heardAt;
  }

  /**
   * Up to which place in the feed a record is true that may be used: every change after its own place is known by its
   * id, and none of them is of its key or its user.
   */
  vouchedSeq(record: VerificationRecord): number {
    return Math.max(record.seq, this.head);
  }

  /** What a database replica has to have caught up with to answer this isolate; null when nothing was heard yet. */
  get lookupBookmark(): string | null {
    return this.bookmark;
  }

  ask(now: number): FeedQuestion {
    return { sentAt: now, after: this.head, generation: this.generation, clockSteps: this.#clockSteps };
  }

  /**
   * Takes in an answer. Answers may overtake each other, so everything is merged by maximum.
   * @returns `restored` when the database went back in its history: whatever is held of it has to be dropped
   */
  hear(question: FeedQuestion, answer: FeedAnswer, bookmark: string | null): 'heard' | 'restored' | 'outdated' {
    // Asked before the database was restored, answered after: it speaks of a history that is gone.
    if (question.generation !== this.generation) return 'outdated';
    const isFirst = this.epoch === null;
    const restored = !isFirst && (answer.epoch !== this.epoch || answer.head < question.after);
    if (restored) this.forgetHistory();
    this.epoch = answer.epoch;
    // Of a new history the answer was not asked from the beginning, so it vouches for nothing before its own moment.
    this.raiseFloor(restored ? answer.head : findFloor(question.after, answer));
    for (const { seq, apiKeyId, userId } of answer.changes.toReversed()) {
      if (apiKeyId !== null) this.remember(apiKeyId, seq);
      if (userId !== null) this.remember(userId, seq);
    }
    this.head = Math.max(this.head, answer.head);
    if (question.clockSteps === this.#clockSteps) this.heardAt = Math.max(this.heardAt, question.sentAt);
    // Bookmarks sort as text, from the oldest to the newest.
    if (bookmark !== null && (this.bookmark === null || bookmark > this.bookmark)) this.bookmark = bookmark;
    return restored ? 'restored' : 'heard';
  }

  /** Takes in a change that this isolate made itself, before the feed tells of it. */
  note(change: { epoch: string; seq: number; id: number | string }): void {
    // Of another history than the one that is followed: the next answer brings that one, from its beginning.
    if (this.epoch !== null && change.epoch !== this.epoch) this.forgetHistory();
    else this.remember(change.id, change.seq);
  }

  protected remember(id: number | string, seq: number): void {
    const latest = Math.max(this.changed.get(id) ?? 0, seq);
    // Taken out and put in again, so that the map is in the order of the changes.
    this.changed.delete(id);
    this.changed.set(id, latest);
    if (this.changed.size > this.mostIds) this.forgetOldest();
  }

  protected forgetOldest(): void {
    const [oldest] = this.changed;
    if (oldest === undefined) return;
    const [id, seq] = oldest;
    this.changed.delete(id);
    this.raiseFloor(seq);
  }

  protected raiseFloor(floor: number): void {
    this.floor = Math.max(this.floor, floor);
  }

  protected forgetHistory(): void {
    this.generation += 1;
    this.epoch = null;
    this.floor = 0;
    this.head = 0;
    this.heardAt = Number.NEGATIVE_INFINITY;
    this.bookmark = null;
    this.changed.clear();
  }
}

/**
 * The number after which an answer vouches for everything: each change after it is in the answer or was known before.
 * An answer that was cut vouches from its oldest change on; one from a feed that was pruned past `after`, from the
 * lowest number that is still kept.
 */
export function findFloor(after: number, answer: FeedAnswer): number {
  const oldest = answer.changes.at(-1)?.seq;
  if (answer.cut && oldest !== undefined) return oldest - 1;
  if (answer.lowest === null) return answer.head > after ? answer.head : 0;
  return after < answer.lowest - 1 ? answer.lowest - 1 : 0;
}

function isWithin(moment: number, now: number, mostAge: number): boolean {
  return now - moment >= 0 && now - moment <= mostAge;
}
