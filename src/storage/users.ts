import { and, count, desc, eq, exists, inArray, isNotNull, ne, notExists, type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import { type Database, type Statement, statement } from './database.ts';
import { apiKeySecrets, apiKeys, users } from './schema.ts';

/*
 * Reading users, and the statements that write them, for the write path (commit-change.ts) to run.
 */

/** A user as stored. */
export type UserRow = Omit<typeof users.$inferSelect, 'emailFolded' | 'searchFolded' | 'deletedAt'>;

const userColumns = {
  id: users.id,
  orgId: users.orgId,
  type: users.type,
  role: users.role,
  firstName: users.firstName,
  lastName: users.lastName,
  email: users.email,
  disabled: users.disabled,
  signedInAt: users.signedInAt,
  createdAt: users.createdAt,
  revision: users.revision,
};

/** Reads a user, people and bots alike. */
export async function readUser(db: Database, id: string): Promise<UserRow | null> {
  const [row] = await db.select(userColumns).from(users).where(eq(users.id, id)).limit(1);
  return row ?? null;
}

/** The id of whoever has this email (folded), in all of the deployment; null when no one has. */
export async function readHolderOfEmail(db: Database, emailFolded: string): Promise<string | null> {
  const [row] = await db.select({ id: users.id }).from(users).where(eq(users.emailFolded, emailFolded)).limit(1);
  return row?.id ?? null;
}

export interface UserFilter {
  orgId: number;
  /** Folded; in names or email. */
  searchFolded?: string | undefined;
  /** Folded; the whole email. */
  emailFolded?: string | undefined;
}

/** One page of the people of an organisation, newest first, and how many there are in all. */
export async function readUsers(
  db: Database,
  filter: UserFilter,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ users: UserRow[]; count: number }> {
  const condition = and(
    eq(users.orgId, filter.orgId),
    eq(users.type, 'user'),
    filter.emailFolded === undefined ? undefined : eq(users.emailFolded, filter.emailFolded),
    filter.searchFolded === undefined ? undefined : sql`instr(${users.searchFolded}, ${filter.searchFolded})`,
  );
  // The ids first, which the index of the list has: rows are read for one page only.
  const onPage = db
    .select({ id: users.id })
    .from(users)
    .where(condition)
    .orderBy(desc(users.createdAt), desc(users.id))
    .limit(limit)
    .offset(offset);
  const [counted, found] = await db.batch([
    db.select({ count: count() }).from(users).where(condition),
    db.select(userColumns).from(users).where(inArray(users.id, onPage)).orderBy(desc(users.createdAt), desc(users.id)),
  ]);
  return { users: found, count: counted[0]?.count ?? 0 };
}

export interface NewUser {
  id: string;
  orgId: number | SQL<number>;
  role: UserRow['role'];
  firstName: string;
  lastName: string;
  email: string;
  emailFolded: string;
  searchFolded: string;
  createdAt: number;
}

/** Adds a person, unless someone has that email. */
export function insertUser(db: Database, user: NewUser): Statement {
  return statement(
    db,
    sql`
    INSERT INTO users (id, org_id, type, role, first_name, last_name, email, email_folded, search_folded, created_at)
    SELECT
      ${user.id}, organisation.id, 'user', ${user.role}, ${user.firstName}, ${user.lastName}, ${user.email},
      ${user.emailFolded}, ${user.searchFolded}, ${user.createdAt}
    FROM organisations AS organisation
    WHERE organisation.id = ${user.orgId}
      AND NOT EXISTS (SELECT 1 FROM users WHERE email_folded = ${user.emailFolded})`,
  );
}

export interface ChangedUser {
  firstName: string;
  lastName: string;
  email: string;
  /** Undefined: the email stays, and with it what it was folded to when it was written. */
  emailFolded: string | undefined;
  searchFolded: string;
  role: UserRow['role'];
  disabled: boolean;
}

/**
 * Changes a person, if it is still as it was when the change was judged, no one else has the email, and it is not the
 * last of the administrators whom it would leave.
 */
export function updateUser(db: Database, user: UserRow, changed: ChangedUser): Statement {
  const staysInOffice = changed.role === user.role && !changed.disabled;
  return db
    .update(users)
    .set({ ...changed, revision: user.revision + 1 })
    .where(
      and(
        isUnchanged(user),
        staysInOffice ? undefined : isDispensable(db, user),
        changed.emailFolded === undefined
          ? undefined
          : notExists(
              db
                .select({ id: peer.id })
                .from(peer)
                .where(and(eq(peer.emailFolded, changed.emailFolded), ne(peer.id, user.id))),
            ),
      ),
    );
}

/** Marks a person as going, under the same conditions; the statements of `deleteMarkedUser` do the rest. */
export function markUserDeleted(db: Database, user: UserRow, now: number): Statement {
  return db
    .update(users)
    .set({ deletedAt: now })
    .where(and(isUnchanged(user), isDispensable(db, user)));
}

/** Deletes a user that this batch has marked, with its keys and their secrets: children first, by foreign key. */
export function deleteMarkedUser(db: Database, userId: string): Statement[] {
  const marked = and(eq(users.id, userId), isNotNull(users.deletedAt));
  const markedId = db.select({ id: users.id }).from(users).where(marked);
  const keyIds = db.select({ id: apiKeys.id }).from(apiKeys).where(inArray(apiKeys.userId, markedId));
  return [
    db.delete(apiKeySecrets).where(inArray(apiKeySecrets.keyId, keyIds)),
    db.delete(apiKeys).where(inArray(apiKeys.userId, markedId)),
    db.delete(users).where(marked),
  ];
}

/** Whether someone else holds this person's office: an enabled one with the same role in the same organisation. */
export async function hasPeer(db: Database, user: UserRow): Promise<boolean> {
  return (await selectPeers(db, user).limit(1)).length > 0;
}

function isUnchanged(user: UserRow): SQL | undefined {
  return and(eq(users.id, user.id), eq(users.revision, user.revision));
}

/**
 * Whether an administrator can go: someone else is left. It is part of the statement that lets it go, and D1 has one
 * writer, so two who go at the same time cannot both count on each other.
 */
function isDispensable(db: Database, user: UserRow): SQL | undefined {
  return holdsOffice(user) ? exists(selectPeers(db, user)) : undefined;
}

/** Whether this is one of those of whom one has to stay. */
export function holdsOffice(user: Pick<UserRow, 'role' | 'disabled'>): boolean {
  return !user.disabled && (user.role === 'ORG_ADMIN' || user.role === 'PROVIDER');
}

const peer = alias(users, 'peer');

function selectPeers(db: Database, user: UserRow) {
  return db
    .select({ id: peer.id })
    .from(peer)
    .where(
      and(
        eq(peer.orgId, user.orgId),
        eq(peer.role, user.role),
        eq(peer.type, 'user'),
        eq(peer.disabled, false),
        ne(peer.id, user.id),
      ),
    )
    .$dynamic();
}

/** Adds the bot user of an organisation, unless it has one. The organisation keeps one, however many race here. */
export function insertBotIfMissing(
  db: Database,
  bot: { id: string; orgId: number; role: UserRow['role']; createdAt: number },
): Statement {
  return statement(
    db,
    sql`
    INSERT INTO users (id, org_id, type, role, search_folded, created_at)
    SELECT ${bot.id}, organisation.id, 'bot', ${bot.role}, '', ${bot.createdAt}
    FROM organisations AS organisation
    WHERE organisation.id = ${bot.orgId}
      AND NOT EXISTS (SELECT 1 FROM users WHERE org_id = organisation.id AND type = 'bot')`,
  );
}

/** The id of an organisation's bot user, inside a batch. */
export function botOf(orgId: number): SQL<string> {
  return sql`(SELECT id FROM users WHERE org_id = ${orgId} AND type = 'bot')`;
}

/** The name that is written down beside what a user did, inside a batch. */
export function nameOfUser(userId: string): SQL<string> {
  return sql`(
    SELECT CASE type WHEN 'bot' THEN 'Main integration' ELSE first_name || ' ' || last_name END
    FROM users WHERE id = ${userId})`;
}
