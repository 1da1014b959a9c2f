import { Hono } from 'hono';
import { beforeAll, describe, expect, test } from 'vitest';
import { compose } from '../../src/compose.ts';
import type { SessionEnv } from '../../src/console/context.ts';
import { requires } from '../../src/console/middleware/requires.ts';
import { session } from '../../src/console/middleware/session.tsx';
import type { Caller } from '../../src/domain/authority/caller.ts';
import type { Refusal } from '../../src/domain/authority/refusal.ts';
import { changeKey } from '../../src/domain/keys/change-key.ts';
import { createKey } from '../../src/domain/keys/create-key.ts';
import { findKeyById } from '../../src/domain/keys/find-key.ts';
import type { Key } from '../../src/domain/keys/key.ts';
import { revokeKey } from '../../src/domain/keys/revoke-key.ts';
import { rotateKey } from '../../src/domain/keys/rotate-key.ts';
import { seeKey } from '../../src/domain/keys/see-key.ts';
import { createOrganisation } from '../../src/domain/organisations/create-organisation.ts';
import type { PermissionName } from '../../src/domain/permissions/permissions.ts';
import type { Services } from '../../src/domain/services.ts';
import { inviteUser } from '../../src/domain/sessions/invite-user.ts';
import { changeUser } from '../../src/domain/users/change-user.ts';
import { createUser } from '../../src/domain/users/create-user.ts';
import { deleteUser } from '../../src/domain/users/delete-user.ts';
import { findUserById } from '../../src/domain/users/find-user.ts';
import type { User } from '../../src/domain/users/user.ts';
import { provideServices } from '../../src/http/middleware/authenticate.ts';
import { type Browser, invite, openBrowser, signIn, signInByLink } from '../support/browser.ts';
import { type Answer, call, createKey as createKeyByApi } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { readEvents } from '../support/events.ts';
import { createPerson, createUser as createUserByApi, newUser, type Person } from '../support/people.ts';
import { countRows } from '../support/stored.ts';
import { watchDatabase } from '../support/watched-database.ts';

/*
 * A session that loses its rights while its form is on the way, because the form is held back or just before the batch is
 * committed: it changes nothing and sees nothing. Each act of the domain is called here as a page of the console calls it.
 */

interface Subject {
  person: Person;
  key: Key;
  user: User;
}

type Act = (services: Services, caller: Caller, subject: Subject) => Promise<{ refused?: never } | Refusal>;

const KEY_REQUEST = {
  label: 'next',
  description: null,
  expirationDate: null,
  ipWhitelist: [],
  hasRestrictedPermissions: true,
  permissions: [],
  userType: undefined,
  userId: undefined,
  orgId: undefined,
};

const LABEL_ONLY = {
  label: 'next',
  description: undefined,
  expirationDate: undefined,
  ipWhitelist: undefined,
  restriction: undefined,
};

const ACTS: Record<string, [PermissionName, Act]> = {
  'create a key': ['api_key_manage', (services, caller) => createKey(services, caller, KEY_REQUEST)],
  'change a key': ['api_key_manage', (services, caller, { key }) => changeKey(services, caller, key, LABEL_ONLY)],
  'revoke a key': ['api_key_manage', (services, caller, { key }) => revokeKey(services, caller, key)],
  'rotate a key': [
    'api_key_manage',
    (services, caller, { key }) => rotateKey(services, caller, key, { overlapSeconds: 0, endsPrevious: false }),
  ],
  'see a key': ['api_key_manage', (services, caller, { key }) => seeKey(services, caller, key)],
  'create a user': [
    'user_manage',
    (services, caller) => {
      const email = String(newUser().email);
      return createUser(services, caller, { email, firstName: 'A', lastName: 'B', role: 'PUBLISHER' });
    },
  ],
  'change a user': [
    'user_manage',
    (services, caller, { user }) => changeUser(services, caller, user, { firstName: 'C' }),
  ],
  'delete a user': ['user_manage', (services, caller, { user }) => deleteUser(services, caller, user)],
  'invite a user': ['user_manage', (services, caller, { user }) => inviteUser(services, caller, user)],
  'create an organisation': ['user_manage', (services, caller) => createOrganisation(services, caller, 'next')],
};

