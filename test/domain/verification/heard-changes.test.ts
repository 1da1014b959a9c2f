import { describe, expect, test } from 'vitest';
import { type FeedQuestion, findFloor, HeardChanges } from '../../../src/domain/verification/heard-changes.ts';
import type { FeedAnswer } from '../../../src/storage/change-feed.ts';
import type { VerificationRecord } from '../../../src/storage/verification-record.ts';

/*
 * The rule by which a record may be used or not, by itself: no storage, every moment given.
 */

const NOW = 1_000_000;
const BOUND = 30_000;
const KEY = 7;
const USER = 'a'.repeat(24);

function recordAt(seq: number, epoch = 'first'): VerificationRecord {
  return {
    epoch,
    seq,
    keyId: KEY,
    orgId: 1,
    userId: USER,
    userType: 'user',
    userRole: 'ORG_ADMIN',
    userDisabled: false,
    label: 'a key',
    createdAt: 0,
    revoked: false,
    paused: false,
    secretCreatedAt: 1_795_582_729_206,
    retiresAt: null,
    expirationDate: null,
    ipWhitelist: [],
    hasRestrictedPermissions: false,
    permissions: [],
  };
}

const ofKey = (seq: number, apiKeyId = KEY) => ({ seq, apiKeyId, userId: null });
const ofUser = (seq: number, userId = USER) => ({ seq, apiKeyId: null, userId });

function answerOf(fields: Partial<FeedAnswer> = {}): FeedAnswer {
  return { epoch: 'first', head: 0, lowest: null, changes: [], cut: false, ...fields };
}

/** What has heard the feed once, at NOW: all of it, up to `head`. */
function hearing(head = 100, changes: FeedAnswer['changes'] = []): HeardChanges {
  const heard = new HeardChanges();
  heard.hear(heard.ask(NOW), answerOf({ head, lowest: 1, changes }), '0001');
  return heard;
}

function isUsable(heard: HeardChanges, seq: number, { now = NOW, epoch = 'first' } = {}): boolean {
  return heard.isUsable(recordAt(seq, epoch), now, BOUND);
}

/** The oldest record that may be used. */
function oldestUsable(heard: HeardChanges): number {
  const now = heard.lastHeardAt;
  for (let seq = 0; seq <= 1000; seq++) if (isUsable(heard, seq, { now })) return seq;
  throw new Error('No record may be used');
}

describe('the age of what was heard', () => {
  test.each([
    ['at that moment', 0, true],
    ['just within the bound', BOUND - 1, true],
    // An answer says that from this moment on a change holds everywhere.
    ['just as old as the bound', BOUND, false],
    ['just past it', BOUND + 1, false],
    ['long past it', 100 * BOUND, false],
    ['by a clock that went back a little', -1, false],
    ['by a clock that went back a lot', -NOW, false],
  ])('%s', (_, age, usable) => {
    const heard = hearing();
    expect(isUsable(heard, 100, { now: NOW + age })).toBe(usable);
    expect(heard.isRecent(NOW + age, BOUND)).toBe(usable);
    expect(heard.isAbsentStill(NOW, NOW + age, BOUND)).toBe(usable);
  });

  test('counts from the question, not from the answer', () => {
    const heard = new HeardChanges();
    const question = heard.ask(NOW);
    heard.hear(question, answerOf({ head: 5 }), null);
    expect(heard.lastHeardAt).toBe(NOW);
    expect(isUsable(heard, 5, { now: NOW + BOUND + 1 })).toBe(false);
  });

  test('a longer one may be allowed', () => {
    const heard = hearing();
    expect(heard.isUsable(recordAt(100), NOW + 299_999, 300_000)).toBe(true);
    expect(heard.isUsable(recordAt(100), NOW + 300_000, 300_000)).toBe(false);
  });

  test('nothing may be used before anything was heard, however long is allowed', () => {
    const heard = new HeardChanges();
    expect(heard.isUsable(recordAt(0), NOW, Number.MAX_SAFE_INTEGER)).toBe(false);
    expect(heard.isAbsentStill(heard.lastHeardAt, NOW, Number.MAX_SAFE_INTEGER)).toBe(false);
    expect(heard.lookupBookmark).toBeNull();
  });
});

