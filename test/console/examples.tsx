import { links } from '../../src/console/links.ts';
import { AuditPage, type AuditPageProps } from '../../src/console/pages/audit.tsx';
import { KeyPage, type KeyPageProps } from '../../src/console/pages/key.tsx';
import { KeyChangePage } from '../../src/console/pages/key-change.tsx';
import { KeyCreatePage, type KeyCreatePageProps } from '../../src/console/pages/key-create.tsx';
import { KeyCreatedPage } from '../../src/console/pages/key-created.tsx';
import { PausePage } from '../../src/console/pages/key-pause.tsx';
import { RevokedPage, RevokePage } from '../../src/console/pages/key-revoke.tsx';
import { RotatePage } from '../../src/console/pages/key-rotate.tsx';
import { KeySeenPage, SeeKeyPage } from '../../src/console/pages/key-see.tsx';
import { KeysPage, type KeysPageProps } from '../../src/console/pages/keys.tsx';
import { NotFoundPage } from '../../src/console/pages/not-found.tsx';
import { OrganisationsPage } from '../../src/console/pages/organisations.tsx';
import { RefusedPage } from '../../src/console/pages/refused.tsx';
import { SessionEndedPage } from '../../src/console/pages/session-ended.tsx';
import { SignInPage } from '../../src/console/pages/sign-in.tsx';
import { SignInLinkPage } from '../../src/console/pages/sign-in-link.tsx';
import { UnavailablePage } from '../../src/console/pages/unavailable.tsx';
import { UserPage, type UserPageProps } from '../../src/console/pages/user.tsx';
import { UserCreatePage } from '../../src/console/pages/user-create.tsx';
import { UserDeletePage } from '../../src/console/pages/user-delete.tsx';
import { UserInvitedPage } from '../../src/console/pages/user-invited.tsx';
import { UsersPage, type UsersPageProps } from '../../src/console/pages/users.tsx';
import type { PermissionName } from '../../src/domain/permissions/permissions.ts';
import {
  ADMIN,
  ADMIN_ID,
  EXPLANATION,
  fortnight,
  HISTORY,
  HOSTILE_KEYS,
  HOSTILE_TEXTS,
  KEYS_OF_MANAGER,
  LISTINGS_FEED,
  LOG,
  LONG_ADDRESS,
  MAIN_KEYS,
  MANAGER,
  NOBODY,
  NOW,
  PERSONAL_KEYS,
  QUIET_REPORT,
  REPORT,
  STORE_LOCATOR,
  USERS,
} from './example-values.ts';

/*
 * Every page with the values of the design's prototype, by the name of the prototype's file. They are for looking at
 * beside it, and for the tests of what holds on each page.
 */

const ORIGIN = 'https://keys.example.com';

const main: KeysPageProps = {
  frame: ADMIN,
  tab: 'main',
  counts: { main: 287, personal: 46 },
  seesKeysOfOthers: true,
  mayCreate: true,
  filters: [
    { name: 'All', status: undefined, count: 287 },
    { name: 'Active', status: 'active', count: 241 },
    { name: 'Paused', status: 'paused', count: 1 },
    { name: 'Expired', status: 'expired', count: 17 },
    { name: 'Revoked', status: 'disabled', count: 28 },
    { name: 'Refused today', status: 'refused', count: 1, deservesLook: true },
    { name: 'Expires soon', status: 'soon', count: 2, deservesLook: true },
    { name: 'Open', status: 'open', count: 3, deservesLook: true },
    { name: 'Unused 90 days', status: 'unused', count: 2, deservesLook: true },
  ],
  query: { type: 'bot' },
  keys: MAIN_KEYS,
  page: 1,
  perPage: 10,
  found: 287,
  foundElsewhere: null,
  origin: ORIGIN,
};

const PUBLISHER_ID = '5309c3a237bbc544d8e2673a';

