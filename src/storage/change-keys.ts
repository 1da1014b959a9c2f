import { and, eq, exists, gt, isNull, notExists, type SQL, sql } from 'drizzle-orm';
import { addBotIfMissing, botOf } from './change-users.ts';
import { type ChangeEvent, commitKeyChange, nameOfActor, nameOfUser, type Stores } from './commit-change.ts';
import type { Database, Statement } from './database.ts';
import { foldText } from './fold-text.ts';
import type { KeyRow } from './keys.ts';
import { apiKeySecrets, apiKeys, users } from './schema.ts';
import { insertFrom } from './statements.ts';
import type { UserRow } from './users.ts';

/*
 * Every change of a key. Each function commits a change that an act has judged, in one transaction, or does nothing.
 */

/** The columns of a key that the service sets. All others are fields that a client gives. */
type ServiceColumn =
  | 'id'
  | 'orgId'
  | 'userId'
  | 'userType'
  | 'labelFolded'
  | 'hint'
  | 'hintFolded'
  | 'createdBy'
  | 'createdByName'
  | 'createdAt'
  | 'createdByApiKeyId'
  | 'revokedBy'
  | 'revokedByName'
  | 'revokedAt'
  | 'pausedAt'
  | 'pausedBy'
  | 'revision';

/**
 * The fields of a key that a client gives and may change. A new column of the table is one, unless it is listed above.
 */
export type KeyFields = Omit<typeof apiKeys.$inferSelect, ServiceColumn>;

/** A secret as it is stored, which is never in the clear. */
export interface StoredSecret {
  /** SHA-256 of the secret, in hex. */
  hash: string;
  sealed: string;
  /** Enough to recognise the secret by, e.g. `lk_…9fQ2`. */
  hint: string;
}

/** Whom a new key belongs to: a user; or the bot user of an organisation, made with this id and role if there is none. */
export type KeyOwner =
  | { userId: string }
  | { botOf: number; bot: { id: string; role: typeof users.$inferSelect.role } };

/**
 * Adds a key with its first secret. Organisation and type are those of its user.
 * @returns the key; null when nothing was done, because the user is gone or what this was judged by has changed
 */
export function addKey(
  stores: Stores,
  { fields, secret, owner }: { fields: KeyFields; secret: StoredSecret; owner: KeyOwner },
  event: ChangeEvent,
): Promise<KeyRow | null> {
  const { db } = stores;
  const isBot = 'botOf' in owner;
  return commitKeyChange(stores, {
    before: isBot ? [addBotIfMissing(db, { ...owner.bot, orgId: owner.botOf, createdAt: event.now })] : [],
    rows: insertKeyAndSecret(
      db,
      { fields, secret, userId: isBot ? botOf(db, owner.botOf) : sql`${owner.userId}` },
      event,
    ),
    keyId: keyIdOfSecret(secret.hash),
    ...event,
  });
}

/** The statements that add a key and its first secret. */
export function insertKeyAndSecret(
  db: Database,
  { fields, secret, userId }: { fields: KeyFields; secret: StoredSecret; userId: SQL },
  { actor, now }: Pick<ChangeEvent, 'actor' | 'now'>,
): Statement[] {
  // A key that an operator's command makes is recorded as created by its own user.
  const createdBy = 'operator' in actor ? userId : sql`${actor.userId}`;
  const row = {
    ...fields,
    // SQLite gives the next id.
    id: sql`NULL`,
    orgId: users.orgId,
    userId: users.id,
    userType: users.type,
    labelFolded: foldText(fields.label),
    hint: secret.hint,
    hintFolded: foldText(secret.hint),
    createdBy,
    createdByName: 'operator' in actor ? nameOfUser(db, userId) : nameOfActor(db, actor),
    createdAt: now,
    createdByApiKeyId: 'operator' in actor ? null : actor.apiKeyId,
    revokedBy: null,
    revokedByName: null,
    revokedAt: null,
    pausedAt: null,
    pausedBy: null,
    revision: 0,
  };
  return [
    insertFrom(db, apiKeys, row, sql`${users} WHERE ${eq(users.id, userId)}`),
    db.insert(apiKeySecrets).values({
      hash: secret.hash,
      keyId: sql`last_insert_rowid()`,
      sealed: secret.sealed,
      createdAt: now,
      mintedBy: createdBy,
    }),
  ];
}

/** The id of the key that a secret belongs to, as an expression for the batch that made both. */
export function keyIdOfSecret(hash: string): SQL<number> {
  return sql`(SELECT ${apiKeySecrets.keyId} FROM ${apiKeySecrets} WHERE ${apiKeySecrets.hash} = ${hash})`;
}

