import { and, count, desc, eq, gt, inArray, isNotNull, isNull, lte, or, type SQL, sql } from 'drizzle-orm';
import { type Database, type Statement, statement } from './database.ts';
import { apiKeySecrets, apiKeys, feedState, users } from './schema.ts';
import type { VerificationRecord } from './verification-record.ts';

/*
 * Reading keys, and the statements that write them. The statements do nothing by themselves: they are run by the write
 * path (commit-change.ts), which adds what has to happen with every change.
 */

type ApiKeyColumns = Omit<typeof apiKeys.$inferSelect, 'labelFolded' | 'hintFolded'>;

/** A key as it is stored, with what its user is today. */
export interface KeyRow extends ApiKeyColumns {
  userRole: typeof users.$inferSelect.role;
  userFirstName: string | null;
  userLastName: string | null;
}

// Columns of the user carry names of their own: in a D1 batch, columns of one name overwrite each other.
const keyColumns = {
  id: apiKeys.id,
  orgId: apiKeys.orgId,
  userId: apiKeys.userId,
  userType: apiKeys.userType,
  label: apiKeys.label,
  description: apiKeys.description,
  hint: apiKeys.hint,
  expirationDate: apiKeys.expirationDate,
  ipWhitelist: apiKeys.ipWhitelist,
  hasRestrictedPermissions: apiKeys.hasRestrictedPermissions,
  permissions: apiKeys.permissions,
  createdBy: apiKeys.createdBy,
  createdByName: apiKeys.createdByName,
  createdAt: apiKeys.createdAt,
  revokedBy: apiKeys.revokedBy,
  revokedByName: apiKeys.revokedByName,
  revokedAt: apiKeys.revokedAt,
  revision: apiKeys.revision,
  userRole: sql<KeyRow['userRole']>`${users.role}`.as('owner_role'),
  userFirstName: sql<string | null>`${users.firstName}`.as('owner_first_name'),
  userLastName: sql<string | null>`${users.lastName}`.as('owner_last_name'),
};

const recordColumns = {
  hash: apiKeySecrets.hash,
  retiresAt: apiKeySecrets.retiresAt,
  userDisabled: sql<boolean>`${users.disabled}`.mapWith(users.disabled).as('owner_disabled'),
  epoch: feedState.epoch,
  head: feedState.head,
};

/** A secret that still opens its key, with all that is known of the key: what a change hands to cache and caller. */
export type LiveSecretRow = KeyRow & {
  hash: string;
  retiresAt: number | null;
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

/** What verification needs to know of a secret, with the place in the change feed that this was true at. */
export async function readVerificationRecord(db: Database, hash: string): Promise<VerificationRecord | null> {
  const [row] = await selectSecrets(db).where(eq(apiKeySecrets.hash, hash)).limit(1);
  return row === undefined ? null : toVerificationRecord(row);
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
    revoked: row.revokedAt !== null,
    retiresAt: row.retiresAt,
    expirationDate: row.expirationDate,
    ipWhitelist: row.ipWhitelist,
    hasRestrictedPermissions: row.hasRestrictedPermissions,
    permissions: row.permissions,
  };
}

export async function readKey(db: Database, id: number): Promise<KeyRow | null> {
  const [row] = await selectKeys(db).where(eq(apiKeys.id, id)).limit(1);
  return row ?? null;
}

/** Which of these keys there are. */
export async function readExistingKeys(db: Database, ids: readonly number[]): Promise<Set<number>> {
  const rows = await db.all<{ id: number }>(
    sql`SELECT id FROM api_keys WHERE id IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`,
  );
  return new Set(rows.map(({ id }) => id));
}

/** The key that a secret belongs to, also when that secret was rotated out. */
export async function readKeyByHash(db: Database, hash: string): Promise<KeyRow | null> {
  const [row] = await selectKeys(db)
    .innerJoin(apiKeySecrets, eq(apiKeySecrets.keyId, apiKeys.id))
    .where(eq(apiKeySecrets.hash, hash))
    .limit(1);
  return row ?? null;
}

function selectKeys(db: Database) {
  return db.select(keyColumns).from(apiKeys).innerJoin(users, eq(users.id, apiKeys.userId)).$dynamic();
}

export type KeyStatus = 'active' | 'disabled' | 'expired' | 'inactive';

export interface KeyFilter {
  /** Whose keys: all of an organisation, or one user's. */
  scope: { orgId: number } | { userId: string };
  status?: KeyStatus | undefined;
  userType?: 'bot' | 'user' | undefined;
  /** Folded; in the label or the hint. */
  searchFolded?: string | undefined;
  /** Today's date, UTC: what `expired` is measured by. */
  today: string;
}