let keys: RoleKeys;
let subject: Subject;
beforeAll(async () => {
  keys = await deploy();
});

/** A console whose only pages are the acts. It answers with what the act was refused as. */
const app = new Hono<SessionEnv>();
app.use(provideServices(compose));
app.use(session);
app.get('*', (c) => c.html(`<input name="csrf" value="${c.var.csrfToken}">`, 404));
for (const [name, [permission, act]] of Object.entries(ACTS)) {
  app.post(`/console/${name.replaceAll(' ', '-')}`, requires(permission), async (c) => {
    const { refused = null } = await act(c.var.services, c.var.caller, subject);
    return c.json({ refused });
  });
}

const pathOf = (name: string) => `/console/${name.replaceAll(' ', '-')}`;

/** A PROVIDER who is signed in, a main key for it to reach, and someone to change. */
async function makeSubject(): Promise<void> {
  const person = await createPerson(keys.PROVIDER, 'PROVIDER');
  const main = await createKeyByApi(keys.PROVIDER, { user_type: 'bot' });
  const userId = await createUserByApi(keys.PROVIDER, { role: 'PUBLISHER' });
  const reader = new Hono<SessionEnv>();
  reader.use(provideServices(compose));
  reader.use(session);
  reader.get('*', async (c) => {
    const { services, caller } = c.var;
    const [key, user] = await Promise.all([
      findKeyById(services, caller, main.id),
      findUserById(services, caller, userId),
    ]);
    if (key === null || user === null) throw new Error('The subject was not found');
    subject = { person, key, user };
    return c.text('read');
  });
  const browser = await signIn(keys.PROVIDER);
  await browser.open('/console/read', { app: reader });
  expect(subject.person.id).toBe(person.id);
}

const change = (body: unknown) => call(keys.PROVIDER, `POST /v2/user/${subject.person.id}`, { body });
const post = (route: string, body: unknown = {}) => call(keys.PROVIDER, `POST ${route}`, { body });

/** How a session loses its rights. */
const LOSSES: [string, (browser: Browser) => Promise<unknown>][] = [
  ['is signed out', (browser) => signOutElsewhere(browser, '')],
  ['is signed out everywhere', (browser) => signOutElsewhere(browser, '/everywhere')],
  ['has its user demoted', () => change({ role: 'PUBLISHER' })],
  ['has its user disabled', () => change({ disabled: true })],
  ['has its user given a new link', () => invite(keys.PROVIDER, subject.person.id)],
  ['has its user deleted', () => call(keys.PROVIDER, `DELETE /v2/user/${subject.person.id}`)],
];

const LOSSES_OF_KEY: typeof LOSSES = [
  ['has its key revoked', () => post(`/v2/api_keys/revoke/${subject.person.keyId}`)],
  [
    'has its key rotated',
    () =>
      call(subject.person.key, `POST /v2/api_keys/rotate/${subject.person.keyId}`, { body: { overlap_seconds: 60 } }),
  ],
  ['has its key narrowed to other addresses', () => narrow({ ip_whitelist: ['192.0.2.1'] })],
  [
    'has its key narrowed to few permissions',
    () => narrow({ has_restricted_permissions: true, permissions: ['review_read'] }),
  ],
];

const narrow = (body: unknown) => call(subject.person.key, `PUT /v2/api_keys/${subject.person.keyId}`, { body });

/** Signs out in another window of the same browser. */
async function signOutElsewhere({ cookie }: Browser, path: string): Promise<void> {
  const other = openBrowser();
  other.cookie = cookie;
  expect((await other.post(`/console/sign-out${path}`)).status).toBe(303);
}

const KINDS: [string, typeof LOSSES, () => Promise<Browser>][] = [
  ['by link', LOSSES, () => signInByLink(keys.PROVIDER, subject.person.id)],
  ['by key', [...LOSSES, ...LOSSES_OF_KEY], () => signIn(subject.person.key)],
];

const CASES = KINDS.flatMap(([kind, losses, start]) =>
  losses.map(([loss, lose]) => [kind, loss, start, lose] as const),
);