describe('a clock that is set back', () => {
  const SECOND = 1_000;

  test('makes what was heard count as unheard, until it is heard again', () => {
    const heard = hearing();
    expect(heard.noticeClock(NOW + 20 * SECOND)).toBe(false);
    expect(heard.noticeClock(NOW + 5 * SECOND)).toBe(true);
    expect(isUsable(heard, 100, { now: NOW + 5 * SECOND })).toBe(false);
    heard.hear(heard.ask(NOW + 5 * SECOND), answerOf({ head: 100, lowest: 1 }), null);
    expect(isUsable(heard, 100, { now: NOW + 5 * SECOND })).toBe(true);
    expect(heard.lastHeardAt).toBe(NOW + 5 * SECOND);
  });

  test('takes the moment from a question that was under way, and leaves it what was answered', () => {
    const heard = hearing();
    const question = heard.ask(NOW + SECOND);
    heard.noticeClock(NOW + SECOND);
    heard.noticeClock(NOW - 30 * SECOND);
    heard.hear(question, answerOf({ head: 101, lowest: 1, changes: [ofKey(101)] }), null);
    expect(heard.isRecent(NOW + SECOND, BOUND)).toBe(false);
    heard.hear(heard.ask(NOW - 30 * SECOND), answerOf({ head: 101, lowest: 1 }), null);
    expect(isUsable(heard, 100, { now: NOW - 30 * SECOND })).toBe(false);
    expect(isUsable(heard, 101, { now: NOW - 30 * SECOND })).toBe(true);
  });

  test('is told from one that a request reads a little late', () => {
    const heard = hearing();
    expect(heard.noticeClock(NOW + 5 * SECOND)).toBe(false);
    expect(heard.noticeClock(NOW + 4 * SECOND)).toBe(false);
    expect(heard.noticeClock(NOW + 4 * SECOND - 1)).toBe(true);
    expect(heard.clockSteps).toBe(1);
  });
});

describe('a change', () => {
  test.each([
    ['of the key, after the record', ofKey(60), 59, false],
    ['of the key, which the record has', ofKey(60), 60, true],
    ['of the key, before the record', ofKey(60), 61, true],
    ['of its user, after the record', ofUser(60), 59, false],
    ['of its user, which the record has', ofUser(60), 60, true],
    ['of another key', ofKey(60, 8), 59, true],
    ['of another user', ofUser(60, 'b'.repeat(24)), 59, true],
    ['of both at once', { seq: 60, apiKeyId: KEY, userId: USER }, 59, false],
  ])('%s', (_, change, seq, usable) => {
    expect(isUsable(hearing(100, [change]), seq)).toBe(usable);
  });

  test('heard later than an older one of the same key counts, in whatever order they are told', () => {
    expect(oldestUsable(hearing(100, [ofKey(60), ofKey(40)]))).toBe(60);
    expect(oldestUsable(hearing(100, [ofUser(60), ofKey(40)]))).toBe(60);
    expect(oldestUsable(hearing(100, [ofKey(60), ofUser(40)]))).toBe(60);
  });
});

