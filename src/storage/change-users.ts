import { and, eq, exists, inArray, isNotNull, ne, notExists, type SQL, sql } from 'drizzle-orm';
import { NEXT_GENERATION } from './change-sessions.ts';
import { type ChangeEvent, commitUserChange, type RevokedKey, type Stores } from './commit-change.ts';
import type { Database, Statement } from './database.ts';
import { foldCompatible, foldText } from './fold-text.ts';
import { revokeKeysOfPromoted } from './revoke-keys-of-promoted.ts';
import { apiKeySecrets, apiKeys, organisations, sessions, signInLinks, users } from './schema.ts';
import { insertFrom } from './statements.ts';
import { holdsOffice, peer, selectPeers, type UserRow } from './users.ts';

/*
 * Every change of a user. Each function commits a change that an act has judged, in one transaction, or does nothing.
 */

/** The fields that a client gives of a person. */
export interface PersonFields {
  firstName: string;
  lastName: string;
  email: string;
  role: UserRow['role'];
}

/**
 * Adds a person.
 * @returns false when nothing was done, because someone has the email, the organisation is gone, or what this was
 * judged by has changed
 */
export async function addUser(
  stores: Stores,
  { id, orgId, ...fields }: PersonFields & { id: string; orgId: number },
  event: ChangeEvent,
): Promise<boolean> {
  const changed = await commitUserChange(stores, {
    rows: [insertPerson(stores.db, { ...fields, id, orgId: sql`${orgId}`, createdAt: event.now })],
    userId: id,
    orgId,
    ...event,
  });
  return changed !== null;
}

/** The statement that adds a person, unless someone has the email. */
export function insertPerson(
  db: Database,
  person: PersonFields & { id: string; orgId: SQL; createdAt: number },
): Statement {
  const emailFolded = foldCompatible(person.email);
  const row = {
    id: person.id,
    orgId: organisations.id,
    type: 'user' as const,
    role: person.role,
    firstName: person.firstName,
    lastName: person.lastName,
    email: person.email,
    emailFolded,
    searchFolded: searchFoldedOf(person),
    createdAt: person.createdAt,
    ...NEW_USER_COLUMNS,
  };
  const holders = db.select({ id: peer.id }).from(peer).where(eq(peer.emailFolded, emailFolded));
  const isPossible = and(eq(organisations.id, person.orgId), notExists(holders));
  return insertFrom(db, users, row, sql`${organisations} WHERE ${isPossible}`);
}

/** The columns that every new user begins with. */
const NEW_USER_COLUMNS = {
  disabled: false,
  signedInAt: null,
  revision: 0,
  sessionGeneration: 0,
  accessSub: null,
  deletedAt: null,
};

function searchFoldedOf({
  firstName,
  lastName,
  email,
}: Pick<PersonFields, 'firstName' | 'lastName' | 'email'>): string {
  return foldText(`${firstName} ${lastName} ${email}`);
}

/**
 * Changes a person.
 * @param user as it was when this was judged. Nothing is done if it was changed since, if someone else has the email,
 * or if this would demote or disable the last enabled administrator
 * @param promotedBeyond the roles that may give the new role, if the role is raised; else null. Keys of this user whose
 * secret was made by someone else, with any other role, are revoked
 * @returns the keys that were revoked; null when nothing was done
 */
export function changeUserFields(
  stores: Stores,
  user: UserRow,
  after: PersonFields & { disabled: boolean },
  promotedBeyond: readonly string[] | null,
  event: ChangeEvent,
): Promise<{ revokedKeys: RevokedKey[] } | null> {
  const { db } = stores;
  const staysInOffice = after.role === user.role && !after.disabled;
  // An email that stays keeps its stored fold. If the folding has changed since, a newly written fold could collide.
  const emailFolded = after.email === user.email ? undefined : foldCompatible(after.email);
  const update = db
    .update(users)
    .set({
      ...after,
      emailFolded,
      searchFolded: searchFoldedOf(after),
      revision: user.revision + 1,
      ...(endsSessions(user, after) ? { sessionGeneration: NEXT_GENERATION } : {}),
      // Another address is another identity, and the next sign-in by Access binds it.
      ...(after.email === user.email ? {} : { accessSub: null }),
    })
    .where(
      and(
        isUnchanged(user),
        staysInOffice ? undefined : isDispensable(db, user),
        emailFolded === undefined
          ? undefined
          : notExists(
              db
                .select({ id: peer.id })
                .from(peer)
                .where(and(eq(peer.emailFolded, emailFolded), ne(peer.id, user.id))),
            ),
      ),
    );
  return commitUserChange(stores, {
    rows: [update],
    // Whoever made a key for this user knows its secret, and must not gain more by it than they could have given.
    after:
      promotedBeyond === null ? [] : revokeKeysOfPromoted(db, { userId: user.id, makers: promotedBeyond, ...event }),
    userId: user.id,
    orgId: user.orgId,
    ...event,
  });
}

