import { Hono } from 'hono';
import { createKey, findWrongKeyRequest } from '../../domain/keys/create-key.ts';
import { findKeyById, findKeyBySecret } from '../../domain/keys/find-key.ts';
import type { KeyStatus } from '../../domain/keys/key.ts';
import { countKeys, listKeys } from '../../domain/keys/list-keys.ts';
import { allowsCostlyRead } from '../../domain/limits.ts';
import { PERMISSION_NAMES, type PermissionName, permissionsOfRole } from '../../domain/permissions/permissions.ts';
import { administersKeys } from '../../domain/permissions/roles.ts';
import { containsApiKey } from '../../domain/secrets/api-key-format.ts';
import { findUserById, listUsers } from '../../domain/users/find-user.ts';
import { isUserId } from '../../domain/users/user.ts';
import { messagesByField } from '../../http/middleware/validated.ts';
import { keyListQuery, newKeyBody, readableKeyRequest } from '../../http/schemas/keys.ts';
import { answerUnavailable } from '../answer-failure.tsx';
import { answerPage } from '../answer-page.ts';
import { answerNotFound, answerRefusal, type SessionContext } from '../answer-refusal.tsx';
import { clientIpOf, type SessionEnv } from '../context.ts';
import { signedInFrameOf } from '../frame-of.ts';
import { type KeysQuery, links } from '../links.ts';
import { requires } from '../middleware/requires.ts';
import { limitActs } from '../middleware/session.tsx';
import { KeyCreatePage } from '../pages/key-create.tsx';
import { KeyCreatedPage } from '../pages/key-created.tsx';
import { type KeysFilter, KeysPage } from '../pages/keys.tsx';
import { linesOf } from '../parts/describe-entry.ts';
import type { KeyFormErrors, KeyFormValues, Ownership } from '../parts/key-form.tsx';
import { personName, roleName } from '../parts/names.ts';
import { errorsOfForm, formOfKey, keyBodyOf, NEW_KEY, readKeyForm } from '../schemas/key-form.ts';
import { viewKeys } from '../view-keys.ts';

const PER_PAGE = 30;
/** So many users can be chosen from in the form of a new key. */
const MAX_OWNERS = 100;
/** So many keys are offered to begin a new one with. */
const MAX_LIKE = 3;

