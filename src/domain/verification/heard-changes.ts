import type { FeedAnswer } from '../../storage/change-feed.ts';
import type { VerificationRecord } from '../../storage/verification-record.ts';
import type { ToldFeed } from './region-answer.ts';

/*
 * What one isolate has heard of the change feed, and the rule that tells whether a record may still be used. The bound
 * on staleness rests on this rule alone, whatever the caches do. No I/O and no clock: every moment is an argument.
 */

/**
 * Ids remembered. Past it the oldest id is forgotten, and `floor` rises to its change: older records cannot be used.
 */
const MAX_IDS = 10_000;
/**
 * A reading lower than an earlier one by more than this means that the clock was set back. A correct clock shows
 * smaller steps back: the platform holds a request's clock at that request's next timer that is due, while another
 * request has already read a later time.
 */
const CLOCK_TOLERANCE_MS = 1_000;

/** The state of an isolate when it polls the feed. The answer is merged by it, however late it comes. */
export interface FeedQuestion {
  /** The clock before sending, in unix milliseconds. */
  sentAt: number;
  /** The poll asks for the changes after this sequence number. */
  after: number;
  /** Counts the histories that this isolate has followed; a database restore begins a new one. */
  generation: number;
  /** `clockSteps` at the time of sending. When it has risen since, `sentAt` means nothing. */
  clockSteps: number;
}

/** What one isolate has heard of the change feed. */
export class HeardChanges {
  protected epoch: string | null = null;
  /** Every change after this sequence number is in `changed`. Of the changes up to it, some may be missing. */
  protected floor = 0;
  /** The highest sequence number that the feed is known to have reached. */
  protected head = 0;
  protected heardAt = Number.NEGATIVE_INFINITY;
  protected bookmark: string | null = null;
  /** The highest sequence number of a change that this isolate made itself. */
  protected ownSeq = 0;
  /** The last change of each key (by its number) and of each user (by its id). */
  protected readonly changed = new Map<number | string, number>();
  protected generation = 0;
  protected latestReading = Number.NEGATIVE_INFINITY;
  #clockSteps = 0;
  /** The newest of `changed`, newest first, as many as were told last; null: others have changed since. */
  #newest: { most: number; changes: ToldFeed['changes'] } | null = null;

  protected readonly mostIds: number;

  constructor(mostIds: number = MAX_IDS) {
    this.mostIds = mostIds;
  }

  /**
   * Whether a record may be used at `now`. The record must be of the epoch that is followed. It must have been read no
   * earlier than `floor`, and no earlier than the last known change of its key and of its user. The feed must have been
   * heard less than `mostAge` (milliseconds) ago.
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

  /** Whether the feed was last heard less than `mostAge` (milliseconds) ago. False when the clock went backwards. */
  isRecent(now: number, mostAge: number): boolean {
    return isWithin(this.heardAt, now, mostAge);
  }

  /** Whether an absence still holds: the feed had last been heard at `asOf` when the key was not found. */
  isAbsentStill(asOf: number, now: number, mostAge: number): boolean {
    return isWithin(asOf, now, mostAge);
  }

  /**
   * Takes in a reading of the clock; to be called before anything is decided by that reading. A clock that was set back
   * while nobody read it goes unnoticed.
   * @returns whether the clock was set back. Earlier moments then mean nothing, and the feed counts as unheard
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

  /** How often the clock was set back. Moments with different counts cannot be compared. */
  get clockSteps(): number {
    return this.#clockSteps;
  }

  /** When the feed was last heard: the moment when the answered poll was sent (unix milliseconds). -Infinity: never. */
  get lastHeardAt(): number {
    return this.heardAt;
  }

  /**
   * The highest sequence number at which a usable record is still true. Every later change than the record's own is
   * known, and none concerns its key or its user.
   */
  vouchedSeq(record: VerificationRecord): number {
    return Math.max(record.seq, this.head);
  }

  /** The D1 bookmark that a replica must have reached to answer this isolate; null before the first answer. */
  get lookupBookmark(): string | null {
    return this.bookmark;
  }

  /** The epoch that is followed; null before the first answer. */
  get followedEpoch(): string | null {
    return this.epoch;
  }

  /** Whether whoever asks has heard of more than this: of later changes, or of another history. */
  isBehind({ epoch, after }: { epoch: string | null; after: number }): boolean {
    return epoch !== null && (epoch !== this.epoch || after > this.head);
  }

  /** Whether whoever has heard of the changes up to `head` lacks one that this isolate made itself. */
  isBehindOwnChanges(head: number): boolean {
    return head < this.ownSeq;
  }

  /**
   * What an isolate is told that has heard of the changes up to `after`: the last change of each key and user after that,
   * at most `most` of them. Where more are left out, the floor rises.
   * @param now unix milliseconds
   * @returns null before the first answer of the feed, and while its age is not known
   */
  tell(after: number, most: number, now: number): ToldFeed | null {
    const age = now - this.heardAt;
    if (this.epoch === null || !Number.isFinite(age) || age < 0) return null;
    // One more than is told, to see whether any are left out.
    const later = after >= this.head ? [] : this.#newestChanges(most + 1).filter(([, seq]) => seq > after);
    const changes = later.slice(0, most);
    const oldest = changes.at(-1)?.[1];
    const cutAt = changes.length < later.length && oldest !== undefined ? oldest - 1 : 0;
    const { epoch, head, bookmark } = this;
    return { epoch, head, bookmark, age, changes, floor: Math.max(this.floor, cutAt) };
  }

