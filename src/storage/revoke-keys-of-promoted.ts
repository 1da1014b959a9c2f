import { and, eq, exists, gt, inArray, isNotNull, isNull, ne, notExists, or, type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import { auditColumns, type ChangeEvent, nameOfActor } from './commit-change.ts';
import type { Database, Statement } from './database.ts';
import { apiKeySecrets, apiKeys, auditEvents, users } from './schema.ts';
import { insertFrom, isOneOf } from './statements.ts';

const maker = alias(users, 'maker');

/**
 * Statements for the batch that raises a user's role. They revoke each key of this user whose secret in use was made by
 * someone else who may not give the new role. That maker knows the secret, and could act with the new role through it.
 * For the same reason, such a secret in its overlap ends at once. A secret that the user made itself, by rotating,
 * stays.
 * @param makers the roles that may give the new role. A maker that is disabled or deleted may give none
 */
export function revokeKeysOfPromoted(
  db: Database,
  { userId, makers, actor, now }: { userId: string; makers: readonly string[] } & Pick<ChangeEvent, 'actor' | 'now'>,
): Statement[] {
  const revokedBy = 'operator' in actor ? null : actor.userId;
  const isKnownToAnother = isSecretKnownToAnother(db, userId, makers);
  const secretInUse = db
    .select({ hash: apiKeySecrets.hash })
    .from(apiKeySecrets)
    .where(and(eq(apiKeySecrets.keyId, apiKeys.id), isNull(apiKeySecrets.retiresAt), isKnownToAnother));
  const isToBeRevoked = and(eq(apiKeys.userId, userId), isNull(apiKeys.revokedAt), exists(secretInUse));
  const keyOfSecret = db
    .select({ id: apiKeys.id })
    .from(apiKeys)
    .where(and(eq(apiKeys.id, apiKeySecrets.keyId), eq(apiKeys.userId, userId), isKnownToAnother));
  const event = auditColumns(db, {
    audit: {
      action: 'api_key.revoked',
      changes: { disabled: [false, true], because: 'the role of its user was raised' },
    },
    actor,
    now,
  });
  const revokedOfUser = db
    .select({ id: apiKeys.id })
    .from(apiKeys)
    .where(and(eq(apiKeys.userId, userId), isNotNull(apiKeys.revokedAt)));
  return [
    // The audit events come first, under the same condition as the update. `revokedAt` would not tell later which keys
    // this batch revoked: another batch may have revoked some in the same millisecond.
    insertFrom(
      db,
      auditEvents,
      { ...event, id: sql`NULL`, orgId: apiKeys.orgId, apiKeyId: apiKeys.id, userId: apiKeys.userId },
      sql`${apiKeys} WHERE ${isToBeRevoked}`,
    ),
    db
      .update(apiKeys)
      .set({
        revokedBy,
        revokedByName: nameOfActor(db, actor),
        revokedAt: now,
        revision: sql`${apiKeys.revision} + 1`,
      })
      .where(isToBeRevoked),
    db
      .update(apiKeySecrets)
      .set({ retiresAt: now })
      .where(and(gt(apiKeySecrets.retiresAt, now), exists(keyOfSecret))),
    db
      .update(apiKeySecrets)
      .set({ sealed: null })
      .where(and(isNotNull(apiKeySecrets.sealed), inArray(apiKeySecrets.keyId, revokedOfUser))),
  ];
}

/**
 * Whether a secret of this user was made by someone else who may not give the new role. For statements that have a key and
 * its secret.
 */
function isSecretKnownToAnother(db: Database, userId: string, makers: readonly string[]): SQL | undefined {
  const mintedBy = sql`coalesce(${apiKeySecrets.mintedBy}, ${apiKeys.createdBy})`;
  const mayGive = db
    .select({ id: maker.id })
    .from(maker)
    .where(and(eq(maker.id, mintedBy), eq(maker.disabled, false), isOneOf(maker.role, makers)));
  return and(ne(mintedBy, userId), notExists(mayGive));
}

/** A secret that the batch which raises a user's role would end. */
export interface EndedSecret {
  keyId: number;
  /** Unix milliseconds. */
  createdAt: number;
  /** Whether it is the key's secret in use, so that the key is revoked with it. */
  isInUse: boolean;
}

/** The secrets of a user's keys that those statements would end now. */
export async function readSecretsOfPromoted(
  db: Database,
  { userId, makers, now }: { userId: string; makers: readonly string[]; now: number },
): Promise<EndedSecret[]> {
  const { keyId, createdAt, retiresAt } = apiKeySecrets;
  const rows = await db
    .select({ keyId, createdAt, retiresAt })
    .from(apiKeySecrets)
    .innerJoin(apiKeys, eq(apiKeys.id, keyId))
    .where(
      and(
        eq(apiKeys.userId, userId),
        isNull(apiKeys.revokedAt),
        or(isNull(retiresAt), gt(retiresAt, now)),
        isSecretKnownToAnother(db, userId, makers),
      ),
    );
  return rows.map((row) => ({ keyId: row.keyId, createdAt: row.createdAt, isInUse: row.retiresAt === null }));
}
