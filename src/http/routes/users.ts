import { Hono } from 'hono';
import { rehearseUser } from '../../domain/rehearsal/rehearse-user.ts';
import { inviteUser } from '../../domain/sessions/invite-user.ts';
import { changeUser } from '../../domain/users/change-user.ts';
import { createUser } from '../../domain/users/create-user.ts';
import { deleteUser } from '../../domain/users/delete-user.ts';
import { countFoundUsers, findUserOf, listUsers } from '../../domain/users/find-user.ts';
import { findChangedFixedFields } from '../../domain/users/user-rules.ts';
import { signInPath } from '../../wire/sign-in-path.ts';
import type { CallEnv, CallVariables } from '../context.ts';
import { fail } from '../errors.ts';
import { accessibleUser, USER_ID, type UserPut } from '../middleware/accessible.ts';
import { emptyBody, jsonBody, optionalBody } from '../middleware/body.ts';
import { limitCostlyReads, limitSearches } from '../middleware/limit-costly-reads.ts';
import { limitByBody, limitTakingAway } from '../middleware/limit-rate.ts';
import { confirmed, requires, requiresToWrite, stillAllowed } from '../middleware/requires.ts';
import { replayHeaders, retryable } from '../middleware/retryable.ts';
import { validJson, validQuery } from '../middleware/validated.ts';
import { effectiveByObject } from '../objects/effective-by-object.ts';
import { pageOf } from '../objects/page.ts';
import { rehearsalObject } from '../objects/rehearsal-object.ts';
import { userObject } from '../objects/user-object.ts';
import { rehearseUserBody } from '../schemas/rehearsals.ts';
import { disablesUser, newUserBody, readableFixedFields, userListQuery, userPatchBody } from '../schemas/users.ts';

/** `/v2/user` */
export const userRoutes = new Hono<CallEnv>()

  .get('/me', async (c) => {
    const { services, caller } = c.var;
    const user = await findUserOf(services, caller);
    if (user === null) return fail(c, { refused: 'not_found' });
    return c.json(userObject(user));
  })

  .get('/search', requires('user_read'), limitSearches, validQuery(userListQuery), async (c) => {
    const { services, caller } = c.var;
    const query = c.req.valid('query');
    const found = await listUsers(services, caller, query);
    if (found.refused) return fail(c, found);
    return c.json({ ...pageOf(query, found.count), users: found.users.map(userObject) });
  })

  .get('/search/count', requires('user_read'), limitSearches, validQuery(userListQuery), async (c) => {
    const { services, caller } = c.var;
    const counted = await countFoundUsers(services, caller, c.req.valid('query'));
    if (counted.refused) return fail(c, counted);
    return c.json({ count: counted.count });
  })

  .post(
    '/',
    requiresToWrite('user_manage'),
    jsonBody,
    confirmed('user_manage'),
    retryable,
    ...validJson(newUserBody),
    async (c) => {
      const { services, caller } = c.var;
      const created = await createUser(services, caller, c.req.valid('json'), c.var.retry);
      if (created.refused) return fail(c, created);
      return c.json({ id: created.userId, status: 'success' }, 200, replayHeaders(created));
    },
  )

  .get(`/${USER_ID}`, requires('user_read'), accessibleUser, (c) => c.json(userObject(c.var.user)))

  .post(
    `/${USER_ID}`,
    requires('user_manage'),
    jsonBody,
    limitByBody(disablesUser),
    confirmed('user_manage'),
    accessibleUser,
    ...validJson(userPatchBody, ({ user }: CallVariables & UserPut, body) =>
      findChangedFixedFields(readableFixedFields.parse(body), user),
    ),
    async (c) => {
      const { services, caller, user } = c.var;
      const changed = await changeUser(services, caller, user, c.req.valid('json'));
      if (changed.refused) return fail(c, changed);
      const { userId, revokedKeys, effectiveBy } = changed;
      return c.json({
        id: userId,
        status: 'success',
        effective_by: effectiveByObject(effectiveBy),
        ...(revokedKeys.length > 0 ? { revoked_api_keys: revokedKeys } : {}),
      });
    },
  )

  .post(
    `/${USER_ID}/rehearse`,
    requires('user_manage'),
    limitCostlyReads,
    jsonBody,
    stillAllowed('user_manage'),
    accessibleUser,
    ...validJson(rehearseUserBody),
    async (c) => {
      const { services, caller, user } = c.var;
      const { days, act } = c.req.valid('json');
      const rehearsed = await rehearseUser(services, caller, user, act, days);
      if (rehearsed.refused) return fail(c, rehearsed);
      const { rehearsal, revokedKeys } = rehearsed;
      return c.json({
        id: user.id,
        days,
        ...rehearsalObject(rehearsal),
        keys: rehearsal.keys,
        ...(revokedKeys.length > 0 ? { revoked_api_keys: revokedKeys } : {}),
      });
    },
  )

  .post(
    `/${USER_ID}/invite`,
    requires('user_manage'),
    optionalBody,
    confirmed('user_manage'),
    accessibleUser,
    emptyBody,
    async (c) => {
      const { services, caller, user } = c.var;
      const invited = await inviteUser(services, caller, user);
      if (invited.refused) return fail(c, invited);
      const url = new URL(signInPath(invited.token), c.req.url);
      return c.json({ id: invited.userId, status: 'success', sign_in_url: url.href });
    },
  )

  .delete(
    `/${USER_ID}`,
    requires('user_manage'),
    limitTakingAway,
    confirmed('user_manage'),
    accessibleUser,
    async (c) => {
      const { services, caller, user } = c.var;
      const deleted = await deleteUser(services, caller, user);
      if (deleted.refused) return fail(c, deleted);
      return c.json({ id: deleted.userId, status: 'success', effective_by: effectiveByObject(deleted.effectiveBy) });
    },
  );