/** `/console/keys` */
export const keysRoutes = new Hono<SessionEnv>()

  .get('/', requires('api_key_read'), async (c) => {
    const { services, caller } = c.var;
    const seesMain = administersKeys(caller.user.role);
    const query = readQuery(c.req.query(), seesMain);
    const isSearch = query.search_text !== undefined;
    if (isSearch && !(await allowsCostlyRead(c.var))) return answerUnavailable(c, 'rate_limited');
    const { user_id: userId, ...listed } = query;
    const request = keyListQuery.safeParse({ per_page: String(PER_PAGE), ...textsOf(listed) });
    if (!request.success) return c.redirect(links.keys({ type: query.type }), 303);
    const [found, counted, elsewhere] = await Promise.all([
      listKeys(services, caller, { ...request.data, userId }),
      countKeys(services, caller, { userId }),
      isSearch && seesMain
        ? listKeys(services, caller, { ...request.data, ...OTHER[query.type], page: 1, perPage: 1 })
        : null,
    ]);
    if (found.refused) return answerRefusal(c, found);
    const counts = counted.refused ? null : counted.counts;
    const page = (
      <KeysPage
        frame={signedInFrameOf(c)}
        tab={query.type === 'bot' ? 'main' : 'personal'}
        counts={{ main: counts?.bot.all ?? null, personal: counts?.user.all ?? null }}
        seesKeysOfOthers={seesMain}
        mayCreate={caller.reach.permissions.includes('api_key_manage')}
        filters={filtersOf(counts?.[query.type] ?? null)}
        query={query}
        keys={await viewKeys(c.var, found.keys)}
        page={request.data.page}
        perPage={PER_PAGE}
        found={found.count}
        foundElsewhere={elsewhere === null || elsewhere.refused ? null : elsewhere.count}
        origin={originOf(c)}
      />
    );
    return answerPage(c, page);
  })

  .post('/search', requires('api_key_read'), limitActs, async (c) => {
    const { services, caller, form } = c.var;
    const text = (form.get('search_text') ?? '').trim();
    const type = form.get('type') === 'bot' ? 'bot' : form.get('type') === 'user' ? 'user' : undefined;
    // A key must never get into an address: what holds one is looked up here, and goes no further.
    if (!containsApiKey(text)) return c.redirect(links.keys({ type, search_text: text }), 303);
    const key = await findKeyBySecret(services, caller, text);
    return key === null ? answerNotFound(c) : c.redirect(links.key(key.id), 303);
  })

  .get('/create', requires('api_key_manage'), async (c) => {
    const { services, caller } = c.var;
    const like = Number(c.req.query('like') ?? '');
    const model = Number.isSafeInteger(like) && like > 0 ? await findKeyById(services, caller, like) : null;
    const values: KeyFormValues =
      model === null
        ? newKeyOf(c, c.req.query('user_id'))
        : { ...formOfKey(model), label: '', expiry: '90', expiration_date: '' };
    return answerForm(c, values, {});
  })

  .post('/', requires('api_key_manage'), limitActs, async (c) => {
    const { services, caller, form } = c.var;
    const values = readKeyForm(form, newKeyOf(c));
    const next = form.get('next');
    if (next === 'check' || next === 'add-mine')
      return answerForm(c, next === 'check' ? values : addMine(c, values), {});
    const now = services.now();
    const owner =
      values.user_type === 'bot'
        ? { user_type: 'bot' as const }
        : { user_type: 'user' as const, ...(values.user_id === '' ? {} : { user_id: values.user_id }) };
    const body = { ...keyBodyOf(values, now), ...owner };
    const lines = linesOf(values.ip_whitelist);
    const parsed = newKeyBody.safeParse(body);
    if (!parsed.success) {
      const more = findWrongKeyRequest(readableKeyRequest.parse(body), { now, caller });
      return answerForm(c, values, errorsOfForm(messagesByField(parsed.error.issues, more), lines));
    }
    const created = await createKey(services, caller, parsed.data);
    if (created.refused === 'invalid') return answerForm(c, values, errorsOfForm(created.fields, lines));
    if (created.refused) return answerRefusal(c, created);
    const { key, apiKey, effectiveBy } = created;
    const page = (
      <KeyCreatedPage
        frame={signedInFrameOf(c)}
        target={key}
        secret={apiKey}
        how="created"
        oldSecretUntil={null}
        clientIp={clientIpOf(c)}
        origin={originOf(c)}
        receipt={{ what: 'The key is known', effectiveBy: effectiveBy.normally }}
      />
    );
    return answerPage(c, page, 201);
  });

/** A new form. Without a user to make the key for, it is of the viewer's own kind, as in the API. */
function newKeyOf(c: SessionContext, userId?: string): KeyFormValues {
  const { user } = c.var.caller;
  if (userId !== undefined) return { ...NEW_KEY, user_id: userId };
  return { ...NEW_KEY, user_type: user.type, user_id: user.type === 'user' ? user.id : '' };
}

/** The address of this deployment, as the browser has it. */
export function originOf(c: SessionContext): string {
  return new URL(c.req.url).origin;
}

/** The form with the viewer's address on the list. */
export function addMine(c: SessionContext, values: KeyFormValues): KeyFormValues {
  const clientIp = clientIpOf(c);
  if (clientIp === null) return values;
  return { ...values, ip_whitelist: [...new Set([...linesOf(values.ip_whitelist), clientIp])].join('\n') };
}

