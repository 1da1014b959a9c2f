import { and, eq } from 'drizzle-orm';
import type { Database } from './database.ts';
import { feedState, organisations, sessions, signInLinks, users } from './schema.ts';
import { selectSecretOf, toVerificationRecord } from './secrets.ts';
import type { VerificationRecord } from './verification-record.ts';

/*
 * Reads sessions of the console and sign-in links. change-sessions.ts writes them. A row that was ended in any way is not
 * found: by sign-out, by a risen generation, by disabling its user, by a restore of the database. Ages are the reader's to
 * judge.
 */

/** The person, or the bot, that a session or link is for. */
const personColumns = {
  userId: users.id,
  orgId: users.orgId,
  type: users.type,
  role: users.role,
  firstName: users.firstName,
  lastName: users.lastName,
  organisation: organisations.name,
};

const sessionColumns = {
  kind: sessions.kind,
  secretHash: sessions.secretHash,
  startedAt: sessions.startedAt,
  lastSeenAt: sessions.lastSeenAt,
  epoch: feedState.epoch,
  seq: feedState.head,
  ...personColumns,
};

/** A session with its user, and the place in the change feed at which that was true. */
export interface StoredSession {
  kind: (typeof sessions.$inferSelect)['kind'];
  secretHash: string | null;
  startedAt: number;
  lastSeenAt: number;
  epoch: string;
  seq: number;
  userId: string;
  orgId: number;
  type: (typeof users.$inferSelect)['type'];
  role: (typeof users.$inferSelect)['role'];
  firstName: string | null;
  lastName: string | null;
  organisation: string;
  /** Enough of the secret that the key has in use to recognise it by; null for a session without a key. */
  hint: string | null;
  /** The verification record of the key that the session was started with. Null: it has none, or it is gone. */
  key: VerificationRecord | null;
}

function isLive(row: typeof sessions | typeof signInLinks, hash: string) {
  return and(
    eq(row.hash, hash),
    eq(row.generation, users.sessionGeneration),
    eq(row.epoch, feedState.epoch),
    eq(users.disabled, false),
  );
}

/** Finds a session unless it was ended, inside a batch. */
export function selectLiveSession(db: Database, hash: string) {
  return db
    .select(sessionColumns)
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .innerJoin(organisations, eq(organisations.id, users.orgId))
    .innerJoin(feedState, eq(feedState.id, 1))
    .where(isLive(sessions, hash));
}

/** Reads a session by the hash of its id, with its user and its key; null when there is none, or it was ended. */
export async function readSession(db: Database, hash: string): Promise<StoredSession | null> {
  const secret = db.select({ hash: sessions.secretHash }).from(sessions).where(eq(sessions.hash, hash));
  const [found, keys] = await db.batch([selectLiveSession(db, hash), selectSecretOf(db, secret)]);
  const [session] = found;
  const [key] = keys;
  if (session === undefined) return null;
  return {
    ...session,
    hint: key?.hint ?? null,
    key: key === undefined ? null : toVerificationRecord(key),
  };
}

/** A sign-in link that may still be used, with the person whom it signs in. */
export interface StoredLink {
  userId: string;
  orgId: number;
  firstName: string | null;
  lastName: string | null;
  organisation: string;
  madeBy: string | null;
  generation: number;
  epoch: string;
  expiresAt: number;
  usedAt: number | null;
}

/** Reads a sign-in link by the hash of its token; null when there is none, or a later event ended it. */
export async function readLink(db: Database, hash: string): Promise<StoredLink | null> {
  const [row] = await db
    .select({
      ...personColumns,
      madeBy: signInLinks.madeBy,
      generation: signInLinks.generation,
      epoch: signInLinks.epoch,
      expiresAt: signInLinks.expiresAt,
      usedAt: signInLinks.usedAt,
    })
    .from(signInLinks)
    .innerJoin(users, eq(users.id, signInLinks.userId))
    .innerJoin(organisations, eq(organisations.id, users.orgId))
    .innerJoin(feedState, eq(feedState.id, 1))
    .where(isLive(signInLinks, hash))
    .limit(1);
  return row ?? null;
}
