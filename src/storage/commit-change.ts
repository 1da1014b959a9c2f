import { and, eq, gt, inArray, max, type SQL, sql } from 'drizzle-orm';
import type { AuditAction } from '../wire/audit-actions.ts';
import { assertJudgement, assertOneRowTouched, isGuardFailure, type Judgement } from './commit-guard.ts';
import { type Database, runBatch, type Statement, writeThenRead } from './database.ts';
import {
  type AnswerToKeep,
  assertNotAnswered,
  keepAnswer,
  keyAsJson,
  orgIdAsJson,
  userIdAsJson,
} from './idempotent-answers.ts';
import type { RecordCache } from './record-cache.ts';
import { apiKeys, auditEvents, feedState, keyChanges, organisations, users } from './schema.ts';
import { type LiveSecretRow, selectLiveSecrets, toVerificationRecord } from './secrets.ts';

/*
 * The one write path: every change of a key or a user goes through here, so that its rows, the change feed, the audit
 * event and the caches cannot fall out of step.
 */

/** What the write path works on. */
export interface Stores {
  db: Database;
  cache: RecordCache;
  /** Told at once of each change that this isolate makes. The other isolates hear of it through the feed. */
  heard: { note(change: { epoch: string; seq: number; id: number | string }): void };
  /** Keeps work going after the response was sent. */
  defer: (work: Promise<unknown>) => void;
}

/**
 * Who makes a change. A user does by a key or, with `apiKeyId` null, in the console, with what the act was judged by;
 * `judgement` is null where the statements of the batch ask everything themselves. `userId` is null for someone who is
 * not signed in. An operator does by a command, whose authority is not judged.
 */
export type Actor =
  | { userId: string | null; apiKeyId: number | null; clientIp: string | null; judgement: Judgement | null }
  | { operator: string };

/** What is recorded of every change. */
export interface ChangeEvent {
  audit: { action: AuditAction; changes: Record<string, unknown> };
  actor: Actor;
  /** Unix milliseconds. */
  now: number;
  /** What to store for retries, if the call has an `Idempotency-Key`. Nothing is written if it was answered already. */
  keep?: AnswerToKeep | undefined;
}

interface Change extends ChangeEvent {
  /** Statements that prepare the change. Each may touch any number of rows. */
  before?: readonly Statement[];
  /**
   * The change itself. Each statement has to touch exactly one row. If one does not, because the state that it was
   * judged on has changed, the whole batch is rolled back.
   */
  rows: readonly Statement[];
  /** Statements after the audit event. Each may touch any number of rows. */
  after?: readonly Statement[];
}

interface KeyChange extends Change {
  /** The key that changes: its id, or an expression by which the batch finds it after `rows`. */
  keyId: number | SQL<number>;
}

interface UserChange extends Change {
  /** The user that changes, and the organisation that it is in. */
  userId: string;
  orgId: number;
}

/** A key that a change of its user revoked. */
export interface RevokedKey {
  id: number;
  label: string;
}

interface OrganisationChange extends Change {
  orgId: SQL<number>;
}

/**
 * Commits a change of one key: rows, feed and audit event in one batch, then the new records into the cache.
 * @returns the key as it now is; null when nothing was done, because what the change was judged by has changed
 */
export async function commitKeyChange(stores: Stores, change: KeyChange): Promise<LiveSecretRow | null> {
  const { db } = stores;
  const keyId = sql<number>`${change.keyId}`;
  const rows = await commit(
    db,
    change,
    [appendToFeed(db, { apiKeyId: keyId, userId: NONE }, change.now), advanceHead(db)],
    {
      orgId: sql`(SELECT ${apiKeys.orgId} FROM ${apiKeys} WHERE ${apiKeys.id} = ${keyId})`,
      apiKeyId: keyId,
      userId: sql`(SELECT ${apiKeys.userId} FROM ${apiKeys} WHERE ${apiKeys.id} = ${keyId})`,
    },
    selectLiveSecrets(db, keyId, change.now),
    keyAsJson(keyId, change.keep),
  );
  const [key] = rows ?? [];
  if (rows === null || key === undefined) return null;
  // This isolate knows at once; the others hear of it through the feed.
  stores.heard.note({ epoch: key.epoch, seq: key.head, id: key.id });
  for (const row of rows) stores.defer(stores.cache.write(row.hash, toVerificationRecord(row)));
  return key;
}

