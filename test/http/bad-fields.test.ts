import { beforeAll, describe, expect, test } from 'vitest';
import { toDate } from '../../src/domain/verification/expiration.ts';
import addresses from '../domain/addresses/allowlist-cases.json';
import { call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid } from '../support/expect-error.ts';
import { NO_LINE, NO_TEXT, STILL_TEXT } from '../support/no-text.ts';
import { alter, writingNothing } from '../support/stored.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const RESTRICTED = { has_restricted_permissions: true };

let keys: RoleKeys;
let putRoute: string;
beforeAll(async () => {
  keys = await deploy();
  putRoute = `PUT /v2/api_keys/${(await createKey(keys.ORG_ADMIN)).id}`;
});

async function expectRefused(route: string, body: unknown, fields: string[], by = keys.ORG_ADMIN) {
  expectInvalid(await writingNothing(() => call(by, route, { body })), fields);
}

type Case = [what: string, fields: Record<string, unknown>, wrong: string[]];

const LABELS: Case[] = [
  ['a label that is null', { label: null }, ['label']],
  ['a label that is a number', { label: 5 }, ['label']],
  ['a label that is a list', { label: ['a'] }, ['label']],
  ['a label that is an object', { label: { toString: 'a' } }, ['label']],
  ['an empty label', { label: '' }, ['label']],
  ['a label of spaces', { label: '   ' }, ['label']],
  ['a label of spaces beyond ASCII', { label: '\u00a0\u2003\u3000' }, ['label']],
  ['a label of 101 characters', { label: 'a'.repeat(101) }, ['label']],
  ['a label of 101 emoji', { label: '🗝'.repeat(101) }, ['label']],
  ...NO_LINE.map(([what, text]): Case => [`${what} in a label`, { label: text }, ['label']]),
  ['a label of NUL', { label: '\0' }, ['label']],
  ['the first half of a pair in a label', { label: 'a\ud83db' }, ['label']],
  ['the second half of a pair in a label', { label: 'a\udddd' }, ['label']],
  ['a pair the wrong way round in a label', { label: '\udddd\ud83d' }, ['label']],
];

const DESCRIPTIONS: Case[] = [
  ['a description that is a number', { description: 5 }, ['description']],
  ['a description of 501 characters', { description: 'a'.repeat(501) }, ['description']],
  ['a description of 501 emoji', { description: '🗝'.repeat(501) }, ['description']],
  ...NO_TEXT.map(([what, text]): Case => [`${what} in a description`, { description: text }, ['description']]),
  ['half a pair in a description', { description: '\ud83d' }, ['description']],
];

const DATES: Case[] = [
  '',
  'tomorrow',
  '2999-02-29',
  '2999-02-30',
  '2999-04-31',
  '2999-13-01',
  '2999-00-10',
  '2999-01-00',
  '2999-01-32',
  '2100-02-29',
  '2999-1-1',
  '2999/01/01',
  '01-01-2999',
  '29990101',
  '2999-01',
  '2999-W01-1',
  '2999-01-01T00:00:00Z',
  '2999-01-01 00:00',
  ' 2999-01-01',
  '2999-01-01\n',
  '+002999-01-01',
  '12999-01-01',
  '-2999-01-01',
  '２９９９-01-01',
  '0000-00-00',
  '1999-12-31',
  32503680000,
  true,
  [],
  {},
].map((date) => [`an expiration date of ${JSON.stringify(date)}`, { expiration_date: date }, ['expiration_date']]);

const NETWORKS: Case[] = [
  ['a list that is a text', { ip_whitelist: '10.0.0.1' }, ['ip_whitelist']],
  ['a list that is null', { ip_whitelist: null }, ['ip_whitelist']],
  ['a list that is an object', { ip_whitelist: { 0: '10.0.0.1' } }, ['ip_whitelist']],
  ['a thousand permissions', { ...RESTRICTED, permissions: Array(1000).fill('review_read') }, ['permissions']],
  ['a thousand that there are not', { ...RESTRICTED, permissions: Array(1000).fill('fly') }, ['permissions']],
  ['101 entries', { ip_whitelist: Array(101).fill('10.0.0.1') }, ['ip_whitelist']],
  ['an entry that is a number', { ip_whitelist: [167772161] }, ['ip_whitelist.0']],
  ['an entry that is null', { ip_whitelist: ['10.0.0.1', null] }, ['ip_whitelist.1']],
  ['an entry that is a list', { ip_whitelist: [['10.0.0.1']] }, ['ip_whitelist.0']],
  [
    'two wrong entries among right ones',
    { ip_whitelist: ['::1', 'a', '10.0.0.1', 'b'] },
    ['ip_whitelist.1', 'ip_whitelist.3'],
  ],
  [
    // Their number only: naming each would make of a body of 64 KiB an answer of megabytes.
    '101 entries of which one is wrong',
    { ip_whitelist: [...Array(100).fill('10.0.0.1'), 'office'] },
    ['ip_whitelist'],
  ],
  ...[...addresses.invalid_entries, ...addresses.more_invalid_entries].map(
    (entry): Case => [
      `an entry of ${JSON.stringify(entry)}`,
      { ip_whitelist: ['10.0.0.1', entry] },
      ['ip_whitelist.1'],
    ],
  ),
];