const create: KeyCreatePageProps = {
  frame: ADMIN,
  values: {
    label: 'Store locator, staging',
    description: '',
    user_type: 'bot',
    user_id: ADMIN_ID,
    expiry: '365',
    expiration_date: '',
    ip_whitelist: '198.51.100.0/24\n2001:db8:40::/48\n192.0.2.77/26',
    restricted: true,
    permissions: ['business_edit', 'business_edit_open_hours', 'review_read'],
  },
  errors: {},
  clientIp: '203.0.113.7',
  unavailable: new Map(),
  heldCount: 11,
  unrestrictedRefused: null,
  ownership: {
    mayBeMain: true,
    users: [
      { id: ADMIN_ID, name: 'Demo Org Admin' },
      { id: PUBLISHER_ID, name: 'Demo Publisher' },
      { id: '5309c3a237bbc544d8e26738', name: 'Demo Business Manager' },
    ],
  },
  startLike: [
    { id: 7, label: 'Store locator' },
    { id: 12, label: 'Review import' },
    { id: 3, label: 'Listings feed' },
  ],
};

const NOT_FOR_PUBLISHERS = [
  'business_edit',
  'business_edit_name',
  'business_edit_categories',
  'business_edit_open_hours',
  'review_reply',
  'api_key_manage',
  'api_key_verify',
  'user_read',
  'user_manage',
] as const satisfies readonly PermissionName[];

const STAGING = {
  ...STORE_LOCATOR.key,
  id: 41,
  label: 'Store locator, staging',
  hint: 'lk_…w2Bz',
  expirationDate: '2027-11-25',
  ipWhitelist: ['198.51.100.0/24', '2001:db8:40::/48', '192.0.2.77/26'],
};

const key: KeyPageProps = {
  frame: ADMIN,
  view: STORE_LOCATOR,
  report: REPORT,
  reportDays: 30,
  looks: { count: 2, lastAt: Date.parse('2026-11-06T14:02:50Z') },
  ask: {
    question: { ip: '192.0.2.200', permission: 'review_reply', at: '2027-01-15T09:00' },
    errors: {},
    answer: EXPLANATION,
    permissions: ['business_edit', 'business_edit_open_hours', 'review_read', 'review_reply'],
    addresses: ['198.51.100.20', '203.0.113.7'],
    lately: [{ network: '2001:db8:99::/64', ago: '1 day ago' }],
  },
  rotation: null,
  history: HISTORY,
  receipt: null,
  proof: { calls: 18_402, refused: 0 },
};
const unasked = { ...key.ask, question: { ip: '', permission: '', at: '2026-11-25T14:02' }, answer: null };
const month = { networks: 3, calls: 18_402 };

const users: UsersPageProps = {
  frame: ADMIN,
  organisation: 'Demo organisation',
  mayCreate: true,
  filters: [
    { name: 'All', status: undefined, count: 5 },
    { name: 'Active', status: 'active', count: 3 },
    { name: 'Invited', status: 'invited', count: 1 },
    { name: 'Disabled', status: 'disabled', count: 1 },
  ],
  query: {},
  users: USERS,
  page: 1,
  perPage: 30,
  found: 5,
};
const [, , BUSINESS_MANAGER, GROUP_MANAGER] = USERS;
if (BUSINESS_MANAGER === undefined || GROUP_MANAGER === undefined) throw new Error('There are five example users');

const roles = (['ORG_ADMIN', 'ORG_MANAGER', 'GROUP_MANAGER', 'BUSINESS_MANAGER', 'PUBLISHER'] as const).map((role) => ({
  role,
  refused: null,
}));
const user: UserPageProps = {
  frame: ADMIN,
  view: BUSINESS_MANAGER,
  values: {
    first_name: 'Demo',
    last_name: 'Business Manager',
    email: 'business-manager@example.com',
    role: 'PUBLISHER',
    disabled: false,
  },
  errors: {},
  roles,
  rehearsal: {
    heading: 'As a publisher, 2 of 3 keys would lose permissions at once.',
    detail: '“Photo uploader” used business_edit 1,204 times in the last 30 days, last 26 min ago.',
  },
  receipt: null,
};
const newUser = { first_name: '', last_name: '', email: '', role: 'BUSINESS_MANAGER' } as const;