/**
 * Changes the fields of a key.
 * @param key as it was when this was judged; nothing is done if it was changed or revoked since
 * @returns the key as it now is; null when nothing was done
 */
export function changeKeyFields(
  stores: Stores,
  key: KeyRow,
  fields: KeyFields,
  event: ChangeEvent,
): Promise<KeyRow | null> {
  const update = stores.db
    .update(apiKeys)
    .set({ ...fields, labelFolded: foldText(fields.label), revision: key.revision + 1 })
    .where(isUnchanged(key));
  return commitKeyChange(stores, { rows: [update], keyId: key.id, ...event });
}

/** A change that takes rights away from a key, and what it still depends on when it is committed. */
interface TakingAway {
  keyId: number;
  /** The id of the user who makes the change. */
  by: string;
  /** The hash of a secret: nothing is done unless it is the one in use, of a key that is not paused. For a key that does it to itself. */
  secretInUse?: string | null;
  /** Nothing is done if the key's user has this role by now. */
  sparedRole?: UserRow['role'] | null;
}

/**
 * Revokes a key, and deletes the sealed forms of its secrets, so that nobody can see them any more, operators included.
 * @returns the key as it now is; null when nothing was done, because someone else revoked it first or what this was
 * judged by has changed
 */
export function revokeKey(stores: Stores, revocation: TakingAway, event: ChangeEvent): Promise<KeyRow | null> {
  const { db } = stores;
  const { keyId, by } = revocation;
  return commitKeyChange(stores, {
    rows: [
      db
        .update(apiKeys)
        .set({
          revokedBy: by,
          revokedByName: nameOfActor(db, event.actor),
          revokedAt: event.now,
          revision: sql`${apiKeys.revision} + 1`,
        })
        .where(mayBeTakenAway(db, revocation)),
    ],
    after: [db.update(apiKeySecrets).set({ sealed: null }).where(eq(apiKeySecrets.keyId, keyId))],
    keyId,
    ...event,
  });
}

/**
 * Pauses a key: its calls are refused until it is resumed. Its secrets stay as they are.
 * @returns the key as it now is; null when nothing was done, because someone else paused or revoked it first or what this
 * was judged by has changed
 */
export function pauseKey(stores: Stores, pause: TakingAway, event: ChangeEvent): Promise<KeyRow | null> {
  const { db } = stores;
  const { keyId, by } = pause;
  const update = db
    .update(apiKeys)
    .set({ pausedBy: by, pausedAt: event.now, revision: sql`${apiKeys.revision} + 1` })
    .where(and(mayBeTakenAway(db, pause), isNull(apiKeys.pausedAt)));
  return commitKeyChange(stores, { rows: [update], keyId, ...event });
}

/** The condition of an UPDATE that takes rights away from a key: it is not revoked, and the rest still holds. */
function mayBeTakenAway(db: Database, { keyId, secretInUse = null, sparedRole = null }: TakingAway): SQL | undefined {
  const inUse = (hash: string) =>
    db
      .select({ hash: apiKeySecrets.hash })
      .from(apiKeySecrets)
      .where(and(eq(apiKeySecrets.hash, hash), eq(apiKeySecrets.keyId, keyId), isNull(apiKeySecrets.retiresAt)));
  return and(
    eq(apiKeys.id, keyId),
    isNull(apiKeys.revokedAt),
    secretInUse === null ? undefined : and(exists(inUse(secretInUse)), isNull(apiKeys.pausedAt)),
    sparedRole === null ? undefined : notExists(userWithRole(db, sparedRole)),
  );
}

/**
 * Resumes a key that is paused.
 * @param key as it was when this was judged; nothing is done if it was changed or revoked since
 * @returns the key as it now is; null when nothing was done
 */
export function resumeKey(stores: Stores, key: KeyRow, event: ChangeEvent): Promise<KeyRow | null> {
  const update = stores.db
    .update(apiKeys)
    .set({ pausedBy: null, pausedAt: null, revision: key.revision + 1 })
    .where(isUnchanged(key));
  return commitKeyChange(stores, { rows: [update], keyId: key.id, ...event });
}

/**
 * Ends the overlap of a secret that was rotated out.
 * @param hash of that secret
 * @returns the key as it now is; null when nothing was done, because the overlap is over or the key was paused or revoked
 */
export function endOverlap(stores: Stores, keyId: number, hash: string, event: ChangeEvent): Promise<KeyRow | null> {
  const isThatSecret = eq(apiKeySecrets.hash, hash);
  return commitOverlapEnd(stores, { keyId, endsAt: event.now }, isThatSecret, isNull(apiKeys.pausedAt), event);
}

