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
  /** The id of an event: only events before it. */
  before?: number | undefined;
}

/**
 * One page of the audit events that the caller may see, newest first: PROVIDER sees all, ORG_ADMIN those of its
 * organisation, others those about their own keys.
 * @returns `count` stops at a bound; `countIsExact` is false when there are more events than that
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
