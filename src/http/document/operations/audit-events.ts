import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { AUDIT_ACTIONS } from '../../../wire/audit-actions.ts';
import { auditEventList } from '../../answers/audit-events.ts';
import { auditListQuery } from '../../schemas/audit-events.ts';
import { describeQuery, operation } from '../operation.ts';
import { PAGING } from './fields.ts';

/*
 * The call that reads the audit log.
 */

export const auditPaths: ZodOpenApiPathsObject = {
  '/v2/audit_events': {
    get: operation({
      id: 'listAuditEvents',
      tag: 'audit',
      summary: 'List audit events',
      description:
        'Newest first. ORG_ADMIN and PROVIDER see those of their reach, others what concerns their own keys.',
      needs: 'api_key_read',
      parameters: describeQuery(auditListQuery, {
        ...PAGING,
        api_key_id: { description: 'Only events about this key.', schema: { type: 'integer', minimum: 1 } },
        user_id: {
          description: 'Only events about this user, or about its keys.',
          schema: { type: 'string', pattern: '^[0-9a-f]{24}$' },
        },
        action: { description: 'Only events of this kind.', schema: { type: 'string', enum: [...AUDIT_ACTIONS] } },
        before: {
          description: 'Only events before the one with this id: further back than pages reach.',
          schema: { type: 'integer', minimum: 1 },
        },
      }),
      answer: { description: 'One page of events.', schema: auditEventList },
    }),
  },
};
