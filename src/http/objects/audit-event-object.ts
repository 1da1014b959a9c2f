import type { AuditEvent } from '../../domain/audit/list-audit-events.ts';
import type { AuditEventAnswer } from '../answers/audit-events.ts';
import { formatTimestamp } from './timestamps.ts';

/** The audit event of the contract. */
export function auditEventObject(event: AuditEvent): AuditEventAnswer {
  return {
    id: event.id,
    at: formatTimestamp(event.at),
    action: event.action,
    actor_user_id: event.actorUserId,
    actor_name: event.actorName,
    actor_api_key_id: event.actorApiKeyId,
    client_ip: event.clientIp,
    api_key_id: event.apiKeyId,
    user_id: event.userId,
    changes: event.changes,
  };
}
