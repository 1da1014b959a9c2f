import { desc, eq, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { apiKeys } from './schema.ts';

/**
 * The ids of the keys of each of these users, the newest first and at most `most` of each user, in one read. It reads as
 * many entries of an index as it finds, so a user with thousands of keys costs no more than `most`.
 */
export async function readKeyIdsOfUsers(
  db: Database,
  userIds: readonly string[],
  most: number,
): Promise<Map<string, number[]>> {
  const ofUser = db
    .select({ id: apiKeys.id })
    .from(apiKeys)
    .where(eq(apiKeys.userId, sql`given.value`))
    .orderBy(desc(apiKeys.id))
    .limit(most);
  const rows = await db
    .select({
      userId: sql<string>`given.value`.as('user_id'),
      keyIds: sql`(SELECT json_group_array(id) FROM (${ofUser}))`.mapWith(parseIds).as('key_ids'),
    })
    .from(sql`json_each(${JSON.stringify(userIds)}) AS given`);
  return new Map(rows.map(({ userId, keyIds }) => [userId, keyIds]));
}

function parseIds(list: string): number[] {
  const ids: unknown = JSON.parse(list);
  return Array.isArray(ids) ? ids.filter((id) => typeof id === 'number') : [];
}