describe('the floor that an answer gives', () => {
  const other = (seq: number) => ofKey(seq, 1000 + seq);

  test.each<[string, number, Partial<FeedAnswer>, number]>([
    ['whole, from the beginning', 0, { head: 3, lowest: 1, changes: [other(3), other(2), other(1)] }, 0],
    ['whole, with nothing new', 100, { head: 100, lowest: 1 }, 0],
    ['whole, with something new', 100, { head: 102, lowest: 1, changes: [other(102), other(101)] }, 0],
    ['cut', 0, { head: 100, lowest: 1, changes: [other(100), other(99)], cut: true }, 98],
    ['cut just above what was known', 98, { head: 100, lowest: 1, changes: [other(100), other(99)], cut: true }, 98],
    ['cut, of a pruned feed', 0, { head: 100, lowest: 40, changes: [other(100), other(99)], cut: true }, 98],
    ['pruned up to what was known', 39, { head: 41, lowest: 40, changes: [other(41), other(40)] }, 0],
    ['pruned past what was known', 38, { head: 41, lowest: 40, changes: [other(41), other(40)] }, 39],
    ['pruned, never asked before', 0, { head: 41, lowest: 40, changes: [other(41), other(40)] }, 39],
    ['all pruned, with nothing new', 100, { head: 100, lowest: null }, 0],
    ['all pruned, something new among it', 99, { head: 100, lowest: null }, 100],
    ['all pruned, never asked before', 0, { head: 100, lowest: null }, 100],
    ['of a feed in which nothing ever happened', 0, { head: 0, lowest: null }, 0],
    ['with a number that was never given', 10, { head: 13, lowest: 1, changes: [other(13), other(11)] }, 0],
  ])('%s', (_, after, answer, floor) => {
    expect(findFloor(after, answerOf(answer))).toBe(floor);
  });

  test('keeps out the records below it, and no others', () => {
    const heard = new HeardChanges();
    heard.hear(heard.ask(NOW), answerOf({ head: 100, lowest: 1, changes: [other(100), other(99)], cut: true }), null);
    expect(oldestUsable(heard)).toBe(98);
  });

  test('never falls again', () => {
    const heard = new HeardChanges();
    heard.hear(heard.ask(NOW), answerOf({ head: 100, lowest: null }), null);
    heard.hear(heard.ask(NOW), answerOf({ head: 101, lowest: 101, changes: [other(101)] }), null);
    expect(oldestUsable(heard)).toBe(100);
  });

  test('rises where an idle time was longer than the feed is kept', () => {
    const heard = hearing(10);
    heard.hear(heard.ask(NOW), answerOf({ head: 90, lowest: 90, changes: [other(90)] }), null);
    expect(oldestUsable(heard)).toBe(89);
  });
});

describe('ids that are forgotten', () => {
  test('are the oldest, and all records as old are distrusted', () => {
    const heard = new HeardChanges(2);
    heard.hear(
      heard.ask(NOW),
      answerOf({ head: 30, lowest: 1, changes: [ofKey(30, 3), ofKey(20, 2), ofKey(10)] }),
      null,
    );
    expect([9, 10].map((seq) => isUsable(heard, seq))).toEqual([false, true]);
  });

  test('are those that changed longest ago, not those that were heard of first', () => {
    const heard = new HeardChanges(2);
    const changes = [ofKey(30), ofKey(20, 2), ofKey(10)];
    heard.hear(heard.ask(NOW), answerOf({ head: 30, lowest: 1, changes }), null);
    heard.hear(heard.ask(NOW), answerOf({ head: 40, lowest: 1, changes: [ofKey(40, 4)] }), null);
    expect(heard.isUsable({ ...recordAt(19), keyId: 2 }, NOW, BOUND)).toBe(false);
    expect(heard.isUsable({ ...recordAt(20), keyId: 9 }, NOW, BOUND)).toBe(true);
    expect(oldestUsable(heard)).toBe(30);
  });

  test('are forgotten at once, also where this isolate made the changes itself', () => {
    const heard = new HeardChanges(2);
    heard.hear(heard.ask(NOW), answerOf({ head: 1, lowest: 1, changes: [] }), null);
    for (const seq of [10, 20, 30]) heard.note({ epoch: 'first', seq, id: seq === 10 ? KEY : seq });
    expect(oldestUsable(heard)).toBe(10);
  });
});

describe('answers that overtake each other', () => {
  test('leave what both of them said', () => {
    const heard = hearing(10);
    const early = heard.ask(NOW + 1);
    const late = heard.ask(NOW + 2);
    heard.hear(late, answerOf({ head: 30, lowest: 1, changes: [ofKey(30), ofUser(20)] }), '0003');
    heard.hear(early, answerOf({ head: 20, lowest: 1, changes: [ofUser(20)] }), '0002');
    expect(oldestUsable(heard)).toBe(30);
    expect(heard.lastHeardAt).toBe(NOW + 2);
    expect(heard.lookupBookmark).toBe('0003');
    expect(heard.ask(NOW).after).toBe(30);
  });

  test('an early one that comes late makes nothing older', () => {
    const heard = hearing(10);
    const early = heard.ask(NOW + 1);
    heard.hear(heard.ask(NOW + 2), answerOf({ head: 30, lowest: 30, changes: [ofKey(30)] }), '0003');
    heard.hear(early, answerOf({ head: 10, lowest: 1 }), '0001');
    expect(oldestUsable(heard)).toBe(30);
    expect([29, 30].map((seq) => heard.isUsable({ ...recordAt(seq), keyId: 8 }, NOW + 1 + BOUND, BOUND))).toEqual([
      true,
      true,
    ]);
    expect(heard.isUsable({ ...recordAt(28), keyId: 8 }, NOW + 2, BOUND)).toBe(false);
  });

  test('an answer without a bookmark takes none away', () => {
    const heard = hearing();
    heard.hear(heard.ask(NOW), answerOf({ head: 100, lowest: 1 }), null);
    expect(heard.lookupBookmark).toBe('0001');
  });
});

