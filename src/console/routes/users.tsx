import { Hono } from 'hono';
import { findUserShortfall } from '../../domain/authority/reach.ts';
import { listKeys } from '../../domain/keys/list-keys.ts';
import { allowsCall, allowsCostlyRead } from '../../domain/limits.ts';
import { ROLES } from '../../domain/permissions/roles.ts';
import { rehearseUser } from '../../domain/rehearsal/rehearse-user.ts';
import { inviteUser } from '../../domain/sessions/invite-user.ts';
import { changeUser } from '../../domain/users/change-user.ts';
import { createUser } from '../../domain/users/create-user.ts';
import { deleteUser } from '../../domain/users/delete-user.ts';
import { findUserById, listUsers } from '../../domain/users/find-user.ts';
import type { User } from '../../domain/users/user.ts';
import { USER_ID } from '../../http/middleware/accessible.ts';
import { messagesByField } from '../../http/middleware/validated.ts';
import { newUserBody, userListQuery, userPatchBody } from '../../http/schemas/users.ts';
import { signInPath } from '../../wire/sign-in-path.ts';
import { answerUnavailable } from '../answer-failure.tsx';
import { answerPage } from '../answer-page.ts';
import { answerNotFound, answerRefusal, type SessionContext } from '../answer-refusal.tsx';
import type { SessionEnv } from '../context.ts';
import { signedInFrameOf } from '../frame-of.ts';
import { links } from '../links.ts';
import { accessibleUser, type UserEnv } from '../middleware/accessible.tsx';
import { requires } from '../middleware/requires.ts';
import { limitActs } from '../middleware/session.tsx';
import { UserPage, type UserPageProps } from '../pages/user.tsx';
import { UserCreatePage } from '../pages/user-create.tsx';
import { UserDeletePage } from '../pages/user-delete.tsx';
import { UserInvitedPage } from '../pages/user-invited.tsx';
import { UsersPage } from '../pages/users.tsx';
import type { RoleChoice, UserFormErrors, UserFormValues } from '../parts/user-form.tsx';
import { recentEffectiveBy } from '../receipts.ts';
import { viewKeys } from '../view-keys.ts';
import { viewUser, viewUsers } from '../view-users.ts';
import { clock, counted, number } from '../words.ts';

const PER_PAGE = 30;
const REPORT_DAYS = 30;
/** So many of the keys that go with a user are shown before it is deleted. */
const MAX_KEYS_SHOWN = 30;

/** The acts on one person: `/console/users/{id}`. */
const userRoutes = new Hono<UserEnv>()

  .get('/', requires('user_read'), accessibleUser, (c) => {
    const { user } = c.var;
    const present = valuesOf(user);
    // The page before a deletion offers to disable the user instead.
    const values = c.req.query('disable') === 'true' ? { ...present, disabled: true } : present;
    return answerUser(c, user, values, {}, { receipt: receiptOf(c) });
  })

  .post('/', requires('user_manage'), accessibleUser, async (c) => {
    const { services, caller, user, form } = c.var;
    const before = valuesOf(user);
    const disabled = form.has('disabled') ? form.get('disabled') !== 'false' : before.disabled;
    const isRehearsal = form.get('next') === 'rehearse';
    // Disabling takes rights away, and has the session's own limit.
    if ((!disabled || user.disabled || isRehearsal) && !(await allowsCall(c.var))) {
      return answerUnavailable(c, 'rate_limited');
    }
    const values = { ...readUserForm(form, before), disabled };
    const parsed = userPatchBody.safeParse({ ...values, role: form.get('role') ?? before.role });
    if (!parsed.success) return answerUser(c, user, values, messagesByField(parsed.error.issues));
    if (isRehearsal) return answerRehearsal(c, user, values);
    const changed = await changeUser(services, caller, user, parsed.data);
    if (changed.refused === 'invalid') return answerUser(c, user, values, changed.fields);
    if (changed.refused) return answerRefusal(c, changed);
    const took = before.disabled !== disabled || before.role !== values.role || changed.revokedKeys.length > 0;
    const said = new URLSearchParams({
      by: String(changed.effectiveBy.normally),
      ...(changed.revokedKeys.length > 0 ? { revoked: String(changed.revokedKeys.length) } : {}),
    });
    return c.redirect(took ? `${links.user(user.id)}?${said}` : links.user(user.id), 303);
  })

  .post('/invite', requires('user_manage'), limitActs, accessibleUser, (c) => answerInvitation(c, c.var.user))

  .get('/delete', requires('user_manage'), accessibleUser, async (c) => {
    const { services, caller, user } = c.var;
    const found = await listKeys(services, caller, { page: 1, perPage: MAX_KEYS_SHOWN, userId: user.id });
    // Who deletes a user need not have access to its keys.
    if (found.refused && found.refused !== 'not_found') return answerRefusal(c, found);
    const keys = found.refused ? [] : await viewKeys(c.var, found.keys);
    const keyCount = found.refused ? null : found.count;
    const inUse = keys.toSorted((a, b) => (b.use?.allowedIn24h ?? 0) - (a.use?.allowedIn24h ?? 0));
    const page = (
      <UserDeletePage
        frame={signedInFrameOf(c)}
        view={{ ...(await viewUser(c.var, user)), keys: keyCount }}
        keys={inUse}
        keyCount={keyCount}
      />
    );
    return answerPage(c, page);
  })

  .post('/delete', requires('user_manage'), accessibleUser, async (c) => {
    const { services, caller, user } = c.var;
    const deleted = await deleteUser(services, caller, user);
    if (deleted.refused) return answerRefusal(c, deleted);
    return c.redirect(links.users(), 303);
  });

