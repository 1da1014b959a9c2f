import { type SQL, sql } from 'drizzle-orm';
import { type Actor, nameOfActor } from './commit-change.ts';
import { type Database, type Statement, statement } from './database.ts';

/**
 * Statements of the batch that raises a user's role. They revoke the keys of this user whose secret someone else made who
 * may not give the new role: that one knows the secret, and would act with the new role by it. Secrets of that kind which
 * are in their overlap end. A secret that the user made itself, by rotating, stays.
 * @param makers the roles that may give the new role; a maker that is disabled or gone may give none
 */
export function revokeKeysOfPromoted(
  db: Database,
  { userId, makers, actor, now }: { userId: string; makers: readonly string[]; actor: Actor; now: number },
): Statement[] {
  const revokedBy = 'operator' in actor ? null : actor.userId;
  return [
    statement(
      db,
      sql`
    UPDATE api_keys
    SET revoked_by = ${revokedBy}, revoked_by_name = ${nameOfActor(actor)}, revoked_at = ${now}, revision = revision + 1
    WHERE user_id = ${userId} AND revoked_at IS NULL AND EXISTS (
      SELECT 1 FROM api_key_secrets AS secret
      WHERE secret.key_id = api_keys.id AND secret.retires_at IS NULL
        AND ${isKnownToAnother(sql`coalesce(secret.minted_by, api_keys.created_by)`, userId, makers)})`,
    ),
    statement(
      db,
      sql`
    UPDATE api_key_secrets SET retires_at = ${now}
    WHERE retires_at > ${now} AND EXISTS (
      SELECT 1 FROM api_keys AS key
      WHERE key.id = api_key_secrets.key_id AND key.user_id = ${userId}
        AND ${isKnownToAnother(sql`coalesce(api_key_secrets.minted_by, key.created_by)`, userId, makers)})`,
    ),
    statement(
      db,
      sql`
    UPDATE api_key_secrets SET sealed = NULL
    WHERE key_id IN (SELECT id FROM api_keys WHERE user_id = ${userId} AND revoked_at = ${now})`,
    ),
    statement(
      db,
      sql`
    INSERT INTO audit_events (
      org_id, at, action, actor_user_id, actor_name, actor_api_key_id, client_ip, api_key_id, user_id, changes
    )
    SELECT
      org_id, ${now}, 'api_key.revoked', ${revokedBy}, ${nameOfActor(actor)},
      ${'operator' in actor ? null : actor.apiKeyId}, ${'operator' in actor ? null : actor.clientIp}, id, user_id,
      ${JSON.stringify({ disabled: [false, true], because: 'the role of its user was raised' })}
    FROM api_keys WHERE user_id = ${userId} AND revoked_at = ${now}`,
    ),
  ];
}

function isKnownToAnother(maker: SQL, userId: string, makers: readonly string[]): SQL {
  return sql`${maker} <> ${userId} AND NOT EXISTS (
    SELECT 1 FROM users AS maker
    WHERE maker.id = ${maker} AND maker.disabled = 0
      AND maker.role IN (SELECT value FROM json_each(${JSON.stringify(makers)})))`;
}