describe('a database that went back in its history', () => {
  test.each<[string, Partial<FeedAnswer>]>([
    ['has a new epoch', { epoch: 'second', head: 200, lowest: 1 }],
    ['has a new epoch and a lower head', { epoch: 'second', head: 50, lowest: 1 }],
    ['has a head that fell', { head: 50, lowest: 1 }],
  ])('when it %s: records of before are of no use', (_, fields) => {
    const heard = hearing(100, [ofKey(60)]);
    const { epoch, head } = answerOf(fields);
    expect(heard.hear(heard.ask(NOW + 1), answerOf(fields), '0000')).toBe('restored');
    const now = NOW + 1;
    expect(isUsable(heard, head - 1, { now, epoch })).toBe(false);
    expect(isUsable(heard, head, { now, epoch })).toBe(true);
    if (epoch !== 'first') expect(isUsable(heard, 100, { now })).toBe(false);
    expect(heard.lookupBookmark).toBe('0000');
    expect(heard.ask(now).after).toBe(head);
  });

  test('what was asked before and is answered after counts for nothing', () => {
    const heard = hearing(100);
    const early = heard.ask(NOW + 1);
    heard.hear(heard.ask(NOW + 2), answerOf({ epoch: 'second', head: 50, lowest: 1 }), '0000');
    const outdated = answerOf({ head: 900, lowest: 1, changes: [ofKey(900)] });
    expect(heard.hear(early, outdated, '9999')).toBe('outdated');
    expect(isUsable(heard, 50, { now: NOW + 2, epoch: 'second' })).toBe(true);
    expect(isUsable(heard, 900, { now: NOW + 2 })).toBe(false);
    expect(heard.lookupBookmark).toBe('0000');
    expect(heard.ask(NOW).after).toBe(50);
  });

  test('what was asked before and answered by the new history counts for nothing either', () => {
    const heard = hearing(100);
    const early = heard.ask(NOW + 5);
    heard.hear(heard.ask(NOW + 2), answerOf({ epoch: 'second', head: 50, lowest: 1 }), null);
    // It was asked from 100 on, so it would not tell of the change 60.
    const answer = answerOf({ epoch: 'second', head: 101, lowest: 1, changes: [ofKey(101, 8)] });
    expect(heard.hear(early, answer, null)).toBe('outdated');
    expect(heard.lastHeardAt).toBe(NOW + 2);
    expect(heard.ask(NOW).after).toBe(50);
  });

  test('the same head and epoch are no restoration', () => {
    const heard = hearing(100);
    expect(heard.hear(heard.ask(NOW), answerOf({ head: 100, lowest: 1 }), null)).toBe('heard');
    expect(oldestUsable(heard)).toBe(0);
  });

  test('a slow answer with a lower head than was heard since is no restoration', () => {
    const heard = hearing(10);
    const early = heard.ask(NOW);
    heard.hear(heard.ask(NOW), answerOf({ head: 30, lowest: 1 }), null);
    expect(heard.hear(early, answerOf({ head: 20, lowest: 1 }), null)).toBe('heard');
  });

  test('going back twice leaves only what the last one said', () => {
    const heard = hearing(100);
    heard.hear(heard.ask(NOW), answerOf({ epoch: 'second', head: 90, lowest: 1 }), null);
    expect(heard.hear(heard.ask(NOW), answerOf({ epoch: 'third', head: 80, lowest: 1 }), null)).toBe('restored');
    expect(isUsable(heard, 90, { epoch: 'second' })).toBe(false);
    expect(isUsable(heard, 80, { epoch: 'third' })).toBe(true);
  });
});