/** What the form of a key is told about the viewer: what it cannot give, and why. */
export function limitsOfViewer(
  { caller }: SessionEnv['Variables'],
  holder: { role: Parameters<typeof permissionsOfRole>[0] },
): { unavailable: Map<PermissionName, string>; heldCount: number; unrestrictedRefused: string | null } {
  const held = permissionsOfRole(holder.role);
  const unavailable = new Map<PermissionName, string>();
  for (const name of PERMISSION_NAMES) {
    if (!held.has(name)) unavailable.set(name, `Not for the role ${roleName(holder.role)}`);
    else if (!caller.reach.permissions.includes(name)) unavailable.set(name, 'You do not have it');
  }
  const isNarrowed = !caller.reach.isUnrestricted;
  return {
    unavailable,
    heldCount: held.size,
    unrestrictedRefused: isNarrowed ? 'The key that you signed in with has a list of permissions itself.' : null,
  };
}

async function answerForm(c: SessionContext, values: KeyFormValues, errors: KeyFormErrors) {
  const { services, caller } = c.var;
  const [ownership, like] = await Promise.all([
    ownershipOf(c, values.user_id),
    listKeys(services, caller, { page: 1, perPage: MAX_LIKE, status: 'active', userType: values.user_type }),
  ]);
  const page = (
    <KeyCreatePage
      frame={signedInFrameOf(c)}
      values={values}
      errors={errors}
      clientIp={clientIpOf(c)}
      {...limitsOfViewer(c.var, caller.user)}
      ownership={ownership}
      startLike={like.refused ? [] : like.keys.map(({ id, label }) => ({ id, label }))}
    />
  );
  return answerPage(c, page, Object.keys(errors).length === 0 ? 200 : 400);
}

/**
 * Whom the viewer can make a key for; null: itself only. `chosen` is among them whatever the others are: a browser puts
 * the first one in place of one that is not on the list.
 */
async function ownershipOf(c: SessionContext, chosen: string): Promise<Ownership> {
  const { services, caller } = c.var;
  if (!administersKeys(caller.user.role)) return null;
  const me = { id: caller.user.id, name: signedInFrameOf(c).viewer.name };
  const self = caller.user.type === 'user' ? [me] : [];
  if (!caller.reach.permissions.includes('user_read')) return { mayBeMain: true, users: self };
  const found = await listUsers(services, caller, { words: [], page: 1, perPage: MAX_OWNERS });
  const listed = found.refused ? [] : found.users;
  const isListed = chosen === me.id || listed.some(({ id }) => id === chosen);
  const added = isListed ? null : await findUserById(services, caller, chosen);
  const others = [...(added === null ? [] : [added]), ...listed].filter(({ id }) => id !== me.id);
  return { mayBeMain: true, users: [...self, ...others.map((user) => ({ id: user.id, name: personName(user) }))] };
}

/** What an address of the list asks for. Who sees no main keys has only the personal ones. */
function readQuery(given: Record<string, string>, seesMain: boolean): KeysQuery & { type: 'bot' | 'user' } {
  const page = Number(given.page ?? '1');
  return {
    type: seesMain && given.type !== 'user' ? 'bot' : 'user',
    status: given.status === undefined || given.status === '' ? undefined : given.status,
    user_id: given.user_id !== undefined && isUserId(given.user_id) ? given.user_id : undefined,
    search_text: given.search_text === undefined || given.search_text.trim() === '' ? undefined : given.search_text,
    page: Number.isSafeInteger(page) && page > 1 ? page : undefined,
  };
}

/** The query as the API's schema takes it. */
function textsOf(query: KeysQuery): Record<string, string> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}

const OTHER = { bot: { userType: 'user' }, user: { userType: 'bot' } } as const;

const FILTERS: readonly { name: string; status: KeyStatus | undefined }[] = [
  { name: 'All', status: undefined },
  { name: 'Active', status: 'active' },
  { name: 'Paused', status: 'paused' },
  { name: 'Expired', status: 'expired' },
  { name: 'Revoked', status: 'disabled' },
];

function filtersOf(counts: Record<'all' | KeyStatus, number> | null): KeysFilter[] {
  return FILTERS.map(({ name, status }) => ({ name, status, count: counts?.[status ?? 'all'] ?? null }));
}