/** `/console/users` */
export const usersRoutes = new Hono<SessionEnv>()

  .get('/', requires('user_read'), async (c) => {
    const { services, caller } = c.var;
    const { query, status, page } = c.req.query();
    const isSearch = (query ?? '').trim() !== '';
    if (isSearch && !(await allowsCostlyRead(c.var))) return answerUnavailable(c, 'rate_limited');
    const given = {
      per_page: String(PER_PAGE),
      ...(isSearch ? { query } : {}),
      ...(status ? { status } : {}),
      ...(page ? { page } : {}),
    };
    const request = userListQuery.safeParse(given);
    if (!request.success) return c.redirect(links.users(), 303);
    const found = await listUsers(services, caller, request.data);
    if (found.refused) return answerRefusal(c, found);
    const frame = signedInFrameOf(c);
    return answerPage(
      c,
      <UsersPage
        frame={frame}
        organisation={frame.viewer.organisation}
        mayCreate={caller.reach.permissions.includes('user_manage')}
        filters={FILTERS}
        query={{ query: isSearch ? query : undefined, status: request.data.status }}
        users={await viewUsers(c.var, found.users)}
        page={request.data.page}
        perPage={PER_PAGE}
        found={found.count}
      />,
    );
  })

  .get('/create', requires('user_manage'), (c) => answerNew(c, NEW_USER, {}))

  .post('/', requires('user_manage'), limitActs, async (c) => {
    const { services, caller, form } = c.var;
    const values = readUserForm(form, NEW_USER);
    const parsed = newUserBody.safeParse({ ...values, role: form.get('role') ?? undefined });
    if (!parsed.success) return answerNew(c, values, messagesByField(parsed.error.issues));
    const created = await createUser(services, caller, parsed.data);
    if (created.refused === 'invalid') return answerNew(c, values, created.fields);
    if (created.refused) return answerRefusal(c, created);
    if (form.get('next') !== 'invite') return c.redirect(links.user(created.userId), 303);
    const user = await findUserById(services, caller, created.userId);
    return user === null ? answerNotFound(c) : answerInvitation(c, user);
  })

  .route(`/${USER_ID}`, userRoutes);

const FILTERS = [
  { name: 'All', status: undefined, count: null },
  { name: 'Active', status: 'active', count: null },
  { name: 'Invited', status: 'invited', count: null },
] as const;

const NEW_USER: UserFormValues = { first_name: '', last_name: '', email: '', role: 'BUSINESS_MANAGER' };

/** What a form was filled in with. A role that there is not is shown as the one before; the schema refuses it. */
function readUserForm(form: URLSearchParams, before: UserFormValues): UserFormValues {
  const text = (name: string) => form.get(name) ?? '';
  return {
    first_name: text('first_name'),
    last_name: text('last_name'),
    email: text('email'),
    role: ROLES.find((role) => role === form.get('role')) ?? before.role,
  };
}