describe('a change that this isolate made itself', () => {
  test('counts before the feed tells of it', () => {
    const heard = hearing(100);
    heard.note({ epoch: 'first', seq: 101, id: KEY });
    expect(oldestUsable(heard)).toBe(101);
  });

  test.each([
    ['of a key', KEY],
    ['of a user', USER],
  ])('%s counts when it came before the first answer', (_, id) => {
    const heard = new HeardChanges();
    heard.note({ epoch: 'first', seq: 101, id });
    expect(isUsable(heard, 101)).toBe(false);
    // Asked before the change, answered after it.
    heard.hear({ ...heard.ask(NOW), after: 0 }, answerOf({ head: 100, lowest: 1 }), null);
    expect(oldestUsable(heard)).toBe(101);
  });

  test('does not stand for the changes that others made before it', () => {
    const heard = hearing(100);
    heard.note({ epoch: 'first', seq: 105, id: 8 });
    expect(heard.ask(NOW).after).toBe(100);
    heard.hear(heard.ask(NOW), answerOf({ head: 105, lowest: 1, changes: [ofKey(105, 8), ofKey(103)] }), null);
    expect(oldestUsable(heard)).toBe(103);
  });

  test('does not make what was heard any younger', () => {
    const heard = hearing(100);
    heard.note({ epoch: 'first', seq: 101, id: 8 });
    expect(isUsable(heard, 101, { now: NOW + BOUND + 1 })).toBe(false);
  });

  test('makes nothing older when it is taken in after the feed told of a later one', () => {
    const heard = hearing(110, [ofKey(110)]);
    heard.note({ epoch: 'first', seq: 101, id: KEY });
    expect(oldestUsable(heard)).toBe(110);
  });

  test('in another history than the one that is followed: nothing is believed until the feed was asked again', () => {
    const heard = hearing(100);
    const question: FeedQuestion = heard.ask(NOW);
    heard.note({ epoch: 'second', seq: 51, id: KEY });
    expect([isUsable(heard, 100), isUsable(heard, 51, { epoch: 'second' })]).toEqual([false, false]);
    expect(heard.hear(question, answerOf({ head: 100, lowest: 1 }), null)).toBe('outdated');
    expect(heard.lastHeardAt).toBe(Number.NEGATIVE_INFINITY);
    expect(heard.ask(NOW).after).toBe(0);
    heard.hear(heard.ask(NOW), answerOf({ epoch: 'second', head: 51, lowest: 1, changes: [ofKey(51)] }), null);
    expect(isUsable(heard, 50, { epoch: 'second' })).toBe(false);
    expect(isUsable(heard, 51, { epoch: 'second' })).toBe(true);
  });
});

