import * as z from 'zod';
import { pageFields, rowId, timestamp, userId } from './fields.ts';

/*
 * Answers of the audit log.
 */

const auditEvent = z
  .object({
    id: rowId.meta({ description: 'The id of the event. Later ones are larger.' }),
    at: timestamp,
    action: z.string().meta({ description: 'What was done, such as `api_key.revoked`.' }),
    actor_user_id: userId.nullable().meta({ description: 'Who did it; null: an operator.' }),
    actor_name: z.string().nullable().meta({ description: 'What the actor was called.' }),
    actor_api_key_id: rowId.nullable().meta({ description: 'The key of the call; null: the console, or an operator.' }),
    client_ip: z.string().nullable().meta({ description: 'Where the call came from.' }),
    api_key_id: rowId.nullable().meta({ description: 'The key that it was done to.' }),
    user_id: userId.nullable().meta({ description: 'The user that it was done to, or whose key it was.' }),
    changes: z
      .record(z.string(), z.unknown())
      .meta({ description: 'The values before and after, by field. Never a secret.' }),
  })
  .meta({ id: 'AuditEvent', description: 'Who did what to which key or user.' });

export type AuditEventAnswer = z.output<typeof auditEvent>;

export const auditEventList = z
  .object({
    ...pageFields,
    count_is_exact: z
      .literal(false)
      .optional()
      .meta({ description: 'False: there are more events than `count`. `before` reaches them.' }),
    audit_events: z.array(auditEvent).meta({ description: 'The events of this page.' }),
  })
  .meta({ id: 'AuditEventList', description: 'One page of events, newest first. `count` stops at 10,000.' });