const RESTRICTIONS: Case[] = [
  ['permissions without has_restricted_permissions', { permissions: ['review_read'] }, ['has_restricted_permissions']],
  ['empty permissions without has_restricted_permissions', { permissions: [] }, ['has_restricted_permissions']],
  ['has_restricted_permissions without permissions', RESTRICTED, ['permissions']],
  ['has_restricted_permissions: false without permissions', { has_restricted_permissions: false }, ['permissions']],
  [
    'has_restricted_permissions that is a text',
    { has_restricted_permissions: 'true', permissions: [] },
    ['has_restricted_permissions'],
  ],
  [
    'has_restricted_permissions that is a number',
    { has_restricted_permissions: 1, permissions: [] },
    ['has_restricted_permissions'],
  ],
  [
    'has_restricted_permissions that is null',
    { has_restricted_permissions: null, permissions: [] },
    ['has_restricted_permissions'],
  ],
  ['permissions that are a text', { ...RESTRICTED, permissions: 'review_read' }, ['permissions']],
  ['permissions that are null', { ...RESTRICTED, permissions: null }, ['permissions']],
  ['permissions that are an object', { ...RESTRICTED, permissions: { 0: 'review_read' } }, ['permissions']],
  ['a permission that is a number', { ...RESTRICTED, permissions: ['review_read', 5] }, ['permissions.1']],
  ['a permission that is null', { ...RESTRICTED, permissions: [null] }, ['permissions.0']],
  [
    'a permission that is a number in a list that is ignored',
    { has_restricted_permissions: false, permissions: [5] },
    ['permissions.0'],
  ],
  ['a permission that no one knows', { ...RESTRICTED, permissions: ['review_read', 'fly'] }, ['permissions.1']],
  ['a permission in capitals', { ...RESTRICTED, permissions: ['REVIEW_READ'] }, ['permissions.0']],
  ['a permission with a space', { ...RESTRICTED, permissions: ['review_read '] }, ['permissions.0']],
  ['an empty permission', { ...RESTRICTED, permissions: [''] }, ['permissions.0']],
  ['a permission called constructor', { ...RESTRICTED, permissions: ['constructor'] }, ['permissions.0']],
  ['a permission called __proto__', { ...RESTRICTED, permissions: ['__proto__'] }, ['permissions.0']],
  ['a permission without what it depends on', { ...RESTRICTED, permissions: ['review_reply'] }, ['permissions.0']],
  [
    'two permissions without what they depend on',
    { ...RESTRICTED, permissions: ['user_manage', 'review_read', 'business_edit_name'] },
    ['permissions.0', 'permissions.2'],
  ],
];

const UNKNOWN_FIELDS: Case[] = [
  ['ip_whitelists', { ip_whitelists: ['10.0.0.1'] }, ['ip_whitelists']],
  ['ipWhitelist', { ipWhitelist: ['10.0.0.1'] }, ['ipWhitelist']],
  ['Label', { Label: 'a' }, ['Label']],
  ['api_key', { api_key: 'mine' }, ['api_key']],
  ['include_all_permissions', { include_all_permissions: true }, ['include_all_permissions']],
  ['constructor', { constructor: {} }, ['constructor']],
  ['toString', { toString: 'a' }, ['toString']],
  ['hasOwnProperty', { hasOwnProperty: null }, ['hasOwnProperty']],
  ['an empty name', { '': 1 }, ['']],
  ['clé', { clé: 1 }, ['clé']],
  ['two of them', { colour: 'red', size: 5 }, ['colour', 'size']],
];

const UNKNOWN = UNKNOWN_FIELDS.map(([what, ...rest]): Case => [`a field that no one knows, ${what}`, ...rest]);

const SHARED = [...LABELS, ...DESCRIPTIONS, ...DATES, ...NETWORKS, ...RESTRICTIONS, ...UNKNOWN];

