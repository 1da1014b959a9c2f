import { and, desc, eq, gte, inArray, lt, min, type SQL, sql } from 'drizzle-orm';
import type { AuditAction } from '../wire/audit-actions.ts';
import { countTouched, type Database } from './database.ts';
import { apiKeys, auditEvents } from './schema.ts';

/*
 * Reads and prunes the audit log. The write path (commit-change.ts) appends each event together with the change that it
 * records.
 *
 * The log is the largest table of the database that look-ups need, and every administrator may read it. So a query
 * reads at most MAX_EVENTS of its events plus a page, whatever the filters. It follows an index that serves one filter
 * together with the action and the order. It applies the other filters to the newest events that the index finds.
 */

export type AuditEventRow = typeof auditEvents.$inferSelect;

export interface AuditFilter {
  /** Which events: all, those in an organisation, or those that concern the keys of a user. */
  scope: 'all' | { orgId: number } | { keysOfUserId: string };
  apiKeyId?: number | undefined;
  userId?: string | undefined;
  action?: AuditAction | undefined;
  /** The id of an event: only events before it. */
  before?: number | undefined;
}

/** The most events that are counted, and that pages reach. `before` reaches further back. */
const MAX_EVENTS = 10_000;

/**
 * One page of events, newest first, and how many there are in all.
 * @returns `count`, at most `MAX_EVENTS`, and whether it is exact
 */
export async function readAuditEvents(
  db: Database,
  filter: AuditFilter,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ events: AuditEventRow[]; count: number; countIsExact: boolean }> {
  const { indexed, rest } = conditionsOf(db, filter);
  const found = db
    .select({
      id: auditEvents.id,
      orgId: auditEvents.orgId,
      userId: auditEvents.userId,
      apiKeyId: auditEvents.apiKeyId,
    })
    .from(auditEvents)
    .where(indexed)
    .orderBy(desc(auditEvents.id))
    .limit(MAX_EVENTS + 1)
    .as('audit_events');
  // Without further filters, reading stops along the index at the end of the page. Whole rows are read for the page's
  // ids only.
  const ids =
    rest === undefined
      ? db.select({ id: auditEvents.id }).from(auditEvents).where(indexed).orderBy(desc(auditEvents.id))
      : db.select({ id: found.id }).from(found).where(rest).orderBy(desc(found.id));
  const onPage = ids.limit(Math.max(0, Math.min(limit, MAX_EVENTS - offset))).offset(Math.min(offset, MAX_EVENTS));
  const [counted, events] = await db.batch([
    db
      .select({ count: sql<number>`count(*)`.as('events') })
      .from(found)
      .where(rest),
    db.select().from(auditEvents).where(inArray(auditEvents.id, onPage)).orderBy(desc(auditEvents.id)),
  ]);
  const count = counted[0]?.count ?? 0;
  return { events, count: Math.min(count, MAX_EVENTS), countIsExact: count <= MAX_EVENTS };
}

/** Splits the filter in two: what one index serves, and the rest, to be applied to the events that the index finds. */
function conditionsOf(db: Database, filter: AuditFilter): { indexed: SQL | undefined; rest: SQL | undefined } {
  const { scope } = filter;
  const byKey = filter.apiKeyId === undefined ? undefined : eq(auditEvents.apiKeyId, filter.apiKeyId);
  const byUser = filter.userId === undefined ? undefined : eq(auditEvents.userId, filter.userId);
  const inOrganisation = typeof scope === 'object' && 'orgId' in scope ? eq(auditEvents.orgId, scope.orgId) : undefined;
  const ofOwner =
    typeof scope === 'object' && 'keysOfUserId' in scope ? eq(auditEvents.userId, scope.keysOfUserId) : undefined;
  const ofOwnKeys =
    typeof scope === 'object' && 'keysOfUserId' in scope
      ? inArray(
          auditEvents.apiKeyId,
          db.select({ id: apiKeys.id }).from(apiKeys).where(eq(apiKeys.userId, scope.keysOfUserId)),
        )
      : undefined;

  // The narrowest condition comes first. An event about a key is also about the key's user, in that user's
  // organisation. So of what the first condition finds, the others nearly always keep all or nothing.
  const [narrowest, ...others] = [byKey, byUser, ofOwner, inOrganisation].filter(
    (condition) => condition !== undefined,
  );
  const byAction = filter.action === undefined ? undefined : eq(auditEvents.action, filter.action);
  const further = filter.before === undefined ? undefined : lt(auditEvents.id, filter.before);
  return { indexed: and(narrowest, byAction, further), rest: and(...others, ofOwnKeys) };
}

/**
 * Deletes events from before a moment (unix milliseconds), at most `most` ids from the oldest on. A backlog of millions
 * in one statement would exceed D1's time limit. Events are in the order in which they happened, so this reads what it
 * deletes and one row more.
 * @returns how many it deleted
 */
export async function pruneAuditLog(db: Database, before: number, most: number): Promise<number> {
  const { id, at } = auditEvents;
  const end = sql`(${db.select({ id: min(id) }).from(auditEvents)}) + ${most}`;
  const firstKept = db
    .select({ id: min(id) })
    .from(auditEvents)
    .where(and(gte(at, before), lt(id, end)));
  return countTouched(db, [db.delete(auditEvents).where(lt(id, sql`coalesce((${firstKept}), ${end})`))]);
}
