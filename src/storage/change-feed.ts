import { and, desc, gt, gte, lt, min, sql } from 'drizzle-orm';
import { countTouched, type Database } from './database.ts';
import { feedState, keyChanges } from './schema.ts';

/*
 * The change feed: one row for each change that can change a verdict. D1 has one writer, so its numbers rise in the
 * order of the commits.
 */

interface FeedChange {
  seq: number;
  apiKeyId: number | null;
  userId: string | null;
}

/** What the feed said at one moment. */
export interface FeedAnswer {
  /** Which history of the database the numbers belong to. */
  epoch: string;
  /** The last number given. */
  head: number;
  /** The lowest number still kept; null when all have been pruned. */
  lowest: number | null;
  /** The newest changes after the number that was asked from, newest first. */
  changes: FeedChange[];
  /** Whether the limit was reached, so that older changes may be missing. */
  cut: boolean;
}

/** The query of the newest changes after a number, at most `limit`. `answerOfFeed` reads what it returns. */
export function selectFeed(db: Database, after: number, limit: number) {
  const newest = db
    .select()
    .from(keyChanges)
    .where(gt(keyChanges.seq, after))
    .orderBy(desc(keyChanges.seq))
    .limit(limit)
    .as('newest');
  return db
    .select({
      epoch: feedState.epoch,
      head: feedState.head,
      lowest: sql<number | null>`(SELECT min(${keyChanges.seq}) FROM ${keyChanges})`,
      seq: newest.seq,
      apiKeyId: newest.apiKeyId,
      userId: newest.userId,
    })
    .from(feedState)
    .leftJoin(newest, sql`1`)
    .orderBy(desc(newest.seq));
}

/** What the feed said, from the rows of `selectFeed` with this limit. Throws when the migrations were not applied. */
export function answerOfFeed(rows: Awaited<ReturnType<typeof selectFeed>>, limit: number): FeedAnswer {
  const [first] = rows;
  if (first === undefined) throw new Error('The change feed has no state: the migrations were not applied');
  const changes = rows.flatMap(({ seq, apiKeyId, userId }) => (seq === null ? [] : [{ seq, apiKeyId, userId }]));
  return { epoch: first.epoch, head: first.head, lowest: first.lowest, changes, cut: changes.length === limit };
}

/** Reads the newest changes after a number, at most `limit`, in one snapshot. */
export async function readFeed(db: Database, after: number, limit: number): Promise<FeedAnswer> {
  return answerOfFeed(await selectFeed(db, after, limit), limit);
}

/**
 * Deletes changes from before a moment (unix milliseconds), at most `most` numbers from the oldest on. It deletes only
 * a prefix of the feed. The clocks of locations differ a little, and a row deleted from the middle would be a change
 * that no isolate can hear of.
 * @returns how many it deleted
 */
export async function pruneFeed(db: Database, before: number, most: number): Promise<number> {
  const { seq, at } = keyChanges;
  const end = sql`(${db.select({ seq: min(seq) }).from(keyChanges)}) + ${most}`;
  const firstKept = db
    .select({ seq: min(seq) })
    .from(keyChanges)
    .where(and(gte(at, before), lt(seq, end)));
  return countTouched(db, [db.delete(keyChanges).where(lt(seq, sql`coalesce((${firstKept}), ${end})`))]);
}
