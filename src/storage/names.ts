import type { Database } from './database.ts';
import { apiKeys, users } from './schema.ts';
import { isOneOf } from './statements.ts';

/** A key as it is named beside an event. */
export type NamedKey = Pick<typeof apiKeys.$inferSelect, 'id' | 'orgId' | 'userId' | 'label'>;

/** A person as it is named beside an event. */
export type NamedUser = Pick<typeof users.$inferSelect, 'id' | 'orgId' | 'type' | 'firstName' | 'lastName' | 'email'>;

/** Which of these keys and users exist, and their names, in one read. The caller bounds how many they are. */
export async function readNames(
  db: Database,
  { apiKeyIds, userIds }: { apiKeyIds: readonly number[]; userIds: readonly string[] },
): Promise<{ keys: NamedKey[]; users: NamedUser[] }> {
  const { id, orgId, type, firstName, lastName, email } = users;
  const [keys, people] = await db.batch([
    db
      .select({ id: apiKeys.id, orgId: apiKeys.orgId, userId: apiKeys.userId, label: apiKeys.label })
      .from(apiKeys)
      .where(isOneOf(apiKeys.id, apiKeyIds)),
    db.select({ id, orgId, type, firstName, lastName, email }).from(users).where(isOneOf(id, userIds)),
  ]);
  return { keys, users: people };
}
