import { and, count, desc, eq, gt, inArray, isNotNull, isNull, lte, or, type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { foldText } from './fold-text.ts';
import { apiKeySecrets, apiKeys, users } from './schema.ts';
import { isOneOf } from './statements.ts';

/*
 * Reads keys. change-keys.ts writes them.
 */

type ApiKeyColumns = Omit<typeof apiKeys.$inferSelect, 'labelFolded' | 'hintFolded'>;

/** A key as it is stored, with its user's role and name of today. */
export interface KeyRow extends ApiKeyColumns {
  userRole: typeof users.$inferSelect.role;
  userFirstName: string | null;
  userLastName: string | null;
}

// The user's columns have aliases: in a D1 batch, columns with the same name overwrite each other.
export const keyColumns = {
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
  createdByApiKeyId: apiKeys.createdByApiKeyId,
  revokedBy: apiKeys.revokedBy,
  revokedByName: apiKeys.revokedByName,
  revokedAt: apiKeys.revokedAt,
  pausedAt: apiKeys.pausedAt,
  pausedBy: apiKeys.pausedBy,
  revision: apiKeys.revision,
  userRole: sql<KeyRow['userRole']>`${users.role}`.as('owner_role'),
  userFirstName: sql<string | null>`${users.firstName}`.as('owner_first_name'),
  userLastName: sql<string | null>`${users.lastName}`.as('owner_last_name'),
} satisfies Record<keyof KeyRow, unknown>;

export async function readKey(db: Database, id: number): Promise<KeyRow | null> {
  const [row] = await selectKeys(db).where(eq(apiKeys.id, id)).limit(1);
  return row ?? null;
}

/** Which of these keys exist. */
export async function readExistingKeys(db: Database, ids: readonly number[]): Promise<Set<number>> {
  const rows = await db.select({ id: apiKeys.id }).from(apiKeys).where(isOneOf(apiKeys.id, ids));
  return new Set(rows.map(({ id }) => id));
}

/** The key that a secret belongs to, even a secret that was rotated out; null when no key has it. */
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

type KeyStatus = 'active' | 'paused' | 'disabled' | 'expired' | 'inactive';

/** Whose keys: all of an organisation, or one user's, of any organisation or only if it is in this one. */
export type KeyScope = { orgId: number } | { userId: string } | { userId: string; orgId: number };

export interface KeyFilter {
  scope: KeyScope;
  status?: KeyStatus | undefined;
  userType?: 'bot' | 'user' | undefined;
  /** In the label or the hint, whatever the case. */
  searchText?: string | undefined;
  /** Today's date (UTC, `YYYY-MM-DD`), which decides what is `expired`. */
  today: string;
}

/** One page of keys, newest first, and how many there are in all. `offset` and `limit` count keys. */
export async function readKeys(
  db: Database,
  filter: KeyFilter,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ keys: KeyRow[]; count: number }> {
  const condition = and(
    scopeCondition(filter.scope),
    filter.userType === undefined ? undefined : eq(apiKeys.userType, filter.userType),
    filter.status === undefined ? undefined : statusCondition(filter.status, filter.today),
    filter.searchText === undefined ? undefined : searchCondition(filter.searchText),
  );
  // The ids come first, from the list's index, which has every column that filters use. So rows are read for one page
  // only.
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

/** How many keys there are of one type: in all, and by status. */
export type CountsByStatus = Record<'all' | Exclude<KeyStatus, 'inactive'>, number>;

/**
 * Counts keys by type and status, in one read of at most `most` + 1 entries of an index, or rows of a user's keys.
 * @returns null: there are more than `most`
 */
export async function countKeysByStatus(
  db: Database,
  { scope, searchText, today }: Pick<KeyFilter, 'scope' | 'searchText' | 'today'>,
  most: number,
): Promise<Record<'bot' | 'user', CountsByStatus> | null> {
  const { id, userType, revokedAt, pausedAt, expirationDate, labelFolded, hintFolded } = apiKeys;
  // Named as the table is, so that the conditions on the table's columns are of what was found.
  const found = db
    .select({ id, userType, revokedAt, pausedAt, expirationDate, labelFolded, hintFolded })
    .from(apiKeys)
    .where(scopeCondition(scope))
    .limit(most + 1)
    .as('api_keys');
  const wanted = searchText === undefined ? undefined : searchCondition(searchText);
  const countOf = (type: 'bot' | 'user', status?: KeyStatus) => {
    const condition = and(
      eq(userType, type),
      status === undefined ? undefined : statusCondition(status, today),
      wanted,
    );
    // Of no row at all, sum() is NULL.
    return sql<number>`coalesce(sum(CASE WHEN ${condition} THEN 1 ELSE 0 END), 0)`.as(`${type}_${status ?? 'all'}`);
  };
  const countsOf = (type: 'bot' | 'user') => ({
    all: countOf(type),
    active: countOf(type, 'active'),
    paused: countOf(type, 'paused'),
    expired: countOf(type, 'expired'),
    disabled: countOf(type, 'disabled'),
  });
  const [counts] = await db
    .select({ read: sql<number>`count(*)`.as('read'), bot: countsOf('bot'), user: countsOf('user') })
    .from(found);
  if (counts === undefined || counts.read > most) return null;
  return { bot: counts.bot, user: counts.user };
}

function scopeCondition(scope: KeyScope): SQL | undefined {
  if (!('userId' in scope)) return eq(apiKeys.orgId, scope.orgId);
  const ofUser = eq(apiKeys.userId, scope.userId);
  return 'orgId' in scope ? and(ofUser, eq(apiKeys.orgId, scope.orgId)) : ofUser;
}

/** In the label or the hint. instr and not LIKE: a search for `100%` looks for a percent sign. */
function searchCondition(text: string): SQL {
  const folded = foldText(text);
  return sql`(instr(${apiKeys.labelFolded}, ${folded}) OR instr(${apiKeys.hintFolded}, ${folded}))`;
}

function statusCondition(status: KeyStatus, today: string): SQL | undefined {
  const revoked = isNotNull(apiKeys.revokedAt);
  const paused = isNotNull(apiKeys.pausedAt);
  const expired = lte(apiKeys.expirationDate, today);
  const isLive = isNull(apiKeys.revokedAt);
  const runs = and(isLive, isNull(apiKeys.pausedAt));
  switch (status) {
    case 'disabled':
      return revoked;
    case 'paused':
      return and(isLive, paused);
    case 'expired':
      return and(runs, expired);
    case 'inactive':
      return or(revoked, paused, expired);
    case 'active':
      return and(runs, or(isNull(apiKeys.expirationDate), gt(apiKeys.expirationDate, today)));
  }
}
