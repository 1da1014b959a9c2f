import { type SQL, sql } from 'drizzle-orm';
import { type Database, type Statement, statement, writeThenRead } from './database.ts';
import { type LiveSecretRow, selectLiveSecrets, toVerificationRecord } from './keys.ts';
import type { RecordCache } from './record-cache.ts';
import { feedState } from './schema.ts';
import { nameOfUser } from './users.ts';

/*
 * The one write path: every change of a key or a user goes through here, so that its rows, the change feed, the audit
 * event and the caches cannot fall out of step.
 */

/** What the write path works on. */
export interface Stores {
  db: Database;
  cache: RecordCache;
  /** Is told at once of what was changed here; the other isolates hear of it through the feed. */
  heard: { note(change: { epoch: string; seq: number; id: number | string }): void };
  /** Keeps work going after the response was sent. */
  defer: (work: Promise<unknown>) => void;
}

/** Who did it: a user, by a key or (without one) in the console; or a command of the operator. */
export type Actor = { userId: string; apiKeyId: number | null; clientIp: string | null } | { operator: string };

/** The name of an actor as it is written down beside what it did, inside a batch. */
export function nameOfActor(actor: Actor): SQL<string> {
  return 'operator' in actor ? sql`${actor.operator}` : nameOfUser(actor.userId);
}

interface Change {
  /** What has to be there before the change; each statement may touch any number of rows. */
  before?: readonly Statement[];
  /**
   * The change itself. Each statement touches exactly one row, and each after the first has a condition that fails
   * where the one before it met no row (`changes() = 1`, or one of its own): where the first meets none, because the
   * state that it was judged on is gone, nothing at all happens.
   */
  rows: readonly Statement[];
  /** Further statements, with conditions of their own. */
  after?: readonly Statement[];
  audit: { action: string; changes: Record<string, unknown> };
  actor: Actor;
  /** Unix milliseconds. */
  now: number;
}

export interface KeyChange extends Change {
  /** The key that changes: its id, or how the batch finds it once its rows are there. */
  keyId: number | SQL<number>;
}

export interface UserChange extends Change {
  /** The user that changes, and the organisation that it is in. */
  userId: string;
  orgId: number;
}

export interface OrganisationChange extends Change {
  orgId: SQL<number>;
}

/**
 * Commits a change of one key: rows, feed and audit event in one batch, then the new records into the cache.
 * @returns the key as it now is, or null when the change met no row and so left nothing behind.
 */
export async function commitKeyChange(stores: Stores, change: KeyChange): Promise<LiveSecretRow | null> {
  const { db } = stores;
  const keyId = sql<number>`${change.keyId}`;
  const { applied, rows } = await commit(
    db,
    change,
    [appendToFeed(db, { apiKeyId: keyId, userId: NONE }, change.now), advanceHead(db)],
    {
      orgId: sql`(SELECT org_id FROM api_keys WHERE id = ${keyId})`,
      apiKeyId: keyId,
      userId: sql`(SELECT user_id FROM api_keys WHERE id = ${keyId})`,
    },
    selectLiveSecrets(db, keyId, change.now),
  );
  const [key] = rows;
  if (!applied || key === undefined) return null;
  // This isolate knows at once; the others hear of it through the feed.
  stores.heard.note({ epoch: key.epoch, seq: key.head, id: key.id });
  for (const row of rows) stores.defer(stores.cache.write(row.hash, toVerificationRecord(row)));
  return key;
}

/**
 * Commits a change of one user, which is one row in the feed however many keys the user has: their records in the
 * cache are left to the feed.
 * @returns whether the change met a row; where it did not, it left nothing behind.
 */
export async function commitUserChange(stores: Stores, change: UserChange): Promise<boolean> {
  const { db } = stores;
  const userId = sql<string>`${change.userId}`;
  const { applied, rows } = await commit(
    db,
    change,
    [appendToFeed(db, { apiKeyId: NONE, userId }, change.now), advanceHead(db)],
    { orgId: sql`${change.orgId}`, apiKeyId: NONE, userId },
    db.select({ epoch: feedState.epoch, head: feedState.head }).from(feedState),
  );
  const [feed] = rows;
  if (!applied || feed === undefined) return false;
  stores.heard.note({ epoch: feed.epoch, seq: feed.head, id: change.userId });
  return true;
}