describe('what a region tells of the feed', () => {
  /** What is told of `region` to one that has heard of the changes up to `after`. */
  function told(region: HeardChanges, { after = 0, most = 500, now = NOW } = {}) {
    const answer = region.tell(after, most, now);
    if (answer === null) throw new Error('Nothing is told');
    return answer;
  }

  test('is nothing before it has heard the feed, and by a clock that was set back', () => {
    expect(new HeardChanges().tell(0, 500, NOW)).toBeNull();
    expect(hearing().tell(0, 500, NOW - 1)).toBeNull();
  });

  test('has the age of its last answer, and the last change of each key and user, newest first', () => {
    const region = hearing(100, [ofKey(90), ofUser(80), ofKey(70), ofKey(60, 8)]);
    expect(told(region, { now: NOW + 1_500 })).toEqual({
      epoch: 'first',
      head: 100,
      floor: 0,
      bookmark: '0001',
      age: 1_500,
      changes: [
        [KEY, 90],
        [USER, 80],
        [8, 60],
      ],
    });
    expect(told(region, { after: 80 }).changes).toEqual([[KEY, 90]]);
    expect(told(region, { after: 100 }).changes).toEqual([]);
  });

  test('has a floor just under the oldest change that is told, when others are left out', () => {
    const region = hearing(100, [ofKey(90), ofKey(80, 8), ofKey(70, 9)]);
    expect(told(region, { most: 2 })).toMatchObject({
      floor: 79,
      changes: [
        [KEY, 90],
        [8, 80],
      ],
    });
    expect(told(region, { most: 3 }).floor).toBe(0);
    region.hear(region.ask(NOW), answerOf({ head: 200, lowest: 151 }), null);
    expect(told(region, { most: 3 }).floor).toBe(150);
  });

  test('has what was heard since it was asked last, and nothing of a history that is gone', () => {
    const region = hearing(100, [ofKey(90)]);
    expect(told(region).changes).toEqual([[KEY, 90]]);
    region.hear(region.ask(NOW), answerOf({ head: 110, lowest: 1, changes: [ofKey(105, 8)] }), null);
    expect(told(region).changes).toEqual([
      [8, 105],
      [KEY, 90],
    ]);
    region.hear(region.ask(NOW), answerOf({ epoch: 'second', head: 20, lowest: 1 }), null);
    expect(told(region)).toMatchObject({ epoch: 'second', changes: [] });
  });

  test('makes an isolate know as much, as of the age', () => {
    const region = hearing(100, [ofKey(90)]);
    const isolate = new HeardChanges();
    expect(isolate.hearRegion(isolate.ask(NOW + 5_000), told(region, { now: NOW + 3_000 }))).toBe(true);
    expect(isolate.lastHeardAt).toBe(NOW + 2_000);
    expect(isolate.lookupBookmark).toBe('0001');
    expect(isolate.ask(NOW).after).toBe(100);
    expect(isUsable(isolate, 89, { now: NOW + 2_000 })).toBe(false);
    expect(isUsable(isolate, 90, { now: NOW + 2_000 })).toBe(true);
    expect(isUsable(isolate, 90, { now: NOW + 2_000 + BOUND })).toBe(false);
  });

  test('raises the floor of an isolate only past what it has heard itself', () => {
    const region = hearing(100);
    region.hear(region.ask(NOW), answerOf({ head: 200, lowest: 151 }), null);
    const cold = new HeardChanges();
    cold.hearRegion(cold.ask(NOW), told(region));
    expect(oldestUsable(cold)).toBe(150);
    const isolate = hearing(180);
    isolate.hearRegion(isolate.ask(NOW), told(region, { after: 180 }));
    expect(oldestUsable(isolate)).toBe(0);
  });

  test('is not merged when the region is behind, in another epoch, or the history has changed meanwhile', () => {
    for (const region of [
      hearing(99),
      Object.assign(new HeardChanges(), { epoch: 'other', head: 500, heardAt: NOW }),
    ]) {
      const isolate = hearing(100, [ofKey(100)]);
      expect(isolate.hearRegion(isolate.ask(NOW + 1), told(region))).toBe(false);
      expect(isolate).toMatchObject({ lastHeardAt: NOW, followedEpoch: 'first' });
      expect(isUsable(isolate, 99)).toBe(false);
    }
    const restored = hearing(100);
    const question = restored.ask(NOW);
    // The same epoch, with a head that falls: the database was restored, and nobody has set a new epoch yet.
    expect(restored.hear(restored.ask(NOW), answerOf({ head: 5 }), null)).toBe('restored');
    expect(restored.hearRegion(question, told(hearing(100)))).toBe(false);
    expect(restored.ask(NOW).after).toBe(5);
  });

  test('makes nothing younger than it was, nor by a clock that was set back', () => {
    const isolate = hearing(100);
    isolate.hearRegion(isolate.ask(NOW), told(hearing(100), { now: NOW + 9_000 }));
    expect(isolate.lastHeardAt).toBe(NOW);
    isolate.noticeClock(NOW);
    const question = isolate.ask(NOW);
    isolate.noticeClock(NOW - 60_000);
    isolate.hearRegion(question, told(hearing(100)));
    expect(isolate.lastHeardAt).toBe(Number.NEGATIVE_INFINITY);
  });

  test('shows a region that whoever asks has heard more', () => {
    const region = hearing(100);
    expect(region.isBehind({ epoch: null, after: 0 })).toBe(false);
    expect(region.isBehind({ epoch: 'first', after: 100 })).toBe(false);
    expect(region.isBehind({ epoch: 'first', after: 101 })).toBe(true);
    expect(region.isBehind({ epoch: 'other', after: 1 })).toBe(true);
  });
});
