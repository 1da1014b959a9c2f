import { and, exists, gt, lt, ne, or, sql } from 'drizzle-orm';
import type { Database, Statement } from './database.ts';
import { commitGuard, feedState, keyChanges } from './schema.ts';
import { insertFrom, isOneOf } from './statements.ts';

/*
 * What makes a batch all or nothing. An act is judged in TypeScript, some milliseconds before its batch is committed. In
 * between a key may be revoked, a user demoted, or the row that is to change be changed by someone else. So a batch has
 * statements that fail when that has happened, and D1 then rolls the whole batch back, whatever else is in it.
 *
 * Such a statement inserts into a table whose CHECK constraint lets no 0 in. While all is well it inserts no row, and
 * so writes nothing.
 */

/** The snapshot of the database that an act was judged on, and whose state it was judged by. */
export interface Judgement {
  /** Place in the change feed at which the caller was read; everything else was read later. */
  epoch: string;
  seq: number;
  /** The calling key, and the key that is acted on. */
  apiKeyIds: readonly number[];
  /** The calling user, and the user that is acted on or that owns the key. */
  userIds: readonly string[];
  /** When the calling key expires, in unix milliseconds; null: never. */
  expiresAt: number | null;
}

/** The name of the constraint that a batch fails by. SQLite puts it into the message of the error. */
const CONSTRAINT = 'commit_guard_holds';

/**
 * Fails unless everything that the act was judged by still is as it was. It is the first statement of a batch.
 *
 * Every change that can turn a verdict is in the feed, by the same transaction. So "nothing about these keys and users
 * after that place in the feed" is all that has to be asked. A feed that was pruned past the place proves nothing, and
 * counts as changed.
 * @param now the Worker's clock in unix milliseconds; the database's own counts as well, because a batch may wait
 */
export function assertJudgement(db: Database, judgement: Judgement, now: number): Statement {
  const { epoch, seq, apiKeyIds, userIds, expiresAt } = judgement;
  const isPruned = sql`coalesce((SELECT min(${keyChanges.seq}) FROM ${keyChanges}), ${feedState.head} + 1) > ${seq} + 1`;
  const changed = db
    .select({ seq: keyChanges.seq })
    .from(keyChanges)
    .where(
      and(gt(keyChanges.seq, seq), or(isOneOf(keyChanges.apiKeyId, apiKeyIds), isOneOf(keyChanges.userId, userIds))),
    );
  const isOutdated = or(
    ne(feedState.epoch, epoch),
    lt(feedState.head, seq),
    and(gt(feedState.head, seq), isPruned),
    exists(changed),
    expiresAt === null ? undefined : sql`max(${now}, CAST(unixepoch('subsec') * 1000 AS INTEGER)) >= ${expiresAt}`,
  );
  return insertFrom(db, commitGuard, FORBIDDEN_ROW, sql`${feedState} WHERE ${isOutdated}`);
}

/** What the CHECK constraint of the table lets no one insert. */
const FORBIDDEN_ROW = { holds: 0 };

/** Fails unless the statement just before it touched exactly one row. */
export function assertOneRowTouched(db: Database): Statement {
  return insertFrom(db, commitGuard, FORBIDDEN_ROW, sql`(SELECT 1) WHERE changes() <> 1`);
}

/** Whether a batch failed by one of these statements, so that nothing of it was done. */
export function isGuardFailure(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.message.includes(CONSTRAINT)) return true;
  }
  return false;
}
