import { and, count, desc, eq, inArray, isNotNull, isNull, ne, type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import type { Database } from './database.ts';
import { foldCompatible, foldText } from './fold-text.ts';
import { users } from './schema.ts';

/*
 * Reads users. change-users.ts writes them.
 */

/** A user as stored. */
export type UserRow = Omit<
  typeof users.$inferSelect,
  'emailFolded' | 'searchFolded' | 'deletedAt' | 'sessionGeneration' | 'accessSub'
>;

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

/** Reads a user, a person or a bot; null when there is none. */
export async function readUser(db: Database, id: string): Promise<UserRow | null> {
  const [row] = await db.select(userColumns).from(users).where(eq(users.id, id)).limit(1);
  return row ?? null;
}

/** The id of the user who has this email, in any letter case and any organisation; null when no one has it. */
export async function readHolderOfEmail(db: Database, email: string): Promise<string | null> {
  const [row] = await db
    .select({ id: users.id })
    .from(users)
    .where(eq(users.emailFolded, foldCompatible(email)))
    .limit(1);
  return row?.id ?? null;
}

/** The person who has this email, as it is needed to sign the person in; null when no one has it. */
export async function readUserToSignIn(
  db: Database,
  email: string,
): Promise<{ id: string; orgId: number; email: string; disabled: boolean; accessSub: string | null } | null> {
  const { id, orgId, disabled, accessSub } = users;
  const [row] = await db
    .select({ id, orgId, email: users.email, disabled, accessSub })
    .from(users)
    .where(and(eq(users.emailFolded, foldCompatible(email)), eq(users.type, 'user')))
    .limit(1);
  return row === undefined || row.email === null ? null : { ...row, email: row.email };
}

/** The enabled PROVIDER users, the oldest first, at most 100. */
export async function readProviders(db: Database): Promise<{ id: string; email: string | null }[]> {
  return db
    .select({ id: users.id, email: users.email })
    .from(users)
    .where(and(eq(users.role, 'PROVIDER'), eq(users.type, 'user'), eq(users.disabled, false)))
    .orderBy(users.createdAt, users.id)
    .limit(100);
}

/** The enabled ORG_ADMIN of an organisation who was created first, but for one user; null when there is no other. */
export async function readAdministrator(
  db: Database,
  { orgId, exceptUserId }: { orgId: number; exceptUserId: string },
): Promise<{ firstName: string | null; lastName: string | null; email: string } | null> {
  const { firstName, lastName, email } = users;
  const [row] = await db
    .select({ firstName, lastName, email })
    .from(users)
    .where(
      and(
        eq(users.orgId, orgId),
        eq(users.role, 'ORG_ADMIN'),
        eq(users.type, 'user'),
        eq(users.disabled, false),
        ne(users.id, exceptUserId),
        isNotNull(users.email),
      ),
    )
    .orderBy(users.createdAt, users.id)
    .limit(1);
  return row === undefined || row.email === null ? null : { ...row, email: row.email };
}

export interface UserFilter {
  orgId: number;
  /** Each of them in names or email, in any order, whatever the case. The caller bounds how many they are. */
  words: readonly string[];
  /** The whole email, whatever the case. */
  email?: string | undefined;
  status?: 'active' | 'invited' | undefined;
}

/** One page of the people of an organisation, newest first, and how many there are in all. */
export async function readUsers(
  db: Database,
  filter: UserFilter,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ users: UserRow[]; count: number }> {
  const condition = conditionOf(filter);
  // The ids come first, from the list's index, so that rows are read for one page only.
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

/** Counts the people of an organisation that match a filter. */
export async function countUsers(db: Database, filter: UserFilter): Promise<number> {
  const [counted] = await db.select({ count: count() }).from(users).where(conditionOf(filter));
  return counted?.count ?? 0;
}

function conditionOf({ orgId, words, email, status }: UserFilter): SQL | undefined {
  return and(
    eq(users.orgId, orgId),
    eq(users.type, 'user'),
    email === undefined ? undefined : eq(users.emailFolded, foldCompatible(email)),
    status === undefined ? undefined : status === 'invited' ? isNull(users.signedInAt) : isNotNull(users.signedInAt),
    // A word has no white space, and the fields are joined by a space: no word matches across two fields.
    ...words.map((word) => sql`instr(${users.searchFolded}, ${foldText(word)})`),
  );
}

/** Whether another enabled person has the same role in the same organisation. */
export async function hasPeer(db: Database, user: UserRow): Promise<boolean> {
  return (await selectPeers(db, user).limit(1)).length > 0;
}

/** Whether this is an enabled administrator: ORG_ADMIN or PROVIDER, of which the last one has to stay. */
export function holdsOffice(user: Pick<UserRow, 'role' | 'disabled'>): boolean {
  return !user.disabled && (user.role === 'ORG_ADMIN' || user.role === 'PROVIDER');
}

/** Alias of the table, for users other than the one that a statement is about. */
export const peer = alias(users, 'peer');

/** The other enabled people with this person's role in its organisation. */
export function selectPeers(db: Database, user: UserRow) {
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
