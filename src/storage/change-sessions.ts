import { and, eq, gt, inArray, isNull, lt, or, type SQL, sql } from 'drizzle-orm';
import { type ChangeEvent, commitUnheardChange, type Stores } from './commit-change.ts';
import { latestClock } from './commit-guard.ts';
import { countTouched, type Database, type Statement } from './database.ts';
import { feedState, sessions, signInLinks, users } from './schema.ts';
import { insertFrom } from './statements.ts';
import type { UserRow } from './users.ts';

/*
 * Every change of a session of the console or of a sign-in link. Each function commits a change that an act has judged, in
 * one transaction, or does nothing.
 */

type Writing = Pick<Stores, 'db'>;

/** The next generation of a user: it ends all sessions and sign-in links of the user that there are. */
export const NEXT_GENERATION: SQL = sql`${sql.identifier(users.sessionGeneration.name)} + 1`;

/** A session to be started. */
export interface NewSession {
  hash: string;
  userId: string;
  orgId: number;
  kind: (typeof sessions.$inferSelect)['kind'];
  apiKeyId: number | null;
  secretHash: string | null;
}

/**
 * Starts a session of an enabled user. The first one of a person ends its status `invited`.
 * @param claim a statement that has to touch exactly one row, for example the one that uses a link up
 * @returns false when nothing was done, because the user was disabled or deleted, the claim failed, or what this was judged
 * by has changed
 */
export function startSession(
  stores: Writing,
  session: NewSession,
  claim: Statement | null,
  event: ChangeEvent,
): Promise<boolean> {
  const { db } = stores;
  const { orgId, ...row } = session;
  const start = insertFrom(
    db,
    sessions,
    {
      ...row,
      generation: users.sessionGeneration,
      epoch: feedState.epoch,
      startedAt: event.now,
      lastSeenAt: event.now,
    },
    sql`${users} JOIN ${feedState} WHERE ${and(eq(users.id, session.userId), eq(users.disabled, false))}`,
  );
  const firstSignIn = db
    .update(users)
    .set({ signedInAt: event.now })
    .where(and(eq(users.id, session.userId), eq(users.type, 'user'), isNull(users.signedInAt)));
  return commitUnheardChange(stores, {
    rows: claim === null ? [start] : [claim, start],
    after: [firstSignIn],
    orgId,
    apiKeyId: session.apiKeyId,
    userId: session.userId,
    ...event,
  });
}

/** The claim that uses a sign-in link up. Of any number of batches that race here, one does. */
export function useUpLink(db: Database, hash: string, now: number): Statement {
  const generation = db
    .select({ generation: users.sessionGeneration })
    .from(users)
    .where(eq(users.id, signInLinks.userId));
  const epoch = db.select({ epoch: feedState.epoch }).from(feedState);
  return db
    .update(signInLinks)
    .set({ usedAt: now })
    .where(
      and(
        eq(signInLinks.hash, hash),
        isNull(signInLinks.usedAt),
        gt(signInLinks.expiresAt, latestClock(now)),
        eq(signInLinks.generation, sql`(${generation})`),
        eq(signInLinks.epoch, sql`(${epoch})`),
      ),
    );
}

/** The claim that binds a user to an identity of Access, or finds it bound to that one, as long as it has this email. */
export function bindIdentity(db: Database, userId: string, emailFolded: string, sub: string): Statement {
  return db
    .update(users)
    .set({ accessSub: sub })
    .where(
      and(
        eq(users.id, userId),
        eq(users.emailFolded, emailFolded),
        or(isNull(users.accessSub), eq(users.accessSub, sub)),
      ),
    );
}

/** Notes that a session was in use. It records nothing, and ends nothing. */
export async function touchSession({ db }: Writing, hash: string, now: number): Promise<void> {
  await db
    .update(sessions)
    .set({ lastSeenAt: now })
    .where(and(eq(sessions.hash, hash), lt(sessions.lastSeenAt, now)));
}

/** Whose session it is that ends something. */
interface Ending {
  hash: string;
  userId: string;
  orgId: number;
  apiKeyId: number | null;
}

/** Ends one session. @returns false when there is none any more */
export function endSession(stores: Writing, { hash, ...whose }: Ending, event: ChangeEvent): Promise<boolean> {
  return commitUnheardChange(stores, {
    rows: [stores.db.delete(sessions).where(eq(sessions.hash, hash))],
    ...whose,
    ...event,
  });
}

/** Ends all sessions that were started with the key of this one. @returns false when this one has ended already */
export function endSessionsOfKey(
  stores: Writing,
  { hash, ...whose }: Ending & { apiKeyId: number },
  event: ChangeEvent,
): Promise<boolean> {
  const { db } = stores;
  return commitUnheardChange(stores, {
    rows: [db.delete(sessions).where(eq(sessions.hash, hash))],
    after: [db.delete(sessions).where(eq(sessions.apiKeyId, whose.apiKeyId))],
    ...whose,
    ...event,
  });
}

/** Ends all sessions and sign-in links of the user of this session. @returns false when this one has ended already */
export function endSessionsOfUser(stores: Writing, { hash, ...whose }: Ending, event: ChangeEvent): Promise<boolean> {
  const { db } = stores;
  return commitUnheardChange(stores, {
    rows: [
      db.delete(sessions).where(eq(sessions.hash, hash)),
      db.update(users).set({ sessionGeneration: NEXT_GENERATION }).where(eq(users.id, whose.userId)),
    ],
    ...whose,
    ...event,
  });
}

/**
 * Makes a sign-in link for a person, and ends the person's sessions and earlier links.
 * @param user as it was when this was judged. Nothing is done if it was changed since, or has signed in for the first time
 */
export function addLink(
  stores: Writing,
  user: UserRow,
  link: { hash: string; madeBy: string | null; expiresAt: number },
  event: ChangeEvent,
): Promise<boolean> {
  const { db } = stores;
  const raise = db
    .update(users)
    .set({ sessionGeneration: NEXT_GENERATION })
    .where(
      and(
        eq(users.id, user.id),
        eq(users.revision, user.revision),
        eq(users.disabled, false),
        user.signedInAt === null ? isNull(users.signedInAt) : undefined,
      ),
    );
  const add = insertFrom(
    db,
    signInLinks,
    {
      ...link,
      userId: user.id,
      generation: users.sessionGeneration,
      epoch: feedState.epoch,
      createdAt: event.now,
      usedAt: null,
    },
    sql`${users} JOIN ${feedState} WHERE ${eq(users.id, user.id)}`,
  );
  return commitUnheardChange(stores, {
    rows: [raise, add],
    orgId: user.orgId,
    apiKeyId: null,
    userId: user.id,
    ...event,
  });
}

/**
 * Deletes sessions that started before a moment (unix milliseconds), at most `most`.
 * @returns how many it deleted
 */
export function pruneSessions(db: Database, before: number, most: number): Promise<number> {
  const old = db.select({ hash: sessions.hash }).from(sessions).where(lt(sessions.startedAt, before)).limit(most);
  return countTouched(db, [db.delete(sessions).where(inArray(sessions.hash, old))]);
}

/**
 * Deletes sign-in links that expired before a moment (unix milliseconds), at most `most`.
 * @returns how many it deleted
 */
export function pruneLinks(db: Database, before: number, most: number): Promise<number> {
  const old = db
    .select({ hash: signInLinks.hash })
    .from(signInLinks)
    .where(lt(signInLinks.expiresAt, before))
    .limit(most);
  return countTouched(db, [db.delete(signInLinks).where(inArray(signInLinks.hash, old))]);
}