/** One page of keys, newest first, and how many there are in all. `offset` and `limit` count keys. */
export async function readKeys(
  db: Database,
  filter: KeyFilter,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ keys: KeyRow[]; count: number }> {
  const condition = and(
    'orgId' in filter.scope ? eq(apiKeys.orgId, filter.scope.orgId) : eq(apiKeys.userId, filter.scope.userId),
    filter.userType === undefined ? undefined : eq(apiKeys.userType, filter.userType),
    filter.status === undefined ? undefined : statusCondition(filter.status, filter.today),
    // instr and not LIKE: a search for `100%` looks for a percent sign.
    filter.searchFolded === undefined
      ? undefined
      : sql`(instr(${apiKeys.labelFolded}, ${filter.searchFolded}) OR instr(${apiKeys.hintFolded}, ${filter.searchFolded}))`,
  );
  // The ids first, which the index of the list has with all that it is filtered by: rows are read for one page only.
  const onPage = db
    .select({ id: apiKeys.id })
    .from(apiKeys)
    .where(condition)
    .orderBy(desc(apiKeys.id))
    .limit(limit)
    .offset(offset);
  const [counted, keys] = await db.batch([
    db.select({ count: count() }).from(apiKeys).where(condition),
    selectKeys(db).where(inArray(apiKeys.id, onPage)).orderBy(desc(apiKeys.id)),
  ]);
  return { keys, count: counted[0]?.count ?? 0 };
}

function statusCondition(status: KeyStatus, today: string): SQL | undefined {
  const revoked = isNotNull(apiKeys.revokedAt);
  const expired = lte(apiKeys.expirationDate, today);
  switch (status) {
    case 'disabled':
      return revoked;
    case 'expired':
      return and(isNull(apiKeys.revokedAt), expired);
    case 'inactive':
      return or(revoked, expired);
    case 'active':
      return and(isNull(apiKeys.revokedAt), or(isNull(apiKeys.expirationDate), gt(apiKeys.expirationDate, today)));
  }
}

/** The secret that a key has in use; null when there is no such key. */
export async function readSecretInUse(
  db: Database,
  keyId: number,
): Promise<{ hash: string; sealed: string | null } | null> {
  const [row] = await db
    .select({ hash: apiKeySecrets.hash, sealed: apiKeySecrets.sealed })
    .from(apiKeySecrets)
    .where(and(eq(apiKeySecrets.keyId, keyId), isNull(apiKeySecrets.retiresAt)))
    .limit(1);
  return row ?? null;
}

/** The sealed secrets that were made last. */
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
 * Sealed secrets whose sealed form does not begin so, in the order of their hashes, and how many there are in all.
 * @param after the hash to go on after; empty: from the first
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

export async function countSecretsSealedOtherwise(db: Database, prefix: string): Promise<number> {
  const [row] = await db.select({ count: count() }).from(apiKeySecrets).where(isSealedOtherwise(prefix));
  return row?.count ?? 0;
}

function isSealedOtherwise(prefix: string): SQL | undefined {
  return and(isNotNull(apiKeySecrets.sealed), sql`substr(${apiKeySecrets.sealed}, 1, ${prefix.length}) <> ${prefix}`);
}

/** Puts new sealed forms in place of others, where those are still there: one rotated out meanwhile has none. */
export function replaceSealedForms(
  db: Database,
  forms: readonly { hash: string; from: string; to: string }[],
): Statement {
  return statement(
    db,
    sql`
    UPDATE api_key_secrets SET sealed = form.value ->> '$.to'
    FROM json_each(${JSON.stringify(forms)}) AS form
    WHERE hash = form.value ->> '$.hash' AND sealed = form.value ->> '$.from'`,
  );
}

export interface NewKey {
  userId: string | SQL;
  label: string;
  labelFolded: string;
  description: string | null;
  hint: string;
  hintFolded: string;
  expirationDate: string | null;
  ipWhitelist: readonly string[];
  hasRestrictedPermissions: boolean;
  permissions: readonly string[];
  createdBy: string | null;
  createdByName: SQL | string;
  createdAt: number;
}