/**
 * Whether a change ends the user's sessions and sign-in links. Whoever has one was let in as someone with another role or
 * address. A maker of a link must not gain by the user's promotion, nor keep a way in to a user who is enabled again.
 */
function endsSessions(user: UserRow, after: PersonFields & { disabled: boolean }): boolean {
  return after.email !== user.email || after.role !== user.role || (after.disabled && !user.disabled);
}

/**
 * Deletes a person with its keys, their secrets, its sessions and sign-in links, however many there are.
 * @param user as it was when this was judged. Nothing is done if it was changed since, or is the last enabled
 * administrator
 * @returns false when nothing was done
 */
export async function deleteUser(stores: Stores, user: UserRow, event: ChangeEvent): Promise<boolean> {
  const { db } = stores;
  const changed = await commitUserChange(stores, {
    rows: [
      db
        .update(users)
        .set({ deletedAt: event.now })
        .where(and(isUnchanged(user), isDispensable(db, user))),
    ],
    after: deleteMarked(db, user.id),
    userId: user.id,
    orgId: user.orgId,
    ...event,
  });
  return changed !== null;
}

/**
 * Deletes children before parents, for the foreign keys. These statements come after the batch's audit event, which may
 * need the user's name.
 */
function deleteMarked(db: Database, userId: string): Statement[] {
  const marked = and(eq(users.id, userId), isNotNull(users.deletedAt));
  const keyIds = db.select({ id: apiKeys.id }).from(apiKeys).where(eq(apiKeys.userId, userId));
  return [
    db.delete(sessions).where(eq(sessions.userId, userId)),
    db.delete(signInLinks).where(eq(signInLinks.userId, userId)),
    db.delete(apiKeySecrets).where(inArray(apiKeySecrets.keyId, keyIds)),
    db.delete(apiKeys).where(eq(apiKeys.userId, userId)),
    db.delete(users).where(marked),
  ];
}

function isUnchanged(user: UserRow): SQL | undefined {
  return and(eq(users.id, user.id), eq(users.revision, user.revision));
}

/**
 * The condition that an administrator can be removed: another enabled one is left. Undefined for other users. It is
 * part of the statement that removes the administrator, and D1 has one writer. So two who are removed at the same time
 * cannot each rely on the other.
 */
function isDispensable(db: Database, user: UserRow): SQL | undefined {
  return holdsOffice(user) ? exists(selectPeers(db, user)) : undefined;
}

/**
 * The statement that adds the bot user of an organisation, unless it has one. Batches that race here cannot add two.
 */
export function addBotIfMissing(
  db: Database,
  bot: { id: string; orgId: number; role: UserRow['role']; createdAt: number },
): Statement {
  const row = {
    id: bot.id,
    orgId: organisations.id,
    type: 'bot' as const,
    role: bot.role,
    firstName: null,
    lastName: null,
    email: null,
    emailFolded: null,
    searchFolded: '',
    createdAt: bot.createdAt,
    ...NEW_USER_COLUMNS,
  };
  const present = db
    .select({ id: peer.id })
    .from(peer)
    .where(and(eq(peer.orgId, organisations.id), eq(peer.type, 'bot')));
  const isMissing = and(eq(organisations.id, bot.orgId), notExists(present));
  return insertFrom(db, users, row, sql`${organisations} WHERE ${isMissing}`);
}

/** The id of an organisation's bot user, inside a batch. */
export function botOf(db: Database, orgId: number): SQL<string> {
  const bot = db
    .select({ id: peer.id })
    .from(peer)
    .where(and(eq(peer.orgId, orgId), eq(peer.type, 'bot')));
  return sql`(${bot})`;
}
