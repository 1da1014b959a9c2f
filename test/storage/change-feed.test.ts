import { createExecutionContext, createScheduledController, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, test } from 'vitest';
import { pruneFeed, readFeed } from '../../src/storage/change-feed.ts';
import { openDatabase } from '../../src/storage/database.ts';
import worker from '../../src/worker.ts';
import { readRows } from '../support/stored.ts';

/*
 * The change feed on real D1: what an answer holds, and what pruning leaves.
 */

const db = openDatabase(env.DB);
const NO_LIMIT = 500;

/** Puts changes into an empty feed: of the keys 101, 102 and so on, made at these moments. */
async function changeAt(...moments: number[]): Promise<void> {
  for (const [index, at] of moments.entries()) {
    await env.DB.batch([
      env.DB.prepare('INSERT INTO key_changes (api_key_id, user_id, at) VALUES (?, NULL, ?)').bind(101 + index, at),
      env.DB.prepare('UPDATE feed_state SET head = last_insert_rowid()'),
    ]);
  }
}

async function seqsLeft(): Promise<unknown[]> {
  return (await readRows('SELECT seq FROM key_changes ORDER BY seq')).map(({ seq }) => seq);
}

beforeEach(async () => {
  await env.DB.batch([
    env.DB.prepare('DELETE FROM key_changes'),
    env.DB.prepare("DELETE FROM sqlite_sequence WHERE name = 'key_changes'"),
    env.DB.prepare("UPDATE feed_state SET head = 0, epoch = 'this one'"),
  ]);
});

describe('an answer', () => {
  test('of an empty feed', async () => {
    const answer = { epoch: 'this one', head: 0, lowest: null, changes: [], cut: false };
    expect(await readFeed(db, 0, NO_LIMIT)).toEqual(answer);
  });

  test('has the changes after the number, newest first, of keys and of users', async () => {
    await changeAt(1, 1, 1);
    await env.DB.prepare("UPDATE key_changes SET api_key_id = NULL, user_id = 'someone' WHERE seq = 3").run();
    expect(await readFeed(db, 1, NO_LIMIT)).toEqual({
      epoch: 'this one',
      head: 3,
      lowest: 1,
      changes: [
        { seq: 3, apiKeyId: null, userId: 'someone' },
        { seq: 2, apiKeyId: 102, userId: null },
      ],
      cut: false,
    });
  });

  test.each([
    ['all', 0, 4, [3, 2, 1], false],
    ['as many as asked for, which may be all', 0, 3, [3, 2, 1], true],
    ['the newest, when there are more', 0, 2, [3, 2], true],
    ['one', 0, 1, [3], true],
    ['those after the number, all of them', 2, 2, [3], false],
    ['none after the last', 3, 2, [], false],
    ['none after a number that was never given', 9, 2, [], false],
  ])('has %s', async (_, after, limit, seqs, cut) => {
    await changeAt(1, 1, 1);
    const answer = await readFeed(db, after, limit);
    expect(answer.changes.map(({ seq }) => seq)).toEqual(seqs);
    expect({ head: answer.head, lowest: answer.lowest, cut: answer.cut }).toEqual({ head: 3, lowest: 1, cut });
  });

  test('has the head and the lowest of a feed that was pruned', async () => {
    await changeAt(1, 1, 1);
    await env.DB.prepare('DELETE FROM key_changes WHERE seq < 3').run();
    expect(await readFeed(db, 3, NO_LIMIT)).toMatchObject({ head: 3, lowest: 3, changes: [] });
    await env.DB.prepare('DELETE FROM key_changes').run();
    expect(await readFeed(db, 0, NO_LIMIT)).toMatchObject({ head: 3, lowest: null, changes: [], cut: false });
  });

  test('is none where the feed has no state', async () => {
    const { results } = await env.DB.prepare('DELETE FROM feed_state RETURNING id, epoch, head').all();
    await expect(readFeed(db, 0, NO_LIMIT)).rejects.toThrow(/migrations/);
    const [state = {}] = results;
    await env.DB.prepare('INSERT INTO feed_state (id, epoch, head) VALUES (?, ?, ?)')
      .bind(...Object.values(state))
      .run();
  });
});

/** Moments at which changes were made, in the order of their numbers, and which are left of those before 100. */
const PRUNED: [string, number[], number[]][] = [
  ['nothing, in an empty feed', [], []],
  ['nothing, when all are young', [100, 101, 102], [1, 2, 3]],
  ['the old ones', [98, 99, 100, 101], [3, 4]],
  ['all, when all are old', [97, 98, 99], []],
  ['none after a young one, although its clock was behind', [98, 100, 99, 101], [2, 3, 4]],
  ['none at all, when the first one is young', [100, 1, 2, 3], [1, 2, 3, 4]],
  ['all before the first young one, in whatever order', [99, 1, 50, 100, 2], [4, 5]],
];

describe('pruning takes away', () => {
  test.each(PRUNED)('%s', async (_, moments, left) => {
    await changeAt(...moments);
    await pruneFeed(db, 100, 1_000);
    expect(await seqsLeft()).toEqual(left);
    expect(await readFeed(db, 0, NO_LIMIT)).toMatchObject({ head: moments.length, lowest: left[0] ?? null });
  });

  test('no number for good: the next change has a new one', async () => {
    await changeAt(1, 2, 3);
    await pruneFeed(db, 100, 1_000);
    await changeAt(4);
    expect(await readFeed(db, 0, NO_LIMIT)).toMatchObject({ head: 4, lowest: 4 });
  });
});

describe('once an hour', () => {
  const HOUR = 60 * 60 * 1000;

  async function runSchedule(): Promise<void> {
    const context = createExecutionContext();
    await worker.scheduled(createScheduledController(), env, context);
    await waitOnExecutionContext(context);
  }

  test('what is older than a day is forgotten', async () => {
    const now = Date.now();
    await changeAt(now - 48 * HOUR, now - 25 * HOUR, now - 23 * HOUR, now - 30 * HOUR, now);
    await runSchedule();
    expect(await seqsLeft()).toEqual([3, 4, 5]);
  });

  test('nothing else is', async () => {
    const now = Date.now();
    await changeAt(now - 23 * HOUR, now);
    await runSchedule();
    expect(await seqsLeft()).toEqual([1, 2]);
  });
});
