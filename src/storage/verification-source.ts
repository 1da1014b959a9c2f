import { type FeedAnswer, readFeed } from './change-feed.ts';
import { openSession } from './list-reads.ts';
import { readFeedAndRecord, readVerificationRecord } from './secrets.ts';
import { readSession, type StoredSession } from './sessions.ts';
import type { VerificationRecord } from './verification-record.ts';

/** What verification reads from D1: from the primary, or from the nearest replica that is recent enough. */
export interface VerificationSource {
  /** The newest changes after a number, at most `limit`, as the primary has them, with the bookmark of that state. */
  readFeed(after: number, limit: number): Promise<{ answer: FeedAnswer; bookmark: string | null }>;
  /** The same, and the record of a secret by its hash as of that state; null when there is no such key. One query. */
  readFeedAndRecord(
    after: number,
    limit: number,
    hash: string,
  ): Promise<{ answer: FeedAnswer; bookmark: string | null; record: VerificationRecord | null }>;
  /**
   * The record of a secret by its hash; null when there is no such key.
   * @param from `primary`, or the bookmark of a state that a replica must have reached (null: any)
   */
  readRecord(hash: string, from: 'primary' | { bookmark: string | null }): Promise<VerificationRecord | null>;
  /** The session with this hash, as the primary has it; null when there is none, or it was ended. */
  readSession(hash: string): Promise<StoredSession | null>;
}

export function openVerificationSource(d1: D1Database): VerificationSource {
  return {
    async readFeed(after, limit) {
      const session = d1.withSession('first-primary');
      const answer = await readFeed(openSession(d1, session), after, limit);
      return { answer, bookmark: session.getBookmark() };
    },
    async readFeedAndRecord(after, limit, hash) {
      const session = d1.withSession('first-primary');
      const read = await readFeedAndRecord(openSession(d1, session), { after, limit, hash });
      return { ...read, bookmark: session.getBookmark() };
    },
    async readRecord(hash, from) {
      const constraint = from === 'primary' ? 'first-primary' : (from.bookmark ?? 'first-unconstrained');
      return readVerificationRecord(openSession(d1, d1.withSession(constraint)), hash);
    },
    async readSession(hash) {
      return readSession(openSession(d1, d1.withSession('first-primary')), hash);
    },
  };
}
