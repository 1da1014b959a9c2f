import * as z from 'zod';
import { isUserId } from '../../domain/users/user.ts';
import { AUDIT_ACTIONS } from '../../wire/audit-actions.ts';
import { paging, queryOf, rowId } from './fields.ts';

/** Query of `GET /audit_events`. */
export const auditListQuery = queryOf({
  ...paging,
  api_key_id: rowId.optional(),
  user_id: z.string().refine(isUserId, 'Must be 24 lower-case hex digits.').optional(),
  action: z.enum(AUDIT_ACTIONS).optional(),
  before: rowId.optional(),
}).transform((query) => ({
  page: query.page,
  perPage: query.per_page,
  apiKeyId: query.api_key_id,
  userId: query.user_id,
  action: query.action,
  before: query.before,
}));