describe('creating', () => {
  test.each<Case>([
    ...SHARED,
    ['no label', { label: undefined }, ['label']],
    ['a read-only field', { id: 5 }, ['id']],
    [
      'several read-only fields',
      { status: 'active', created_by: null, key_hint: 'lk_…' },
      ['created_by', 'key_hint', 'status'],
    ],
    ['a user_type that no one knows', { user_type: 'robot' }, ['user_type']],
    ['a user_type in capitals', { user_type: 'BOT' }, ['user_type']],
    ['a user_type that is null', { user_type: null }, ['user_type']],
    ['a user_id that is a number', { user_id: 5 }, ['user_id']],
    ['a user_id of 23 digits', { user_id: 'a'.repeat(23) }, ['user_id']],
    ['a user_id of 25 digits', { user_id: 'a'.repeat(25) }, ['user_id']],
    ['a user_id in capitals', { user_id: 'A'.repeat(24) }, ['user_id']],
    ['a user_id with a line break', { user_id: `${'a'.repeat(24)}\n` }, ['user_id']],
    ['an org_id that is a text', { user_type: 'bot', org_id: '2' }, ['org_id']],
    ['an org_id that is null', { user_type: 'bot', org_id: null }, ['org_id']],
    ['an org_id of 0', { user_type: 'bot', org_id: 0 }, ['org_id']],
    ['an org_id below 0', { user_type: 'bot', org_id: -2 }, ['org_id']],
    ['an org_id that is not whole', { user_type: 'bot', org_id: 2.5 }, ['org_id']],
    ['an org_id beyond 2^53', { user_type: 'bot', org_id: 2 ** 53 }, ['org_id']],
    ['an org_id without user_type', { org_id: 2 }, ['org_id']],
    ['an org_id with user_type: user', { user_type: 'user', org_id: 2 }, ['org_id']],
    ['a user_id with user_type: bot', { user_type: 'bot', user_id: 'a'.repeat(24) }, ['user_id']],
  ])('refuses %s, and writes nothing', async (_, fields, wrong) => {
    await expectRefused('POST /v2/api_keys', { label: 'a key', ...fields }, wrong);
  });
});

describe('changing', () => {
  test.each<Case>(SHARED)('refuses %s, and writes nothing', async (_, fields, wrong) => {
    await expectRefused(putRoute, fields, wrong);
  });
});

describe('finding', () => {
  test.each<Case>([
    ['no key', {}, ['api_key']],
    ['a key that is null', { api_key: null }, ['api_key']],
    ['a key that is a number', { api_key: 5 }, ['api_key']],
    ['a field that no one knows', { api_key: 'lk_', key: 'lk_' }, ['key']],
  ])('refuses %s', async (_, body, wrong) => {
    await expectRefused('POST /v2/api_keys/find', body, wrong);
  });
});

describe.each<[string, () => string]>([
  ['creating', () => 'POST /v2/api_keys'],
  ['changing', () => putRoute],
])('%s', (_, route) => {
  test.each([
    ['yesterday', -1],
    ['today', 0],
  ])('refuses a key that expires %s, and names revoking', async (_, days) => {
    const body = { label: 'a key', expiration_date: toDate(Date.now() + days * DAY_MS) };
    const answer = await writingNothing(() => call(keys.ORG_ADMIN, route(), { body }));
    expectInvalid(answer, ['expiration_date']);
    expect(answer.body.errors.json.expiration_date).toContain('If you want it to expire today you must revoke it.');
  });

  // Spelt out, because an object literal would set the prototype.
  test.each<[string, string, string[]]>([
    ['beside right ones', '{"label":"a","__proto__":{"label":"b"}}', ['__proto__']],
    ['that is null', '{"label":"a","__proto__":null}', ['__proto__']],
    ['that is a text', '{"label":"a","__proto__":"b"}', ['__proto__']],
    ['with another one', '{"label":"a","__proto__":{},"colour":1}', ['__proto__', 'colour']],
  ])('refuses a field called __proto__ %s', async (_, body, wrong) => {
    await expectRefused(route(), body, wrong);
  });

  test.each([
    ['a number that is no number any more', '{"label":"a","description":1e999}'],
    ['very deep nesting', `{"label":"a","description":${'['.repeat(30_000)}${']'.repeat(30_000)}}`],
  ])('refuses %s', async (_, body) => {
    await expectRefused(route(), body, ['description']);
  });

  test('takes the last of two fields with one name', async () => {
    await expectRefused(route(), '{"label":"a","label":""}', ['label']);
  });
});