/**
 * Commits a change of one user. It is one row in the feed, however many keys the user has. Their cached records are not
 * rewritten: the feed makes the old ones unusable.
 * @returns the keys of the user that it revoked; null when nothing was done, because what the change was judged by has
 * changed
 */
export async function commitUserChange(
  stores: Stores,
  change: UserChange,
): Promise<{ revokedKeys: RevokedKey[] } | null> {
  const { db } = stores;
  const userId = sql<string>`${change.userId}`;
  const rows = await commit(
    db,
    change,
    [appendToFeed(db, { apiKeyId: NONE, userId }, change.now), advanceHead(db)],
    { orgId: sql`${change.orgId}`, apiKeyId: NONE, userId },
    db
      .select({ epoch: feedState.epoch, head: feedState.head, id: apiKeys.id, label: apiKeys.label })
      .from(feedState)
      .leftJoin(
        apiKeys,
        and(eq(apiKeys.userId, change.userId), inArray(apiKeys.id, keysRevokedSince(db, change.userId, change.audit))),
      )
      .orderBy(apiKeys.id),
    userIdAsJson(userId),
  );
  const [feed] = rows ?? [];
  if (rows === null || feed === undefined) return null;
  stores.heard.note({ epoch: feed.epoch, seq: feed.head, id: change.userId });
  return { revokedKeys: rows.flatMap(({ id, label }) => (id === null || label === null ? [] : [{ id, label }])) };
}

/**
 * For a batch that changes a user: the user's keys that the batch revoked. Their audit events come after the batch's
 * event about the user.
 */
function keysRevokedSince(db: Database, userId: string, { action }: ChangeEvent['audit']) {
  const ofUser = eq(auditEvents.userId, userId);
  const ownEvent = db
    .select({ id: max(auditEvents.id) })
    .from(auditEvents)
    .where(and(ofUser, eq(auditEvents.action, action)));
  return db
    .select({ id: auditEvents.apiKeyId })
    .from(auditEvents)
    .where(and(ofUser, eq(auditEvents.action, 'api_key.revoked'), gt(auditEvents.id, sql`(${ownEvent})`)));
}

/**
 * Commits a change of an organisation. No verdict depends on one, so nothing is appended to the feed.
 * @returns the organisation's id; null when nothing was done, because what the change was judged by has changed
 */
export async function commitOrganisationChange(stores: Stores, change: OrganisationChange): Promise<number | null> {
  const rows = await commit(
    stores.db,
    change,
    [],
    { orgId: change.orgId, apiKeyId: NONE, userId: NONE },
    stores.db.select({ id: sql<number>`${change.orgId}`.as('id') }).from(sql`(SELECT 1)`),
    orgIdAsJson(change.orgId),
  );
  return rows?.[0]?.id ?? null;
}

interface UnheardChange extends Change {
  orgId: number;
  apiKeyId: number | null;
  userId: string;
}

/**
 * Commits a change of a user that no verdict about a key depends on, such as a sign-in. Nothing is appended to the feed:
 * the user's keys would otherwise be read anew everywhere.
 * @returns false when nothing was done, because what the change was judged by has changed
 */
export async function commitUnheardChange(
  { db }: Pick<Stores, 'db'>,
  { orgId, apiKeyId, userId, ...change }: UnheardChange,
): Promise<boolean> {
  const subject = {
    orgId: sql<number>`${orgId}`,
    apiKeyId: sql<number | null>`${apiKeyId}`,
    userId: sql<string>`${userId}`,
  };
  const rows = await commit(
    db,
    change,
    [],
    subject,
    db.select({ done: sql<number>`1`.as('done') }).from(sql`(SELECT 1)`),
    userIdAsJson(subject.userId),
  );
  return rows !== null;
}

/** An event to be recorded although nothing changed: someone saw a secret, or tried what they may not do. */
export interface Occurrence extends ChangeEvent {
  /** The organisation of the event; `deployment`: the deployment's own. */
  orgId: number | 'deployment';
  apiKeyId: number | null;
  userId: string | null;
}

/**
 * Appends the audit event of a refused attempt. It does not check that the judgement still holds, because nothing
 * depends on that.
 */
export async function recordRefusal({ db }: Pick<Stores, 'db'>, occurrence: Occurrence): Promise<void> {
  await runBatch(db, [appendOccurrence(db, occurrence)]);
}

/**
 * Appends the audit event of what is about to be shown or was done.
 * @returns true once the event is stored; false when nothing was written, because what it was judged by has changed:
 * then it must not happen
 * @throws when the event cannot be written
 */
