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

export interface KeyFilter {
  /** Whose keys: all of an organisation, or one user's. */
  scope: { orgId: number } | { userId: string };
  status?: KeyStatus | undefined;
  userType?: 'bot' | 'user' | undefined;
  userId?: string | undefined;
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
  const search = filter.searchText === undefined ? undefined : foldText(filter.searchText);
  const condition = and(
    'orgId' in filter.scope ? eq(apiKeys.orgId, filter.scope.orgId) : eq(apiKeys.userId, filter.scope.userId),
    filter.userType === undefined ? undefined : eq(apiKeys.userType, filter.userType),
    filter.userId === undefined ? undefined : eq(apiKeys.userId, filter.userId),
    filter.status === undefined ? undefined : statusCondition(filter.status, filter.today),
    // instr and not LIKE: a search for `100%` looks for a percent sign.
    search === undefined
      ? undefined
      : sql`(instr(${apiKeys.labelFolded}, ${search}) OR instr(${apiKeys.hintFolded}, ${search}))`,
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

/** So many keys are counted by kind and status. */
const MAX_COUNTED = 10_000;

/**
 * How many keys there are of each kind and status, as shown above a list. It reads the list's index alone, and no more
 * than a bound of it.
 * @returns null when there are more keys than that
 */
export async function readKeyCounts(
  db: Database,
  scope: KeyFilter['scope'],
  today: string,
): Promise<{ userType: 'bot' | 'user'; status: 'active' | 'paused' | 'disabled' | 'expired'; count: number }[] | null> {
  const status = sql<'active' | 'paused' | 'disabled' | 'expired'>`CASE
    WHEN ${apiKeys.revokedAt} IS NOT NULL THEN 'disabled'
    WHEN ${apiKeys.pausedAt} IS NOT NULL THEN 'paused'
    WHEN ${apiKeys.expirationDate} <= ${today} THEN 'expired'
    ELSE 'active' END`;
  const counted = db
    .select({ userType: apiKeys.userType, status: status.as('status') })
    .from(apiKeys)
    .where('orgId' in scope ? eq(apiKeys.orgId, scope.orgId) : eq(apiKeys.userId, scope.userId))
    .limit(MAX_COUNTED + 1)
    .as('counted');
  const rows = await db
    .select({ userType: counted.userType, status: counted.status, count: count() })
    .from(counted)
    .groupBy(counted.userType, sql`status`);
  return rows.reduce((sum, row) => sum + row.count, 0) > MAX_COUNTED ? null : rows;
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
