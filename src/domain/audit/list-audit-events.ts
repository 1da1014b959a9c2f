import { type AuditEventRow, readAuditEvents } from '../../storage/audit-log.ts';
import type { AuditAction } from '../../wire/audit-actions.ts';
import type { Caller } from '../authority/caller.ts';
import { administersKeys } from '../permissions/roles.ts';
import type { Stores } from '../services.ts';

export type AuditEvent = AuditEventRow;

export interface AuditListRequest {
  /** From 1. */
  page: number;
  perPage: number;
  apiKeyId?: number | undefined;
  userId?: string | undefined;
  action?: AuditAction | undefined;
  /** The id of an event: only those from before it. */
  before?: number | undefined;
}

/**
 * One page of what the caller may know of, newest first: administrators of their organisations, others of their keys.
 * @returns `count` up to a bound, and whether there are no more
 */
export function listAuditEvents(
  services: Stores,
  caller: Caller,
  { page, perPage, ...filter }: AuditListRequest,
): Promise<{ events: AuditEvent[]; count: number; countIsExact: boolean }> {
  return services.readList(services.heard.lookupBookmark, (db) =>
    readAuditEvents(db, { ...filter, scope: scopeOf(caller) }, { offset: (page - 1) * perPage, limit: perPage }),
  );
}

function scopeOf({ user }: Caller) {
  if (user.role === 'PROVIDER') return 'all';
  return administersKeys(user.role) ? { orgId: user.orgId } : { keysOfUserId: user.id };
}