describe('several wrong fields are named in one answer', () => {
  test.each<Case>([
    [
      'all kinds at once',
      {
        label: '  ',
        description: 5,
        expiration_date: '2999-02-30',
        ip_whitelist: ['10.0.0.1', 'office', 5],
        has_restricted_permissions: true,
        permissions: ['review_reply', 'fly', 5],
        user_type: 'robot',
        user_id: 'me',
        org_id: 0,
        ip_white_list: [],
      },
      [
        'label',
        'description',
        'expiration_date',
        'ip_whitelist.1',
        'ip_whitelist.2',
        'permissions.0',
        'permissions.1',
        'permissions.2',
        'user_type',
        'user_id',
        'org_id',
        'ip_white_list',
      ],
    ],
    [
      'a missing one, one that another requires, and a list',
      { label: undefined, permissions: ['fly'] },
      ['label', 'has_restricted_permissions', 'permissions.0'],
    ],
    [
      'wrong types and one that another requires',
      { label: 5, ip_whitelist: 'office', has_restricted_permissions: 'yes' },
      ['label', 'ip_whitelist', 'has_restricted_permissions', 'permissions'],
    ],
    [
      'what only the day, the catalogue and the caller decide, beside what is wrong by itself',
      {
        label: 5,
        expiration_date: '2020-01-01',
        has_restricted_permissions: true,
        permissions: ['fly', 'review_reply'],
        org_id: 2,
      },
      ['label', 'expiration_date', 'permissions.0', 'permissions.1', 'org_id'],
    ],
    [
      'a list of permissions that is longer than the catalogue, beside what is wrong by itself',
      { label: '', ...RESTRICTED, permissions: Array(100).fill('fly') },
      ['label', 'permissions'],
    ],
    ['one that goes with main keys only', { label: '', user_type: 'user', org_id: 2 }, ['label', 'org_id']],
    [
      'one that goes with personal keys only',
      { label: '', user_type: 'bot', user_id: 'a'.repeat(24) },
      ['label', 'user_id'],
    ],
  ])('%s', async (_, fields, wrong) => {
    await expectRefused('POST /v2/api_keys', { label: 'a key', ...fields }, wrong);
  });

  test('when changing too, and the date that a key has is not among them', async () => {
    const read = (await call(keys.ORG_ADMIN, putRoute.replace('PUT', 'GET'))).body;
    const body = {
      ...read,
      label: '',
      ip_whitelist: ['office'],
      permissions: ['fly'],
      has_restricted_permissions: true,
      colour: 1,
    };
    await expectRefused(putRoute, body, ['label', 'ip_whitelist.0', 'permissions.0', 'colour']);
  });
});

test('what a key has already is not among the wrong fields, though its date has come and the catalogue lost a name', async () => {
  const { id } = await createKey(keys.ORG_ADMIN, { ...RESTRICTED, permissions: ['review_read'] });
  await alter(
    `UPDATE api_keys SET expiration_date = '2020-01-01', permissions = '["review_read","retired"]' WHERE id = ?`,
    id,
  );
  const body = { expiration_date: '2020-01-01', ...RESTRICTED, permissions: ['review_read', 'retired'] };
  const route = `PUT /v2/api_keys/${id}`;
  await expectRefused(route, { ...body, label: '' }, ['label']);
  await expectRefused(route, { ...body, label: '', expiration_date: '2020-01-02' }, ['label', 'expiration_date']);
  expect((await call(keys.ORG_ADMIN, route, { body: { ...body, label: 'after' } })).status).toBe(200);
});

describe('what comes near to what is refused is kept as it is', () => {
  const LINES: typeof STILL_TEXT = [['lines and tabs', 'one\n\ttwo\n\nthree']];

  test.each([...STILL_TEXT, ...LINES])('in a description: %s', async (_, text) => {
    expect((await createKey(keys.ORG_ADMIN, { description: text })).description).toBe(text);
  });

  test.each(STILL_TEXT)('in a label: %s', async (_, text) => {
    expect((await createKey(keys.ORG_ADMIN, { label: text })).label).toBe(text);
  });
});

test('a main integration has no personal keys: it has to name a user', async () => {
  const main = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
  await expectRefused('POST /v2/api_keys', { label: 'a key', user_type: 'user' }, ['user_id'], main.api_key);
});

test('a person is no main integration: its user_id does not go with user_type: bot', async () => {
  const { user_id } = await readCurrent(keys.ORG_ADMIN);
  await expectRefused('POST /v2/api_keys', { label: 'a key', user_type: 'bot', user_id }, ['user_id']);
});
