import { and, count, desc, eq, gt, gte, isNotNull, isNull, max, or, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { answerOfFeed, type FeedAnswer, selectFeed } from './change-feed.ts';
import type { Database } from './database.ts';
import { type KeyRow, keyColumns } from './keys.ts';
import { apiKeySecrets, apiKeys, feedState, users } from './schema.ts';
import { isOneOf } from './statements.ts';
import type { VerificationRecord } from './verification-record.ts';

/*
 * Reads the secrets of keys, which the database holds as hashes and sealed forms. change-keys.ts writes them together
 * with their keys. Resealing replaces and drops their sealed forms here.
 */

const recordColumns = {
  hash: apiKeySecrets.hash,
  retiresAt: apiKeySecrets.retiresAt,
  secretCreatedAt: sql<number>`${apiKeySecrets.createdAt}`.as('secret_created_at'),
  userDisabled: sql<boolean>`${users.disabled}`.mapWith(users.disabled).as('owner_disabled'),
  epoch: feedState.epoch,
  head: feedState.head,
};

/** A secret that still works, with all that is stored of its key. A change hands it to the cache and to its caller. */
export type LiveSecretRow = KeyRow & {
  hash: string;
  retiresAt: number | null;
  secretCreatedAt: number;
  userDisabled: boolean;
  epoch: string;
  head: number;
};

function selectSecrets(db: Database) {
  return db
    .select({ ...keyColumns, ...recordColumns })
    .from(apiKeySecrets)
    .innerJoin(apiKeys, eq(apiKeys.id, apiKeySecrets.keyId))
    .innerJoin(users, eq(users.id, apiKeys.userId))
    .innerJoin(feedState, eq(feedState.id, 1));
}

/** The secrets of a key that are in use or within their overlap, the one in use first. */
export function selectLiveSecrets(db: Database, keyId: SQL | number, now: number) {
  return selectSecrets(db)
    .where(and(eq(apiKeySecrets.keyId, keyId), or(isNull(apiKeySecrets.retiresAt), gt(apiKeySecrets.retiresAt, now))))
    .orderBy(sql`${apiKeySecrets.retiresAt} IS NOT NULL`, desc(apiKeySecrets.retiresAt));
}

/** The verification record of the secret that a key has in use; null when there is no such key. */
export async function readRecordInUse(db: Database, keyId: number): Promise<VerificationRecord | null> {
  const [row] = await selectSecrets(db)
    .where(and(eq(apiKeySecrets.keyId, keyId), isNull(apiKeySecrets.retiresAt)))
    .limit(1);
  return row === undefined ? null : toVerificationRecord(row);
}

/**
 * The verification records of the secrets in use of a user's keys, the newest keys first, at most `limit`.
 * @param since keys that were revoked before this moment (unix milliseconds) are left out
 */
export async function readRecordsOfUser(
  db: Database,
  userId: string,
  { since, limit }: { since: number; limit: number },
): Promise<VerificationRecord[]> {
  const rows = await selectSecrets(db)
    .where(
      and(
        eq(apiKeys.userId, userId),
        isNull(apiKeySecrets.retiresAt),
        or(isNull(apiKeys.revokedAt), gte(apiKeys.revokedAt, since)),
      ),
    )
    .orderBy(desc(apiKeys.id))
    .limit(limit);
  return rows.map(toVerificationRecord);
}

/**
 * The verification record of a secret, with the place in the change feed at which it was true; null when no key has the
 * secret.
 */
export async function readVerificationRecord(db: Database, hash: string): Promise<VerificationRecord | null> {
  const [row] = await selectByHash(db, hash);
  return row === undefined ? null : toVerificationRecord(row);
}

/** The newest changes of the feed and the record of a secret, from one snapshot, for one way to the database. */
export async function readFeedAndRecord(
  db: Database,
  { after, limit, hash }: { after: number; limit: number; hash: string },
): Promise<{ answer: FeedAnswer; record: VerificationRecord | null }> {
  const [changes, [row]] = await db.batch([selectFeed(db, after, limit), selectByHash(db, hash)]);
  return { answer: answerOfFeed(changes, limit), record: row === undefined ? null : toVerificationRecord(row) };
}

function selectByHash(db: Database, hash: string) {
  return selectSecrets(db).where(eq(apiKeySecrets.hash, hash)).limit(1);
}

/** The secret whose hash a query finds, with its key, inside a batch. */
export function selectSecretOf(db: Database, hash: SQLWrapper) {
  return selectSecrets(db).where(eq(apiKeySecrets.hash, sql`(${hash})`));
}

export function toVerificationRecord(row: LiveSecretRow): VerificationRecord {
  return {
    epoch: row.epoch,
    seq: row.head,
    keyId: row.id,
    orgId: row.orgId,
    userId: row.userId,
    userType: row.userType,
    userRole: row.userRole,
    userDisabled: row.userDisabled,
    label: row.label,
    createdAt: row.createdAt,
    revoked: row.revokedAt !== null,
    paused: row.pausedAt !== null,
    secretCreatedAt: row.secretCreatedAt,
    retiresAt: row.retiresAt,
    expirationDate: row.expirationDate,
    ipWhitelist: row.ipWhitelist,
    hasRestrictedPermissions: row.hasRestrictedPermissions,
    permissions: row.permissions,
  };
}

/** The secret that a key has in use, and when it was made (unix milliseconds); null when there is no such key. */
export async function readSecretInUse(
  db: Database,
  keyId: number,
): Promise<{ hash: string; sealed: string | null; createdAt: number } | null> {
  const [row] = await db
    .select({ hash: apiKeySecrets.hash, sealed: apiKeySecrets.sealed, createdAt: apiKeySecrets.createdAt })
    .from(apiKeySecrets)
    .where(and(eq(apiKeySecrets.keyId, keyId), isNull(apiKeySecrets.retiresAt)))
    .limit(1);
  return row ?? null;
}

/** A secret that was rotated out. */
export interface RetiredSecret {
  keyId: number;
  /** Which secret of the key: when it was made, in unix milliseconds. */
  secret: number;
  /** Enough to recognise it by; null: it was rotated out before hints of such secrets were kept. */
  hint: string | null;
  /** When it stops, or stopped, working, in unix milliseconds. */
  retiresAt: number;
}

/** The secrets of these keys that are within their overlap at `now`: at most one of each key that was not revoked. */
export async function readOverlaps(db: Database, keyIds: readonly number[], now: number): Promise<RetiredSecret[]> {
  const rows = await db
    .select(retiredColumns)
    .from(apiKeySecrets)
    .where(and(isOneOf(apiKeySecrets.keyId, keyIds), gt(apiKeySecrets.retiresAt, now)))
    .orderBy(apiKeySecrets.retiresAt);
  return rows.flatMap(toRetired);
}

/**
 * Which secret a key has in use, by when it was made (unix milliseconds; null: there is no such key), and those that
 * stopped working after `since`, or still work, the last one first and at most `limit`.
 */
export async function readSecretsSince(
  db: Database,
  keyId: number,
  since: number,
  limit: number,
): Promise<{ inUse: number | null; retired: RetiredSecret[] }> {
  const ofKey = eq(apiKeySecrets.keyId, keyId);
  const [[inUse], retired] = await db.batch([
    db
      .select({ secret: apiKeySecrets.createdAt })
      .from(apiKeySecrets)
      .where(and(ofKey, isNull(apiKeySecrets.retiresAt))),
    db
      .select(retiredColumns)
      .from(apiKeySecrets)
      .where(and(ofKey, gt(apiKeySecrets.retiresAt, since)))
      .orderBy(desc(apiKeySecrets.retiresAt))
      .limit(limit),
  ]);
  return { inUse: inUse?.secret ?? null, retired: retired.flatMap(toRetired) };
}

const retiredColumns = {
  keyId: apiKeySecrets.keyId,
  secret: apiKeySecrets.createdAt,
  hint: apiKeySecrets.hint,
  retiresAt: apiKeySecrets.retiresAt,
};

function toRetired({ retiresAt, ...row }: Omit<RetiredSecret, 'retiresAt'> & { retiresAt: number | null }) {
  return retiresAt === null ? [] : [{ ...row, retiresAt }];
}

/** Until when the secret before the one in use works, in unix milliseconds; null: no overlap runs at `now`. */
export async function readOverlapEnd(db: Database, keyId: number, now: number): Promise<number | null> {
  const [row] = await db
    .select({ endsAt: max(apiKeySecrets.retiresAt) })
    .from(apiKeySecrets)
    .where(and(eq(apiKeySecrets.keyId, keyId), gt(apiKeySecrets.retiresAt, now)));
  return row?.endsAt ?? null;
}

/** The newest secrets that have a sealed form, at most `limit`. */
export async function readNewestSealedSecrets(db: Database, limit: number): Promise<SealedSecret[]> {
  const rows = await db
    .select({ hash: apiKeySecrets.hash, keyId: apiKeySecrets.keyId, sealed: apiKeySecrets.sealed })
    .from(apiKeySecrets)
    .where(isNotNull(apiKeySecrets.sealed))
    .orderBy(sql`${apiKeySecrets}.rowid DESC`)
    .limit(limit);
  return rows.flatMap(({ sealed, ...row }) => (sealed === null ? [] : [{ ...row, sealed }]));
}

export interface SealedSecret {
  hash: string;
  keyId: number;
  sealed: string;
}

/**
 * Secrets whose sealed form does not begin with `prefix`, in the order of their hashes, at most `limit`.
 * @param after only hashes after this one; empty: from the first
 */
export async function readSecretsSealedOtherwise(
  db: Database,
  prefix: string,
  after: string,
  limit: number,
): Promise<SealedSecret[]> {
  const rows = await db
    .select({ hash: apiKeySecrets.hash, keyId: apiKeySecrets.keyId, sealed: apiKeySecrets.sealed })
    .from(apiKeySecrets)
    .where(and(gt(apiKeySecrets.hash, after), isSealedOtherwise(prefix)))
    .orderBy(apiKeySecrets.hash)
    .limit(limit);
  return rows.flatMap(({ sealed, ...row }) => (sealed === null ? [] : [{ ...row, sealed }]));
}

/** How many secrets have a sealed form that does not begin with `prefix`. */
export async function countSecretsSealedOtherwise(db: Database, prefix: string): Promise<number> {
  const [row] = await db.select({ count: count() }).from(apiKeySecrets).where(isSealedOtherwise(prefix));
  return row?.count ?? 0;
}

function isSealedOtherwise(prefix: string): SQL | undefined {
  return and(isNotNull(apiKeySecrets.sealed), sql`substr(${apiKeySecrets.sealed}, 1, ${prefix.length}) <> ${prefix}`);
}

/**
 * Replaces sealed forms. A secret whose form is no longer `from` is left alone: one that was rotated out meanwhile has
 * none. No verdict depends on a sealed form, so nothing is appended to the change feed.
 */
export async function replaceSealedForms(
  db: Database,
  forms: readonly { hash: string; from: string; to: string }[],
): Promise<void> {
  await db
    .update(apiKeySecrets)
    .set({ sealed: sql`form.value ->> '$.to'` })
    .from(sql`json_each(${JSON.stringify(forms)}) AS form`)
    .where(
      and(eq(apiKeySecrets.hash, sql`form.value ->> '$.hash'`), eq(apiKeySecrets.sealed, sql`form.value ->> '$.from'`)),
    );
}

/**
 * Deletes these sealed forms from the secrets that still have them. No verdict depends on one, so nothing is appended
 * to the change feed.
 */
export async function dropSealedForms(db: Database, forms: readonly SealedSecret[]): Promise<void> {
  await db
    .update(apiKeySecrets)
    .set({ sealed: null })
    .from(sql`json_each(${JSON.stringify(forms)}) AS form`)
    .where(
      and(
        eq(apiKeySecrets.hash, sql`form.value ->> '$.hash'`),
        eq(apiKeySecrets.sealed, sql`form.value ->> '$.sealed'`),
      ),
    );
}