export async function recordOccurrence({ db }: Pick<Stores, 'db'>, occurrence: Occurrence): Promise<boolean> {
  try {
    await runBatch(db, [...assertAuthority(db, occurrence), appendOccurrence(db, occurrence)]);
    return true;
  } catch (error) {
    if (isGuardFailure(error)) return false;
    throw error;
  }
}

function appendOccurrence(db: Database, occurrence: Occurrence): Statement {
  const { orgId, apiKeyId, userId } = occurrence;
  const deployment = sql<number>`(SELECT ${organisations.id} FROM ${organisations} WHERE ${organisations.isDeployment} = 1)`;
  return appendAuditEvent(db, occurrence, {
    orgId: orgId === 'deployment' ? deployment : sql`${orgId}`,
    apiKeyId: sql`${apiKeyId}`,
    userId: sql`${userId}`,
  });
}

const NONE = sql<null>`NULL`;

/**
 * Runs the batch.
 * @param made what a retry is told, where the answer is kept for one; an expression that gives JSON
 * @returns what the query found; null when a guard failed and nothing was done
 */
async function commit<Row>(
  db: Database,
  { before = [], rows, after = [], ...event }: Change,
  feed: readonly Statement[],
  subject: AuditSubject,
  query: Parameters<typeof writeThenRead<Row>>[2],
  made: SQL,
): Promise<Row[] | null> {
  const { keep } = event;
  const statements = [
    ...assertAuthority(db, event),
    ...(keep === undefined ? [] : [assertNotAnswered(db, keep)]),
    ...before,
    ...rows.flatMap((row) => [row, assertOneRowTouched(db)]),
    ...feed,
    appendAuditEvent(db, event, subject),
    ...after,
    ...(keep === undefined ? [] : [keepAnswer(db, keep, made, event.now)]),
  ];
  try {
    return await writeThenRead(db, statements, query);
  } catch (error) {
    if (isGuardFailure(error)) return null;
    throw error;
  }
}

/**
 * The first statement of a batch: fails if the caller's authority has changed. None for an operator's command, whose
 * authority is not judged.
 */
function assertAuthority(db: Database, { actor, now }: Pick<ChangeEvent, 'actor' | 'now'>): Statement[] {
  return 'operator' in actor || actor.judgement === null ? [] : [assertJudgement(db, actor.judgement, now)];
}

function appendToFeed(
  db: Database,
  changed: { apiKeyId: SQL<number | null>; userId: SQL<string | null> },
  now: number,
): Statement {
  return db.insert(keyChanges).values({ ...changed, at: now });
}

/** Moves the head to the feed row that the statement just before inserted. */
function advanceHead(db: Database): Statement {
  return db.update(feedState).set({ head: sql`last_insert_rowid()` });
}

/** Which key or user an event is about, and in which organisation, as expressions for the batch. */
interface AuditSubject {
  orgId: SQL<number>;
  apiKeyId: SQL<number | null>;
  userId: SQL<string | null>;
}

function appendAuditEvent(db: Database, { audit, actor, now }: ChangeEvent, subject: AuditSubject): Statement {
  return db.insert(auditEvents).values({ ...subject, ...auditColumns(db, { audit, actor, now }) });
}

/** The columns of an audit event, without those that say what it is about. */
export function auditColumns(db: Database, { audit, actor, now }: ChangeEvent) {
  const by = 'operator' in actor ? { userId: null, apiKeyId: null, clientIp: null } : actor;
  return {
    at: now,
    action: audit.action,
    actorUserId: by.userId,
    actorName: nameOfActor(db, actor),
    actorApiKeyId: by.apiKeyId,
    clientIp: by.clientIp,
    changes: audit.changes,
  };
}

/** An actor's name as the record gives it, as an expression for a batch. */
export function nameOfActor(db: Database, actor: Actor): SQL<string> {
  return 'operator' in actor ? sql`${actor.operator}` : nameOfUser(db, sql`${actor.userId}`);
}

/** A user's name of today, as an expression for a batch. */
export function nameOfUser(db: Database, userId: SQL): SQL<string> {
  const name = sql<string>`CASE ${users.type} WHEN 'bot' THEN 'Main integration' ELSE ${users.firstName} || ' ' || ${users.lastName} END`;
  return sql`(${db
    .select({ name: name.as('name') })
    .from(users)
    .where(eq(users.id, userId))})`;
}