const audit: AuditPageProps = {
  frame: ADMIN,
  keepDays: 400,
  query: {},
  errors: {},
  users: USERS.map(({ user: { id, firstName, lastName } }) => ({ id, name: `${firstName} ${lastName}` })),
  events: LOG,
  names: {
    keys: new Map(MAIN_KEYS.map(({ key: { id, label } }) => [id, label])),
    users: new Map(USERS.map(({ user: { id, lastName } }) => [id, `Demo ${lastName}`])),
  },
  page: 1,
  perPage: 8,
  count: 1_366,
  countIsExact: true,
};

const [LONG_WORD, , , MARKUP] = HOSTILE_TEXTS;
const [HOSTILE_KEY, , , MARKUP_KEY] = HOSTILE_KEYS;
if (HOSTILE_KEY === undefined || MARKUP_KEY === undefined) throw new Error('There are six hostile keys');
const HOSTILE_FRAME = { ...ADMIN, viewer: { ...ADMIN.viewer, name: LONG_WORD, organisation: MARKUP } };
const hostileSource = {
  network: LONG_ADDRESS,
  firstSeen: NOW - 999_000_000,
  lastSeen: NOW - 1_000,
  count: 999_999_999_999,
};

export const EXAMPLES = {
  'hostile-keys': () => (
    <KeysPage {...main} frame={HOSTILE_FRAME} tab="personal" query={{ type: 'user' }} keys={HOSTILE_KEYS} />
  ),
  'hostile-none-found': () => (
    <KeysPage {...main} query={{ type: 'bot', search_text: LONG_WORD }} keys={[]} found={0} foundElsewhere={2} />
  ),
  'hostile-key': () => (
    <KeyPage
      {...key}
      frame={HOSTILE_FRAME}
      view={HOSTILE_KEY}
      report={{
        ...REPORT,
        sources: [hostileSource],
        refusedSources: [],
        suggestedAllowlist: [LONG_ADDRESS.replace('ffff', 'fffe')],
      }}
      history={LOG.map((event) => ({ ...event, actorName: LONG_WORD, changes: { label: [MARKUP, LONG_WORD] } }))}
    />
  ),
  'hostile-edit': () => (
    <KeyChangePage
      {...create}
      frame={HOSTILE_FRAME}
      target={MARKUP_KEY.key}
      values={{
        ...create.values,
        label: MARKUP,
        description: LONG_WORD,
        ip_whitelist: `${LONG_ADDRESS}\n${LONG_WORD}\n</textarea>`,
      }}
      callsByEntry={null}
      rehearsal={null}
    />
  ),
  'hostile-revoke': () => (
    <RevokePage
      frame={HOSTILE_FRAME}
      view={HOSTILE_KEY}
      report={{ ...REPORT, sources: [hostileSource] }}
      graceSeconds={300}
    />
  ),
  'hostile-users': () => (
    <UsersPage
      {...users}
      frame={HOSTILE_FRAME}
      organisation={MARKUP}
      users={HOSTILE_TEXTS.map((text, index) => ({
        ...GROUP_MANAGER,
        user: {
          ...GROUP_MANAGER.user,
          id: `5309c3a237bbc544d8e2674${index}`,
          firstName: text,
          lastName: text,
          email: `${'w'.repeat(240)}@example.com`,
        },
      }))}
    />
  ),
  'hostile-audit': () => (
    <AuditPage
      {...audit}
      frame={HOSTILE_FRAME}
      users={HOSTILE_TEXTS.map((name, index) => ({ id: String(index), name }))}
      events={LOG.map((event) => ({
        ...event,
        actorName: LONG_WORD,
        clientIp: LONG_ADDRESS,
        changes: { label: [MARKUP, LONG_WORD] },
      }))}
      names={{ keys: new Map(MAIN_KEYS.map(({ key: { id } }) => [id, LONG_WORD])), users: new Map() }}
    />
  ),
  users: () => <UsersPage {...users} />,
  'users-uncounted': () => <UsersPage {...users} users={USERS.map((view) => ({ ...view, keys: null, use: null }))} />,
  'users-none-found': () => <UsersPage {...users} query={{ query: 'demmo' }} users={[]} found={0} />,
  user: () => <UserPage {...user} />,
  'user-unchangeable': () => (
    <UserPage
      {...user}
      view={{ ...BUSINESS_MANAGER, acts: { ...BUSINESS_MANAGER.acts, change: 'Users are changed by administrators' } }}
    />
  ),
  'user-create': () => <UserCreatePage frame={ADMIN} values={newUser} errors={{}} roles={roles} mayInvite />,
  'user-create-errors': () => (
    <UserCreatePage
      frame={ADMIN}
      values={{ ...newUser, email: 'org-admin@example.com' }}
      errors={{ first_name: 'Give a first name.', email: 'Another user has this address.' }}
      roles={roles}
      mayInvite
    />
  ),
  'user-delete': () => <UserDeletePage frame={ADMIN} view={BUSINESS_MANAGER} keys={KEYS_OF_MANAGER} keyCount={3} />,
  'user-invited': () => (
    <UserInvitedPage
      frame={ADMIN}
      user={GROUP_MANAGER.user}
      signInUrl={`${ORIGIN}${links.signIn}/w3Qm7ZcT0nRk5YpL2vXa9HsE`}
      endsAt={Date.parse('2026-11-26T14:02:50Z')}
    />
  ),
  audit: () => <AuditPage {...audit} />,
  'audit-none': () => <AuditPage {...audit} users={null} events={[]} count={0} query={{ action: 'api_key.seen' }} />,
  organisations: () => (
    <OrganisationsPage
      frame={{
        ...ADMIN,
        viewer: { ...ADMIN.viewer, role: 'PROVIDER', sections: ['keys', 'users', 'audit', 'organisations'] },
      }}
      query={{}}
      organisations={[
        { id: 2, name: 'Demo organisation', isDeployment: false, createdAt: Date.parse('2026-01-02T08:00:00Z') },
        { id: 1, name: 'Latchkey', isDeployment: true, createdAt: Date.parse('2024-08-14T08:00:00Z') },
      ]}
      page={1}
      perPage={30}
      found={2}
      name=""
      error={null}
    />
  ),
  key: () => <KeyPage {...key} />,
  'key-unused': () => (
    <KeyPage {...key} report={QUIET_REPORT} ask={{ ...unasked, lately: [], addresses: [] }} proof={null} />
  ),
  'key-unreadable': () => (
    <KeyPage {...key} view={{ ...STORE_LOCATOR, use: null }} report={null} ask={unasked} proof={null} looks={null} />
  ),
  'key-rotating': () => (
    <KeyPage
      {...key}
      view={LISTINGS_FEED}
      ask={unasked}
      rotation={{
        use: {
          old: {
            hint: 'lk_…81Gr',
            hours: fortnight(168),
            networks: ['203.0.113.7'],
            lastUsedAt: Date.parse('2026-11-25T13:59:50Z'),
          },
          fresh: {
            hint: 'lk_…c0Xe',
            hours: fortnight(63_550),
            networks: ['198.51.100.61', '198.51.100.62', '203.0.113.9', '203.0.113.12'],
            lastUsedAt: Date.parse('2026-11-25T14:02:36Z'),
          },
        },
        mayMove: { lengthen: true, end: true },
      }}
    />
  ),
  'key-changed': () => (
    <KeyPage
      {...key}
      view={{
        ...STORE_LOCATOR,
        key: { ...STORE_LOCATOR.key, ipWhitelist: ['198.51.100.16/29', '203.0.113.7', '2001:db8:40::/48'] },
      }}
      ask={unasked}
      receipt={{
        what: 'The new list is in force',
        effectiveBy: NOW + 30_000,
        detail: 'Changed at 14:02:50 UTC. Lets in 9 IPv4 addresses instead of 768.',
        oldList: STORE_LOCATOR.key.ipWhitelist,
      }}
    />
  ),
  'see-key': () => (
    <SeeKeyPage
      frame={ADMIN}
      target={STORE_LOCATOR.key}
      clientIp="203.0.113.7"
      looks={HISTORY.filter(({ action }) => action === 'api_key.seen')}
    />
  ),
  'see-key-shown': () => (
    <KeySeenPage
      frame={ADMIN}
      target={STORE_LOCATOR.key}
      secret="lk_RhNS4uV0yJq8wKc2ZpT7mXbE1dLfA9gHsN3iOoYkCe5aQnTS"
    />
  ),
  revoke: () => <RevokePage frame={ADMIN} view={STORE_LOCATOR} report={REPORT} graceSeconds={300} />,
  revoked: () => (
    <RevokedPage
      frame={ADMIN}
      target={STORE_LOCATOR.key}
      revokedAt={NOW}
      effectiveBy={NOW + 30_000}
      revokedByName="Demo Org Admin"
      networks={3}
    />
  ),
  rotate: () => <RotatePage frame={ADMIN} view={STORE_LOCATOR} month={month} overlap="86400" error={null} />,
  'rotate-again': () => <RotatePage frame={ADMIN} view={LISTINGS_FEED} month={month} overlap="86400" error={null} />,
  pause: () => <PausePage frame={ADMIN} view={STORE_LOCATOR} month={month} />,
  create: () => <KeyCreatePage {...create} />,
  'create-errors': () => (
    <KeyCreatePage
      {...create}
      values={{
        ...create.values,
        label: '',
        user_type: 'user',
        user_id: PUBLISHER_ID,
        expiry: 'date',
        expiration_date: '2026-11-25',
        ip_whitelist: '203.0.113.0/24\n192.0.2.010\noffice.example.com\n198.51.100.7:443',
        permissions: [],
      }}
      errors={{
        label: 'Give the key a name of 1 to 100 characters.',
        expiration_date:
          'A key cannot end today or earlier. The first possible date is 2026-11-26. To end it today, revoke it.',
        ip_whitelist: '3 of 4 lines cannot be read. They are marked below.',
        permissions: 'Tick what the key may do, or choose all that its user may.',
      }}
      unavailable={new Map(NOT_FOR_PUBLISHERS.map((name) => [name, 'Not for publishers']))}
      heldCount={2}
      startLike={[]}
    />
  ),
  created: () => (
    <KeyCreatedPage
      frame={ADMIN}
      target={STAGING}
      secret="lk_p3Zk9LwQ0aXr7VtY2nHc5MbJ8sFgD1eUoRi4Kq6TzB0xw2Bz"
      how="created"
      oldSecretUntil={null}
      clientIp="203.0.113.7"
      origin={ORIGIN}
      receipt={null}
    />
  ),
  rotated: () => (
    <KeyCreatedPage
      frame={ADMIN}
      target={STORE_LOCATOR.key}
      secret="lk_p3Zk9LwQ0aXr7VtY2nHc5MbJ8sFgD1eUoRi4Kq6TzB0xw2Bz"
      how="rotated"
      oldSecretUntil={Date.parse('2026-11-26T14:02:50Z')}
      clientIp="203.0.113.7"
      origin={ORIGIN}
      receipt={{ what: 'The new secret is in force', effectiveBy: NOW + 30_000 }}
    />
  ),
  edit: () => (
    <KeyChangePage
      frame={ADMIN}
      target={STORE_LOCATOR.key}
      values={{
        ...create.values,
        label: 'Store locator',
        description: 'Opening hours for the shop finder on www.example.com',
        expiry: 'date',
        expiration_date: '2027-11-21',
        ip_whitelist: '198.51.100.0/24\n2001:db8:40::/48',
      }}
      errors={{}}
      clientIp="203.0.113.7"
      unavailable={new Map()}
      heldCount={11}
      unrestrictedRefused={null}
      callsByEntry={
        new Map([
          ['198.51.100.0/24', 14_907],
          ['2001:db8:40::/48', 3_281],
        ])
      }
      rehearsal={{
        changes: [
          { sign: 'del', text: '203.0.113.0/24', reason: 'no longer allowed' },
          { sign: 'del', text: '192.0.2.0/24', reason: 'no longer allowed, not used in 30 days' },
        ],
        days: 30,
        calls: 18_402,
        refused: 214,
        unknown: 0,
        callers: [
          { what: '203.0.113.7', count: 214, lastSeen: Date.parse('2026-11-25T12:02:50Z'), keep: 'keep-203.0.113.7' },
        ],
      }}
    />
  ),
  'keys-main': () => <KeysPage {...main} />,
  'keys-personal': () => (
    <KeysPage
      {...main}
      tab="personal"
      filters={[
        { name: 'All', status: undefined, count: 46 },
        { name: 'Active', status: 'active', count: 39 },
        { name: 'Paused', status: 'paused', count: 0 },
        { name: 'Expired', status: 'expired', count: 5 },
        { name: 'Revoked', status: 'disabled', count: 2 },
        { name: 'Mine', status: 'mine', count: 1, deservesLook: true },
        { name: 'Expires soon', status: 'soon', count: 1, deservesLook: true },
        { name: 'Open', status: 'open', count: 1, deservesLook: true },
        { name: 'Unused 90 days', status: 'unused', count: 4, deservesLook: true },
      ]}
      query={{ type: 'user' }}
      keys={PERSONAL_KEYS}
      perPage={5}
      found={46}
    />
  ),
  'keys-personal-manager': () => (
    <KeysPage
      {...main}
      frame={MANAGER}
      tab="personal"
      counts={{ main: null, personal: 3 }}
      seesKeysOfOthers={false}
      filters={[
        { name: 'All', status: undefined, count: 3 },
        { name: 'Active', status: 'active', count: 2 },
        { name: 'Expired', status: 'expired', count: 1 },
        { name: 'Revoked', status: 'disabled', count: 0 },
      ]}
      query={{ type: 'user' }}
      keys={KEYS_OF_MANAGER}
      found={3}
    />
  ),
  'keys-empty': () => <KeysPage {...main} counts={{ main: 0, personal: 0 }} filters={[]} keys={[]} found={0} />,
  'keys-none-found': () => (
    <KeysPage
      {...main}
      query={{ type: 'bot', status: 'active', search_text: 'store lokator' }}
      keys={[]}
      found={0}
      foundElsewhere={1}
    />
  ),
  'sign-in': () => <SignInPage frame={NOBODY} keyPrefix="lk" clientIp="203.0.113.7" hasAccess error={null} />,
  'sign-in-error': () => (
    <SignInPage
      frame={NOBODY}
      keyPrefix="lk"
      clientIp="203.0.113.7"
      hasAccess
      error="Part of the key is missing, or a character is wrong: its checksum does not fit. Copy it again, from lk_ to the end."
    />
  ),
  'sign-in-link': () => (
    <SignInLinkPage
      frame={NOBODY}
      link={{
        name: 'Demo Business Manager',
        organisation: 'Demo organisation',
        endsAt: Date.parse('2026-11-26T13:40:00Z'),
      }}
      action={`${links.signIn}/w3Qm7ZcT0nRk5YpL2vXa9HsE`}
    />
  ),
  'sign-in-link-dead': () => <SignInLinkPage frame={NOBODY} link={null} action={links.signIn} />,
  'session-ended': () => <SessionEndedPage frame={NOBODY} reason="idle" wasActing />,
  refused: () => (
    <RefusedPage
      frame={MANAGER}
      heading="Main integration keys are for administrators"
      reason={{ is: 'missing', text: 'the role Organisation admin' }}
      helper={{ name: 'Demo Org Admin', email: 'org-admin@example.com' }}
      instead={{ text: 'for the same work, create', href: links.createKey(), link: 'a personal key' }}
      requestId="8f1c2e60-5b7a"
    />
  ),
  'not-found': () => <NotFoundPage frame={ADMIN} />,
  unavailable: () => (
    <UnavailablePage
      frame={{ ...ADMIN, now: NOW }}
      reason="unavailable"
      graceSeconds={300}
      requestId="8f1c2e60-5b7a"
      retry={links.keys()}
    />
  ),
};
