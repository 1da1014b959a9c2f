import { and, eq, type SQL, sql } from 'drizzle-orm';
import { insertKeyAndSecret, type KeyFields, keyIdOfSecret, type StoredSecret } from './change-keys.ts';
import { insertPerson, type PersonFields } from './change-users.ts';
import { type ChangeEvent, commitKeyChange, commitOrganisationChange, type Stores } from './commit-change.ts';
import type { Database, Statement } from './database.ts';
import { foldText } from './fold-text.ts';
import type { KeyRow } from './keys.ts';
import { organisations, users } from './schema.ts';

/*
 * Every change of an organisation. Each function commits one in one transaction, or does nothing.
 */

/**
 * Adds an organisation to the deployment.
 * @returns its id; null when nothing was done, because what this was judged by has changed
 */
export function addOrganisation(stores: Stores, name: string, event: ChangeEvent): Promise<number | null> {
  return commitOrganisationChange(stores, {
    rows: [insertOrganisation(stores.db, name, { isDeployment: false, createdAt: event.now })],
    orgId: newestOrganisation(),
    ...event,
  });
}

/**
 * Makes the deployment's own organisation, its first user and that user's key.
 * @returns the key; null when nothing was done, because the deployment has its organisation already
 */
export function addDeployment(
  stores: Stores,
  {
    name,
    user,
    key,
  }: {
    name: string;
    user: PersonFields & { id: string };
    key: { fields: KeyFields; secret: StoredSecret };
  },
  event: ChangeEvent,
): Promise<KeyRow | null> {
  const { db } = stores;
  return commitKeyChange(stores, {
    rows: [
      insertOrganisation(db, name, { isDeployment: true, createdAt: event.now }),
      insertPerson(db, { ...user, orgId: newestOrganisation(), createdAt: event.now }),
      ...insertKeyAndSecret(db, { ...key, userId: sql`${user.id}` }, event),
    ],
    keyId: keyIdOfSecret(key.secret.hash),
    ...event,
  });
}

/**
 * Adds a key for an enabled PROVIDER user: an existing one, or one that it adds to the deployment's own organisation.
 * @returns the key; null when nothing was done, because the existing user is not an enabled PROVIDER, or someone has
 * the new user's email
 */
export function addProviderKey(
  stores: Stores,
  {
    user,
    key,
  }: { user: { id: string } | (PersonFields & { id: string }); key: { fields: KeyFields; secret: StoredSecret } },
  event: ChangeEvent,
): Promise<KeyRow | null> {
  const { db } = stores;
  const orgId = sql`(SELECT ${organisations.id} FROM ${organisations} WHERE ${eq(organisations.isDeployment, true)})`;
  const isProvider = and(eq(users.id, user.id), eq(users.role, 'PROVIDER'), eq(users.disabled, false));
  return commitKeyChange(stores, {
    rows: [
      ...('email' in user ? [insertPerson(db, { ...user, orgId, createdAt: event.now })] : []),
      ...insertKeyAndSecret(db, { ...key, userId: sql`(SELECT ${users.id} FROM ${users} WHERE ${isProvider})` }, event),
    ],
    keyId: keyIdOfSecret(key.secret.hash),
    ...event,
  });
}

/**
 * The statement that adds an organisation. The deployment has one organisation of its own, and a second is not added.
 */
function insertOrganisation(
  db: Database,
  name: string,
  { isDeployment, createdAt }: { isDeployment: boolean; createdAt: number },
): Statement {
  const values = { name, nameFolded: foldText(name), isDeployment, createdAt };
  const insert = db.insert(organisations).values(values);
  return isDeployment ? insert.onConflictDoNothing() : insert;
}

/** The id of the organisation that the first statement of this batch inserted. */
function newestOrganisation(): SQL<number> {
  return sql`(SELECT max(${organisations.id}) FROM ${organisations})`;
}
