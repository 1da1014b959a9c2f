import { and, exists, gt, lt, ne, notExists, or, type SQL, sql } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Database, Statement } from './database.ts';
import { commitGuard, feedState, keyChanges } from './schema.ts';
import { selectLiveSession } from './sessions.ts';
import { insertFrom, isOneOf } from './statements.ts';

/*
 * Makes a batch fail when what it was judged by has changed. An act is judged in TypeScript, some milliseconds before
 * its batch is committed. In between a key may be revoked, a user demoted, or the row that is to change be changed by
 * someone else. So a batch has statements that fail in that case, and D1 then rolls the whole batch back.
 *
 * Such a statement inserts a 0 into a table whose CHECK constraint refuses 0. If nothing has changed, it inserts no
 * row, and so writes nothing.
 */

/** What an act was judged by: a snapshot of the database, and the keys and users whose state mattered. */
export interface Judgement {
  /** Place in the change feed at which the caller was read; everything else was read later. */
  epoch: string;
  seq: number;
  /** The calling key, and the key that is acted on. */
  apiKeyIds: readonly number[];
  /** The calling user, and the user that is acted on or that owns the key. */
  userIds: readonly string[];
  /** When the calling key expires, or the session that makes the call, in unix milliseconds; null: never. */
  expiresAt: number | null;
  /** The hash of the session that makes the call; null: none does. */
  sessionHash: string | null;
}

/** The constraint that such a statement violates. SQLite puts its name into the error's message. */
const CONSTRAINT = 'commit_guard_holds';

/**
 * A statement that fails unless everything that the act was judged by is unchanged. It is the first of a batch.
 *
 * Every change that can change a verdict is in the feed, by the same transaction. So it is enough that the feed has
 * nothing about these keys and users after the judgement's place. A feed that was pruned past that place proves
 * nothing, and counts as changed.
 * @param now the Worker's clock in unix milliseconds. The key also must not have expired by the database's clock,
 * because a batch may wait
 */
export function assertJudgement(db: Database, judgement: Judgement, now: number): Statement {
  const { epoch, seq, apiKeyIds, userIds, expiresAt, sessionHash } = judgement;
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
    expiresAt === null ? undefined : sql`${latestClock(now)} >= ${expiresAt}`,
    // Signing out appends nothing to the feed, because no verdict about a key depends on it.
    sessionHash === null ? undefined : notExists(selectLiveSession(db, sessionHash)),
  );
  return insertFrom(db, commitGuard, FORBIDDEN_ROW, sql`${feedState} WHERE ${isOutdated}`);
}

/** The later of the Worker's clock and the database's, in unix milliseconds: a batch may wait. */
export function latestClock(now: number): SQL<number> {
  return sql<number>`max(${now}, CAST(unixepoch('subsec') * 1000 AS INTEGER))`;
}

/** The row that the table's CHECK constraint refuses. */
const FORBIDDEN_ROW = { holds: 0 };

/** A statement that fails unless the one just before it touched exactly one row. */
export function assertOneRowTouched(db: Database): Statement {
  return insertFrom(db, commitGuard, FORBIDDEN_ROW, sql`(SELECT 1) WHERE changes() <> 1`);
}

/** Fails if the table has a row that meets the condition. */
export function assertNoRow(db: Database, table: SQLiteTable, condition: SQL | undefined): Statement {
  return insertFrom(db, commitGuard, FORBIDDEN_ROW, sql`${table} WHERE ${condition}`);
}

/** Whether a batch failed by one of these statements, and so was rolled back. */
export function isGuardFailure(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.message.includes(CONSTRAINT)) return true;
  }
  return false;
}
