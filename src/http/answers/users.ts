import * as z from 'zod';
import { USER_STATUSES } from '../../domain/users/user.ts';
import { count, effectiveBy, pageFields, role, rowId, success, userId } from './fields.ts';

/*
 * Answers of the calls on users.
 */

export const user = z
  .object({
    id: userId,
    org_id: rowId,
    first_name: z.string().nullable().meta({ description: 'Null for the bot user of main integration keys.' }),
    last_name: z.string().nullable(),
    email: z.string().nullable(),
    role,
    status: z.enum(USER_STATUSES).meta({ description: '`invited`: the user has never signed in.' }),
    disabled: z.boolean(),
    created_at: z.int().meta({ description: 'In unix seconds.' }),
  })
  .meta({ id: 'User', description: 'A user of an organisation.' });

export type UserAnswer = z.output<typeof user>;

export const userList = z
  .object({ ...pageFields, users: z.array(user) })
  .meta({ id: 'UserList', description: 'One page of users.' });

export const userCount = z.object({ count }).meta({ id: 'UserCount' });

export const createdUser = z.object({ id: userId, status: success }).meta({ id: 'CreatedUser' });

export const revokedKeys = z.array(z.object({ id: rowId, label: z.string() })).meta({
  description: 'The keys that the raise of the role revokes, because someone else knows their secret. Left out: none.',
});

export const changedUser = z
  .object({ id: userId, status: success, effective_by: effectiveBy, revoked_api_keys: revokedKeys.optional() })
  .meta({ id: 'ChangedUser' });

export const deletedUser = z
  .object({ id: userId, status: success, effective_by: effectiveBy })
  .meta({ id: 'DeletedUser' });

export const invitedUser = z
  .object({
    id: userId,
    status: success,
    sign_in_url: z.url().meta({ description: 'A link into the console, for one use within 24 hours. It is a secret.' }),
  })
  .meta({ id: 'InvitedUser' });
