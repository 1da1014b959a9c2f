import * as z from 'zod';
import { USER_STATUSES } from '../../domain/users/user.ts';
import { count, effectiveBy, keyId, orgId, pageFields, role, success, userId } from './fields.ts';

/*
 * Answers of the calls on users.
 */

export const user = z
  .object({
    id: userId,
    org_id: orgId,
    first_name: z.string().nullable().meta({ description: 'Null for the bot user of main integration keys.' }),
    last_name: z.string().nullable().meta({ description: 'Null for a bot user.' }),
    email: z.string().nullable().meta({ description: 'Null for a bot user.' }),
    role,
    status: z.enum(USER_STATUSES).meta({ description: '`invited`: the user has never signed in.' }),
    disabled: z.boolean().meta({ description: "Whether the user's keys and sessions are refused." }),
    created_at: z.int().meta({ description: 'In unix seconds.' }),
  })
  .meta({ id: 'User', description: 'A user of an organisation.' });

export type UserAnswer = z.output<typeof user>;

export const userList = z
  .object({ ...pageFields, users: z.array(user).meta({ description: 'The users of this page.' }) })
  .meta({ id: 'UserList', description: 'One page of users.' });

export const userCount = z
  .object({ count: count.meta({ description: 'How many users the search finds.' }) })
  .meta({ id: 'UserCount', description: 'A number of users.' });

export const createdUser = z
  .object({ id: userId, status: success })
  .meta({ id: 'CreatedUser', description: 'The user is there.' });

export const revokedKeys = z
  .array(z.object({ id: keyId, label: z.string().meta({ description: 'The name of the key.' }) }))
  .meta({
    description:
      'The keys that the raise of the role revokes, because someone else knows their secret. Left out: none.',
  });

export const changedUser = z
  .object({ id: userId, status: success, effective_by: effectiveBy, revoked_api_keys: revokedKeys.optional() })
  .meta({ id: 'ChangedUser', description: 'The user is changed.' });

export const deletedUser = z
  .object({ id: userId, status: success, effective_by: effectiveBy })
  .meta({ id: 'DeletedUser', description: 'The user is gone, and its keys with it.' });

export const invitedUser = z
  .object({
    id: userId,
    status: success,
    sign_in_url: z.url().meta({ description: 'A link into the console, for one use within 24 hours. It is a secret.' }),
  })
  .meta({ id: 'InvitedUser', description: 'A sign-in link for the user.' });
