import { and, count, desc, eq, inArray, type SQL, sql } from 'drizzle-orm';
import { type Database, type Statement, statement } from './database.ts';
import { apiKeys, auditEvents } from './schema.ts';

/*
 * Reading and forgetting the audit log. It is written by the write path (commit-change.ts), with what it records.
 */

export type AuditEventRow = typeof auditEvents.$inferSelect;

export interface AuditFilter {
  /** Whose: everything, what happened in an organisation, or what concerns the keys of a user. */
  scope: 'all' | { orgId: number } | { keysOfUserId: string };
  apiKeyId?: number | undefined;
  userId?: string | undefined;
  action?: string | undefined;
}

/** One page of events, newest first, and how many there are in all. */
export async function readAuditEvents(
  db: Database,
  filter: AuditFilter,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ events: AuditEventRow[]; count: number }> {
  const condition = and(
    scopeCondition(db, filter.scope),
    filter.apiKeyId === undefined ? undefined : eq(auditEvents.apiKeyId, filter.apiKeyId),
    filter.userId === undefined ? undefined : eq(auditEvents.userId, filter.userId),
    filter.action === undefined ? undefined : eq(auditEvents.action, filter.action),
  );
  const [counted, events] = await db.batch([
    db.select({ count: count() }).from(auditEvents).where(condition),
    db.select().from(auditEvents).where(condition).orderBy(desc(auditEvents.id)).limit(limit).offset(offset),
  ]);
  return { events, count: counted[0]?.count ?? 0 };
}

function scopeCondition(db: Database, scope: AuditFilter['scope']): SQL | undefined {
  if (scope === 'all') return undefined;
  if ('orgId' in scope) return eq(auditEvents.orgId, scope.orgId);
  const keys = db.select({ id: apiKeys.id }).from(apiKeys).where(eq(apiKeys.userId, scope.keysOfUserId));
  return inArray(auditEvents.apiKeyId, keys);
}

/**
 * Forgets events from before a moment (unix milliseconds). They are in the order in which they happened, so this reads
 * what it deletes and one row more.
 */
export function pruneAuditLog(db: Database, before: number): Statement {
  return statement(
    db,
    sql`
    DELETE FROM audit_events
    WHERE id < coalesce(
      (SELECT id FROM audit_events WHERE at >= ${before} ORDER BY id LIMIT 1),
      (SELECT max(id) + 1 FROM audit_events))`,
  );
}