/**
 * Commits a change of an organisation. No verdict hangs on one, so the feed is not told.
 * @returns the organisation's id, or null when the change met no row and so left nothing behind.
 */
export async function commitOrganisationChange(stores: Stores, change: OrganisationChange): Promise<number | null> {
  const { applied, rows } = await commit(
    stores.db,
    change,
    [],
    { orgId: change.orgId, apiKeyId: NONE, userId: NONE },
    stores.db.select({ id: sql<number>`${change.orgId}`.as('id') }).from(sql`(SELECT 1)`),
  );
  return applied ? (rows[0]?.id ?? null) : null;
}

/** What is to be on record although nothing changed: that someone saw a secret, or tried what it may not do. */
export interface Occurrence {
  orgId: number | SQL<number>;
  apiKeyId: number | null;
  userId: string | null;
  audit: Change['audit'];
  actor: Actor;
  /** Unix milliseconds. */
  now: number;
}

/** Puts something on record. When this returns, it is there; when it cannot be written down, it throws. */
export async function recordOccurrence({ db }: Pick<Stores, 'db'>, occurrence: Occurrence): Promise<void> {
  const { orgId, apiKeyId, userId } = occurrence;
  await db.batch([
    appendAuditEvent(
      db,
      occurrence,
      { orgId: sql`${orgId}`, apiKeyId: sql`${apiKeyId}`, userId: sql`${userId}` },
      ALWAYS,
    ),
  ]);
}

const NONE = sql<null>`NULL`;
const ALWAYS = sql`1`;
const IF_THE_STATEMENT_BEFORE_MET_ITS_ROW = sql`changes() = 1`;

async function commit<Row>(
  db: Database,
  { before = [], rows, after = [], ...event }: Change,
  feed: readonly Statement[],
  subject: AuditSubject,
  query: Parameters<typeof writeThenRead<Row>>[2],
): Promise<{ applied: boolean; rows: Row[] }> {
  const statements = [...before, ...rows, ...feed, appendAuditEvent(db, event, subject)];
  const outcome = await writeThenRead(db, [...statements, ...after], query);
  // The audit event is the last link of the chain: it is there if everything before it is.
  return { applied: outcome.touched[statements.length - 1] === 1, rows: outcome.rows };
}

function appendToFeed(
  db: Database,
  changed: { apiKeyId: SQL<number | null>; userId: SQL<string | null> },
  now: number,
): Statement {
  return statement(
    db,
    sql`
    INSERT INTO key_changes (api_key_id, user_id, at)
    SELECT ${changed.apiKeyId}, ${changed.userId}, ${now} WHERE changes() = 1`,
  );
}

/** Moves the head to the row that the statement just before inserted. */
function advanceHead(db: Database): Statement {
  return statement(db, sql`UPDATE feed_state SET head = last_insert_rowid() WHERE changes() = 1`);
}

/** Which key or user an event is about, in which organisation; as the batch finds them. */
interface AuditSubject {
  orgId: SQL<number>;
  apiKeyId: SQL<number | null>;
  userId: SQL<string | null>;
}

function appendAuditEvent(
  db: Database,
  { audit, actor, now }: Pick<Change, 'audit' | 'actor' | 'now'>,
  subject: AuditSubject,
  condition: SQL = IF_THE_STATEMENT_BEFORE_MET_ITS_ROW,
): Statement {
  const by = 'operator' in actor ? { userId: null, apiKeyId: null, clientIp: null } : actor;
  return statement(
    db,
    sql`
    INSERT INTO audit_events (
      org_id, at, action, actor_user_id, actor_name, actor_api_key_id, client_ip, api_key_id, user_id, changes
    )
    SELECT
      ${subject.orgId}, ${now}, ${audit.action}, ${by.userId}, ${nameOfActor(actor)}, ${by.apiKeyId}, ${by.clientIp},
      ${subject.apiKeyId}, ${subject.userId}, ${JSON.stringify(audit.changes)}
    WHERE ${condition}`,
  );
}