describe.each(CASES)('just before the transaction a session %s %s:', (_, __, start, lose) => {
  test.each(Object.keys(ACTS))('%s is refused, and nothing is written', async (name) => {
    await makeSubject();
    const browser = await start();
    const csrf = await browser.csrfToken();
    let rows: Record<string, unknown> | undefined;
    const DB = watchDatabase(async () => {
      if (rows !== undefined) return;
      rows = {};
      await lose(browser);
      rows = await countRows();
    });
    const answer = await browser.postRaw(pathOf(name), { csrf }, { app, env: { DB } });
    expect(rows).toBeDefined();
    expect(['session_ended', 'denied']).toContain(answer.body.refused);
    expect(await countRows()).toEqual(rows);
  });
});

describe.each(CASES)('while a form is held back a session %s %s:', (_, __, start, lose) => {
  test('the act is not even tried', async () => {
    await makeSubject();
    const browser = await start();
    const csrf = await browser.csrfToken();
    let rows = {};
    const answer = await holdForm(browser, pathOf('create a key'), { csrf }, async () => {
      await lose(browser);
      rows = await countRows();
    });
    expect([401, 403]).toContain(answer.status);
    expect(await countRows()).toEqual(rows);
  });
});

describe.each(KINDS)('a session %s that keeps its rights', (kind, __, start) => {
  test.each(Object.keys(ACTS))('may %s, however slowly it sends its form', async (name) => {
    await makeSubject();
    const browser = await start();
    const csrf = await browser.csrfToken();
    const answer = await holdForm(browser, pathOf(name), { csrf }, async () => {});
    expect(answer).toMatchObject({ status: 200, body: { refused: null } });
    const { audit_events } = await readEvents(keys.PROVIDER, '?per_page=1');
    expect(audit_events).toMatchObject([
      {
        actor_user_id: subject.person.id,
        actor_api_key_id: kind === 'by key' ? subject.person.keyId : null,
        client_ip: '203.0.113.7',
      },
    ]);
  });

  test('may act although its user was renamed just before the transaction', async () => {
    await makeSubject();
    const browser = await start();
    const csrf = await browser.csrfToken();
    let isFirst = true;
    const DB = watchDatabase(async () => {
      if (!isFirst) return;
      isFirst = false;
      expect((await change({ first_name: 'Renamed' })).status).toBe(200);
    });
    const answer = await browser.postRaw(pathOf('create a key'), { csrf }, { app, env: { DB } });
    expect(answer.body).toEqual({ refused: null });
    expect(isFirst).toBe(false);
  });
});

describe('a session reaches as far as what it was started with:', () => {
  const REACHES: [string, string, () => Promise<Browser>, number | null][] = [
    ['by a narrow key it lacks what the key lacks', 'invite a user', async () => signInNarrow(), 403],
    ['by a key with an address list it does not widen users', 'invite a user', async () => signInListed(), 200],
  ];
  const signInNarrow = async () => {
    const { api_key } = await createKeyByApi(subject.person.key, {
      has_restricted_permissions: true,
      permissions: ['api_key_read'],
    });
    return signIn(api_key);
  };
  const signInListed = async () => {
    const { api_key } = await createKeyByApi(subject.person.key, { ip_whitelist: ['203.0.113.0/24'] });
    return signIn(api_key);
  };

  test.each(REACHES)('%s', async (_, name, start, status) => {
    await makeSubject();
    const browser = await start();
    const answer = await browser.postRaw(pathOf(name), { csrf: await browser.csrfToken() }, { app });
    expect(answer.status).toBe(status);
    if (status === 200) expect(answer.body).toEqual({ refused: 'out_of_reach' });
  });
});

/** Posts a form whose first byte arrives at once, and the rest after `meanwhile`. */
async function holdForm(
  browser: Browser,
  path: string,
  fields: Record<string, string>,
  meanwhile: () => Promise<unknown>,
): Promise<Answer> {
  const bytes = new TextEncoder().encode(new URLSearchParams(fields).toString());
  const begun = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      controller.enqueue(bytes.slice(0, 1));
      begun.resolve();
      await done.promise;
      controller.enqueue(bytes.slice(1));
      controller.close();
    },
  });
  const answer = browser.postRaw(path, {}, { app, body });
  await Promise.race([begun.promise, answer]);
  await meanwhile();
  done.resolve();
  return answer;
}