/** A new end of a key's overlap. Moments in unix milliseconds. */
interface OverlapEnd {
  keyId: number;
  endsAt: number;
  /** Nothing is done unless the overlap ends then. Null: it ends at any later moment than `endsAt`. */
  presentEnd: number | null;
  /** Nothing is done if the key's user has this role by now. */
  sparedRole: UserRow['role'] | null;
}

/**
 * Moves the end of the overlap that a key is in.
 * @returns the key as it now is; null when nothing was done, because the overlap is over or is another one, the key was
 * revoked or what this was judged by has changed
 */
export function changeOverlap(
  stores: Stores,
  { keyId, endsAt, presentEnd, sparedRole }: OverlapEnd,
  event: ChangeEvent,
): Promise<KeyRow | null> {
  const { retiresAt } = apiKeySecrets;
  const isJudged = presentEnd === null ? gt(retiresAt, endsAt) : eq(retiresAt, presentEnd);
  const isSpared = sparedRole === null ? undefined : notExists(userWithRole(stores.db, sparedRole));
  return commitOverlapEnd(stores, { keyId, endsAt }, isJudged, isSpared, event);
}

/**
 * @param ofSecret a condition on the secret
 * @param ofKey a condition on its key
 */
function commitOverlapEnd(
  stores: Stores,
  { keyId, endsAt }: Pick<OverlapEnd, 'keyId' | 'endsAt'>,
  ofSecret: SQL | undefined,
  ofKey: SQL | undefined,
  event: ChangeEvent,
): Promise<KeyRow | null> {
  const { db } = stores;
  const isLive = db
    .select({ id: apiKeys.id })
    .from(apiKeys)
    .where(and(eq(apiKeys.id, keyId), isNull(apiKeys.revokedAt), ofKey));
  const update = db
    .update(apiKeySecrets)
    .set({ retiresAt: endsAt })
    .where(and(eq(apiKeySecrets.keyId, keyId), gt(apiKeySecrets.retiresAt, event.now), ofSecret, exists(isLive)));
  return commitKeyChange(stores, { rows: [update], keyId, ...event });
}

/** The user of the key in the surrounding statement, if it has this role. */
function userWithRole(db: Database, role: UserRow['role']) {
  return db
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.id, apiKeys.userId), eq(users.role, role)));
}

/** A secret to put in place of the one in use. */
interface NextSecret {
  secret: StoredSecret;
  /** The user who makes it, and so knows it. */
  mintedBy: string;
  overlapEndsAt: number;
  endsPrevious: boolean;
}

/**
 * Replaces the secret in use. The old one works until `overlapEndsAt` (unix milliseconds) and loses its sealed form.
 * A key has at most two secrets that work.
 * @param key as it was when this was judged; nothing is done if it was changed or revoked since
 * @param secret `endsPrevious`: whether an earlier overlap that still runs ends; if not, nothing is done while one runs
 * @returns the key as it now is; null when nothing was done
 */
export function replaceSecret(
  stores: Stores,
  key: KeyRow,
  { secret, mintedBy, overlapEndsAt, endsPrevious }: NextSecret,
  event: ChangeEvent,
): Promise<KeyRow | null> {
  const { db } = stores;
  const { now } = event;
  const ofKey = eq(apiKeySecrets.keyId, key.id);
  const inOverlap = and(ofKey, gt(apiKeySecrets.retiresAt, now));
  const overlaps = db.select({ hash: apiKeySecrets.hash }).from(apiKeySecrets).where(inOverlap);
  // Uses are counted by this moment, so no two secrets of a key may share it, even where the clocks of two isolates differ.
  const latest = sql`(SELECT max(${apiKeySecrets.createdAt}) FROM ${apiKeySecrets} WHERE ${ofKey})`;
  const laterThanOthers = sql`max(${now}, 1 + ${latest})`;
  return commitKeyChange(stores, {
    before: endsPrevious ? [db.update(apiKeySecrets).set({ retiresAt: now }).where(inOverlap)] : [],
    rows: [
      db
        .update(apiKeys)
        .set({ hint: secret.hint, hintFolded: foldText(secret.hint), revision: key.revision + 1 })
        .where(and(isUnchanged(key), notExists(overlaps))),
      db
        .update(apiKeySecrets)
        .set({ retiresAt: overlapEndsAt, sealed: null, hint: key.hint })
        .where(and(ofKey, isNull(apiKeySecrets.retiresAt))),
      db
        .insert(apiKeySecrets)
        .values({ hash: secret.hash, keyId: key.id, sealed: secret.sealed, createdAt: laterThanOthers, mintedBy }),
    ],
    keyId: key.id,
    ...event,
  });
}

function isUnchanged(key: KeyRow): SQL | undefined {
  return and(eq(apiKeys.id, key.id), eq(apiKeys.revision, key.revision), isNull(apiKeys.revokedAt));
}