function valuesOf(user: User): UserPageProps['values'] {
  return {
    first_name: user.firstName ?? '',
    last_name: user.lastName ?? '',
    email: user.email ?? '',
    role: user.role,
    disabled: user.disabled,
  };
}

/** The roles to choose from: what the viewer cannot give is there, with the reason. */
function rolesFor({ caller }: SessionEnv['Variables']): RoleChoice[] {
  return ROLES.map((role) => {
    const shortfall = findUserShortfall(caller.reach, role);
    const refused =
      shortfall === null
        ? null
        : shortfall.rule === 'permissions'
          ? 'It has permissions that you lack'
          : 'Your role may not give it';
    return { role, refused };
  });
}

const FORM_FIELDS = ['first_name', 'last_name', 'email', 'role', 'disabled'] as const;

function errorsOf(messages: Record<string, string>): UserFormErrors {
  const errors: UserFormErrors = {};
  for (const [name, message] of Object.entries(messages)) {
    errors[FORM_FIELDS.find((field) => field === name) ?? 'email'] ??= message;
  }
  return errors;
}

function answerNew(c: SessionContext, values: UserFormValues, messages: Record<string, string>) {
  const page = (
    <UserCreatePage
      frame={signedInFrameOf(c)}
      values={values}
      errors={errorsOf(messages)}
      roles={rolesFor(c.var)}
      mayInvite
    />
  );
  return answerPage(c, page, Object.keys(messages).length === 0 ? 200 : 400);
}

async function answerInvitation(c: SessionContext, user: User): Promise<Response> {
  const invited = await inviteUser(c.var.services, c.var.caller, user);
  if (invited.refused) return answerRefusal(c, invited);
  const url = new URL(signInPath(invited.token), c.req.url).href;
  return answerPage(
    c,
    <UserInvitedPage frame={signedInFrameOf(c)} user={user} signInUrl={url} endsAt={invited.expiresAt} />,
  );
}

async function answerUser(
  c: SessionContext,
  user: User,
  values: UserPageProps['values'],
  messages: Record<string, string>,
  more: Partial<Pick<UserPageProps, 'rehearsal' | 'receipt'>> = {},
): Promise<Response> {
  const page = (
    <UserPage
      frame={signedInFrameOf(c)}
      view={await viewUser(c.var, user)}
      values={values}
      errors={errorsOf(messages)}
      roles={rolesFor(c.var)}
      rehearsal={more.rehearsal ?? null}
      receipt={more.receipt ?? null}
    />
  );
  return answerPage(c, page, Object.keys(messages).length === 0 ? 200 : 400);
}

/** The form once more, with what the new role, or disabling, would have done to the calls of these days. */
async function answerRehearsal(c: SessionContext, user: User, values: UserPageProps['values']): Promise<Response> {
  const { services, caller } = c.var;
  if (!(await allowsCostlyRead(c.var))) return answerUnavailable(c, 'rate_limited');
  const act =
    values.disabled && !user.disabled ? ({ act: 'disable' } as const) : ({ act: 'role', role: values.role } as const);
  const rehearsed = await rehearseUser(services, caller, user, act, REPORT_DAYS);
  if (rehearsed.refused === 'invalid') return answerUser(c, user, values, rehearsed.fields);
  if (rehearsed.refused) return answerRefusal(c, rehearsed);
  const { calls, refused, unknown } = rehearsed.rehearsal;
  const heading = `This change would have refused ${refused === 0 ? 'none' : number(refused)} of ${counted(calls, 'call')} of the last ${REPORT_DAYS} days.`;
  const detail = [
    rehearsed.revokedKeys.length > 0 ? `It revokes ${counted(rehearsed.revokedKeys.length, 'key')}.` : '',
    unknown > 0 ? `Of ${counted(unknown, 'call')} the counts cannot tell.` : '',
  ].join(' ');
  return answerUser(c, user, values, {}, { rehearsal: { heading, detail } });
}

function receiptOf(c: SessionContext): UserPageProps['receipt'] {
  const effectiveBy = recentEffectiveBy(c);
  if (effectiveBy === null) return null;
  const revoked = Number(c.req.query('revoked') ?? '0');
  const detail =
    revoked > 0
      ? `${counted(revoked, 'key')} that someone else made for this user ${revoked === 1 ? 'was' : 'were'} revoked.`
      : `The user was changed before ${clock(c.var.services.now())} UTC.`;
  return { what: 'The change is in force', effectiveBy, detail };
}