  /** Sorted once for many questions: with all ids of a region, sorting takes milliseconds. */
  #newestChanges(most: number): ToldFeed['changes'] {
    if (this.#newest?.most !== most) {
      const changes = [...this.changed].sort(([, one], [, other]) => other - one).slice(0, most);
      this.#newest = { most, changes };
    }
    return this.#newest.changes;
  }

  /** The poll to send at `now` (unix milliseconds). */
  ask(now: number): FeedQuestion {
    return { sentAt: now, after: this.head, generation: this.generation, clockSteps: this.#clockSteps };
  }

  /**
   * Merges an answer. Answers may arrive out of order, so every number is merged by maximum.
   * @returns `restored` when the database was restored to an earlier state: the caller must drop every cached record
   */
  hear(question: FeedQuestion, answer: FeedAnswer, bookmark: string | null): 'heard' | 'restored' | 'outdated' {
    // This poll was sent before the isolate learnt of a restore: its answer may belong to the history that is gone.
    if (question.generation !== this.generation) return 'outdated';
    const isFirst = this.epoch === null;
    const restored = !isFirst && (answer.epoch !== this.epoch || answer.head < question.after);
    if (restored) this.forgetHistory();
    this.epoch = answer.epoch;
    // After a restore: the poll asked from the old history's position, so the answer may lack changes up to its own
    // head.
    this.raiseFloor(restored ? answer.head : findFloor(question.after, answer));
    for (const { seq, apiKeyId, userId } of answer.changes.toReversed()) {
      if (apiKeyId !== null) this.remember(apiKeyId, seq);
      if (userId !== null) this.remember(userId, seq);
    }
    this.#advance(answer.head, bookmark);
    this.#setHeard(question, question.sentAt);
    return restored ? 'restored' : 'heard';
  }

  /**
   * Merges what a region has told. Only the primary can show that the database was restored: a region that is behind
   * this isolate, or in another epoch, may just have heard less. It then vouches for nothing.
   * @returns whether it was merged
   */
  hearRegion(question: FeedQuestion, told: ToldFeed): boolean {
    if (question.generation !== this.generation) return false;
    if ((this.epoch !== null && told.epoch !== this.epoch) || told.head < question.after) return false;
    this.epoch = told.epoch;
    // Below a floor that lies before the number asked from, this isolate knows more than its region.
    this.raiseFloor(told.floor > question.after ? told.floor : 0);
    for (const [id, seq] of told.changes.toReversed()) this.remember(id, seq);
    this.#advance(told.head, told.bookmark);
    // The region has heard the feed no later than this by the isolate's clock: the way of the question is left out.
    this.#setHeard(question, question.sentAt - told.age);
    return true;
  }

  #advance(head: number, bookmark: string | null): void {
    this.head = Math.max(this.head, head);
    // Bookmarks sort as text, from the oldest to the newest.
    if (bookmark !== null && (this.bookmark === null || bookmark > this.bookmark)) this.bookmark = bookmark;
  }

  /** Moments from before the clock was set back mean nothing. */
  #setHeard(question: FeedQuestion, moment: number): void {
    if (question.clockSteps === this.#clockSteps) this.heardAt = Math.max(this.heardAt, moment);
  }

  /** Takes in a change that this isolate made itself, before the feed reports it. */
  note(change: { epoch: string; seq: number; id: number | string }): void {
    // A new epoch means that the database was restored. The next poll reads the new history from its beginning.
    if (this.epoch !== null && change.epoch !== this.epoch) this.forgetHistory();
    else {
      this.remember(change.id, change.seq);
      this.ownSeq = Math.max(this.ownSeq, change.seq);
    }
  }

  protected remember(id: number | string, seq: number): void {
    const latest = Math.max(this.changed.get(id) ?? 0, seq);
    // Deleted and set again, to keep the map in the order of the changes.
    this.changed.delete(id);
    this.changed.set(id, latest);
    this.#newest = null;
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
    this.ownSeq = 0;
    this.heardAt = Number.NEGATIVE_INFINITY;
    this.bookmark = null;
    this.changed.clear();
    this.#newest = null;
  }
}

/**
 * The sequence number after which every change is known: it is in the answer, or was known before. A truncated answer
 * is complete from its oldest change on. When the feed was pruned past `after`, the answer is complete from the lowest
 * number that the feed still keeps, or after its head when the feed keeps none.
 */
export function findFloor(after: number, answer: FeedAnswer): number {
  const oldest = answer.changes.at(-1)?.seq;
  if (answer.cut && oldest !== undefined) return oldest - 1;
  if (answer.lowest === null) return answer.head > after ? answer.head : 0;
  return after < answer.lowest - 1 ? answer.lowest - 1 : 0;
}

function isWithin(moment: number, now: number, mostAge: number): boolean {
  return now - moment >= 0 && now - moment < mostAge;
}
