import { z } from 'zod';
import { isUserId } from '../../domain/users/user-id.ts';
import { paging, rowId, text } from './fields.ts';

const ACTION_LENGTH = 100;

/** Query of `GET /audit_events`. */
export const auditListQuery = z
  .object({
    ...paging,
    api_key_id: rowId.optional(),
    user_id: z.string().refine(isUserId, 'Must be 24 lower-case hex digits.').optional(),
    action: text(ACTION_LENGTH).optional(),
  })
  .transform((query) => ({
    page: query.page,
    perPage: query.per_page,
    apiKeyId: query.api_key_id,
    userId: query.user_id,
    action: query.action,
  }));
