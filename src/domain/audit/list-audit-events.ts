import { type AuditEventRow, readAuditEvents } from '../../storage/audit-log.ts';
import type { Caller } from '../authority/caller.ts';
import { administersKeys } from '../permissions/roles.ts';
import type { Services } from '../services.ts';

export interface AuditListRequest {
  /** From 1. */
  page: number;
  perPage: number;
  apiKeyId?: number | undefined;
  userId?: string | undefined;
  action?: string | undefined;
}

/** One page of what the caller may know of, newest first: administrators of their organisations, others of their keys. */
export function listAuditEvents(
  services: Services,
  caller: Caller,
  { page, perPage, ...filter }: AuditListRequest,
): Promise<{ events: AuditEventRow[]; count: number }> {
  return readAuditEvents(
    services.db,
    { ...filter, scope: scopeOf(caller) },
    { offset: (page - 1) * perPage, limit: perPage },
  );
}

function scopeOf({ user }: Caller) {
  if (user.role === 'PROVIDER') return 'all';
  return administersKeys(user.role) ? { orgId: user.orgId } : { keysOfUserId: user.id };
}