/** Adds a key for a user, taking organisation and type from the user's row: nothing is added when there is none. */
export function insertKey(db: Database, key: NewKey): Statement {
  return statement(
    db,
    sql`
    INSERT INTO api_keys (
      org_id, user_id, user_type, label, label_folded, description, hint, hint_folded, expiration_date,
      ip_whitelist, has_restricted_permissions, permissions, created_by, created_by_name, created_at
    )
    SELECT
      owner.org_id, owner.id, owner.type, ${key.label}, ${key.labelFolded}, ${key.description}, ${key.hint},
      ${key.hintFolded}, ${key.expirationDate}, ${JSON.stringify(key.ipWhitelist)},
      ${key.hasRestrictedPermissions ? 1 : 0}, ${JSON.stringify(key.permissions)},
      coalesce(${key.createdBy}, owner.id), ${key.createdByName}, ${key.createdAt}
    FROM users AS owner WHERE owner.id = ${key.userId}`,
  );
}

/** A secret as it is stored: never itself. */
export interface NewSecret {
  hash: string;
  sealed: string;
  /** Unix milliseconds. */
  createdAt: number;
  /** The user who made it, and so knows it. */
  mintedBy: string;
}

/** Adds the secret of the key that was inserted just before. */
export function insertFirstSecret(db: Database, secret: NewSecret): Statement {
  return statement(
    db,
    sql`
    INSERT INTO api_key_secrets (hash, key_id, sealed, created_at, minted_by)
    VALUES (${secret.hash}, last_insert_rowid(), ${secret.sealed}, ${secret.createdAt}, ${secret.mintedBy})`,
  );
}

/** The key that a secret belongs to, inside a batch that has just made both. */
export function keyIdOfSecret(hash: string): SQL<number> {
  return sql`(SELECT key_id FROM api_key_secrets WHERE hash = ${hash})`;
}

export interface KeyFields {
  label: string;
  labelFolded: string;
  description: string | null;
  expirationDate: string | null;
  ipWhitelist: string[];
  hasRestrictedPermissions: boolean;
  permissions: string[];
}

/** Changes a key, if it is still as it was when the change was judged, and not revoked. */
export function updateKey(db: Database, key: KeyRow, fields: KeyFields): Statement {
  return db
    .update(apiKeys)
    .set({ ...fields, revision: key.revision + 1 })
    .where(and(eq(apiKeys.id, key.id), eq(apiKeys.revision, key.revision), isNull(apiKeys.revokedAt)));
}

/** Revokes a key, if no one has. */
export function revokeKey(db: Database, keyId: number, revocation: { by: string; byName: SQL; at: number }): Statement {
  return db
    .update(apiKeys)
    .set({
      revokedBy: revocation.by,
      revokedByName: revocation.byName,
      revokedAt: revocation.at,
      revision: sql`${apiKeys.revision} + 1`,
    })
    .where(and(eq(apiKeys.id, keyId), isNull(apiKeys.revokedAt)));
}

/** Takes the sealed form off every secret of a key that is revoked: nobody may see it any more, operators included. */
export function dropSealedSecretsOfRevoked(db: Database, keyId: number): Statement {
  return statement(
    db,
    sql`
    UPDATE api_key_secrets SET sealed = NULL
    WHERE key_id = ${keyId} AND (SELECT revoked_at FROM api_keys WHERE id = ${keyId}) IS NOT NULL`,
  );
}

/**
 * The statements that put a new secret in place of the one in use, which then works until `overlapEndsAt` (unix
 * milliseconds): if the key is still as it was when this was judged. The one that is replaced loses its sealed form.
 */
export function replaceSecret(
  db: Database,
  key: KeyRow,
  secret: NewSecret & { hint: string; hintFolded: string },
  overlapEndsAt: number,
): { rows: Statement[]; after: Statement[] } {
  return {
    rows: [
      db
        .update(apiKeys)
        .set({ hint: secret.hint, hintFolded: secret.hintFolded, revision: key.revision + 1 })
        .where(and(eq(apiKeys.id, key.id), eq(apiKeys.revision, key.revision), isNull(apiKeys.revokedAt))),
      db
        .update(apiKeySecrets)
        .set({ retiresAt: overlapEndsAt, sealed: null })
        .where(and(eq(apiKeySecrets.keyId, key.id), isNull(apiKeySecrets.retiresAt))),
      db.insert(apiKeySecrets).values({
        hash: secret.hash,
        keyId: key.id,
        sealed: secret.sealed,
        createdAt: secret.createdAt,
        mintedBy: secret.mintedBy,
      }),
    ],
    // The overlap of an earlier rotation ends with this one: of two secrets at most, one is the one in use.
    after: [
      statement(
        db,
        sql`
    UPDATE api_key_secrets SET retires_at = ${secret.createdAt}
    WHERE key_id = ${key.id} AND retires_at > ${secret.createdAt}
      AND hash <> (
        SELECT hash FROM api_key_secrets WHERE key_id = ${key.id} AND retires_at IS NOT NULL ORDER BY rowid DESC LIMIT 1)`,
      ),
    ],
  };
}
