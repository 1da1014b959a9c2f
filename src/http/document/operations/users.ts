import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { MAX_SEARCH_LENGTH } from '../../../domain/text-rules.ts';
import { MAX_REPORT_DAYS } from '../../../domain/usage/report-usage.ts';
import { USER_STATUSES } from '../../../domain/users/user.ts';
import { MAX_EMAIL_LENGTH, MAX_NAME_LENGTH } from '../../../domain/users/user-rules.ts';
import { userRehearsal } from '../../answers/rehearsals.ts';
import { changedUser, createdUser, deletedUser, invitedUser, user, userCount, userList } from '../../answers/users.ts';
import { rehearseUserBody } from '../../schemas/rehearsals.ts';
import { newUserBody, userListQuery, userPatchBody } from '../../schemas/users.ts';
import { describeBody, describeQuery, operation, userIdInPath } from '../operation.ts';
import { IDEMPOTENT, ORG_ID_QUERY, PAGING } from './fields.ts';

/*
 * The calls on users.
 */

const NAME = { minLength: 1, maxLength: MAX_NAME_LENGTH };
const NOT_KEPT = { description: 'A field of the published API. It is accepted and not kept.' };

const PERSON = {
  email: {
    description: 'Unique in the deployment, whatever the case.',
    minLength: 3,
    maxLength: MAX_EMAIL_LENGTH,
    examples: ['sam@example.com'],
  },
  first_name: { description: 'The first name.', ...NAME },
  last_name: { description: 'The last name.', ...NAME },
};

const KEPT_NOT = {
  lang: NOT_KEPT,
  phone: NOT_KEPT,
  business_ids: NOT_KEPT,
  group_ids: NOT_KEPT,
  sidebar_products: NOT_KEPT,
};

const newUser = describeBody(newUserBody, newUserBody, {
  id: 'NewUser',
  description: 'A person to be added.',
  fields: {
    ...PERSON,
    role: { description: 'A role that the caller may give.' },
    org_id: { description: "By PROVIDER only. Left out: the caller's own." },
    ...KEPT_NOT,
    send_invitation: NOT_KEPT,
  },
});

const FIXED = { description: 'Read-only: accepted with the value that it has.' };

const userChange = describeBody(userPatchBody, userPatchBody, {
  id: 'UserChange',
  description: 'Only the fields given change. What GET returned can be posted back.',
  fields: {
    ...PERSON,
    role: { description: 'A role that the caller may give.' },
    disabled: { description: "Whether the user's keys and sessions are refused." },
    id: FIXED,
    org_id: FIXED,
    status: FIXED,
    created_at: FIXED,
    ...KEPT_NOT,
  },
});

const rehearsal = describeBody(rehearseUserBody, rehearseUserBody, {
  id: 'UserRehearsalRequest',
  description: 'Exactly one of `role`, `disabled` and `delete`.',
  fields: {
    days: { description: 'How many days (UTC) to look at, today included.', minimum: 1, maximum: MAX_REPORT_DAYS },
    role: { description: 'To give the user this role.' },
    disabled: { description: 'To disable the user.' },
    delete: { description: 'To delete the user.' },
  },
});

const filters = describeQuery(userListQuery, {
  ...PAGING,
  query: {
    description: 'Words that are in the names or the email, in any order.',
    schema: { type: 'string', maxLength: MAX_SEARCH_LENGTH },
  },
  email: { description: 'In the email, whatever the case.', schema: { type: 'string', maxLength: MAX_SEARCH_LENGTH } },
  status: { description: 'Only users with this status.', schema: { type: 'string', enum: [...USER_STATUSES] } },
  org_id: ORG_ID_QUERY,
});

export const userPaths: ZodOpenApiPathsObject = {
  '/v2/user': {
    post: operation({
      id: 'createUser',
      tag: 'users',
      summary: 'Create a user',
      description: `Adds a person to the organisation. ${IDEMPOTENT}`,
      needs: 'user_manage',
      body: newUser,
      mayBeMissing: true,
      isRetryable: true,
      answer: { description: 'The id of the user.', schema: createdUser },
    }),
  },
  '/v2/user/me': {
    get: operation({
      id: 'getCurrentUser',
      tag: 'users',
      summary: "Read the caller's user",
      description: 'The user that the calling key is linked to.',
      mayBeMissing: true,
      answer: { description: 'The user.', schema: user },
    }),
  },
  '/v2/user/search': {
    get: operation({
      id: 'searchUsers',
      tag: 'users',
      summary: 'List users',
      description: 'The people of the organisation.',
      needs: 'user_read',
      parameters: filters,
      mayBeMissing: true,
      answer: { description: 'One page of users.', schema: userList },
    }),
  },
  '/v2/user/search/count': {
    get: operation({
      id: 'countUsers',
      tag: 'users',
      summary: 'Count users',
      description: 'How many users the same search finds.',
      needs: 'user_read',
      parameters: filters,
      mayBeMissing: true,
      answer: { description: 'The number.', schema: userCount },
    }),
  },
  '/v2/user/{id}': {
    get: operation({
      id: 'getUser',
      tag: 'users',
      summary: 'Read a user',
      description: 'A person of the organisation.',
      needs: 'user_read',
      parameters: [userIdInPath],
      answer: { description: 'The user.', schema: user },
    }),
    post: operation({
      id: 'updateUser',
      tag: 'users',
      summary: 'Change a user',
      description:
        "Only the fields given change. A role that is raised beyond what the maker of one of the user's keys could give revokes that key, and the answer names it.",
      needs: 'user_manage',
      parameters: [userIdInPath],
      body: userChange,
      answer: { description: 'The user is changed.', schema: changedUser },
    }),
    delete: operation({
      id: 'deleteUser',
      tag: 'users',
      summary: 'Delete a user',
      description: "The user's keys are deleted with it.",
      needs: 'user_manage',
      parameters: [userIdInPath],
      hasRules: true,
      limit: 'taking_away',
      answer: { description: 'The user is deleted.', schema: deletedUser },
    }),
  },
  '/v2/user/{id}/invite': {
    post: operation({
      id: 'inviteUser',
      tag: 'users',
      summary: 'Make a sign-in link',
      description:
        'A link into the console for a user who has never signed in. ORG_ADMIN and PROVIDER can make one for others too: that ends their sessions.',
      needs: 'user_manage',
      parameters: [userIdInPath],
      body: 'empty',
      answer: { description: 'The link.', schema: invitedUser },
    }),
  },
  '/v2/user/{id}/rehearse': {
    post: operation({
      id: 'rehearseUser',
      tag: 'users',
      summary: 'Rehearse a change of a user',
      description: 'What a change would have done to the calls of all keys of the user. Nothing changes.',
      needs: 'user_manage',
      parameters: [userIdInPath],
      body: rehearsal,
      answer: { description: 'What the change would have refused.', schema: userRehearsal },
    }),
  },
};
