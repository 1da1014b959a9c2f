import { beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid, expectNotFound, expectOutOfReach } from '../support/expect-error.ts';
import { NO_LINE, STILL_TEXT } from '../support/no-text.ts';
import { createOrganisation, createUser, newUser, readUser } from '../support/people.ts';
import { alter, writingNothing } from '../support/stored.ts';

let keys: RoleKeys;
let ownId: string;
let userId: string;
beforeAll(async () => {
  keys = await deploy();
  ownId = (await readCurrent(keys.ORG_ADMIN)).user_id;
  userId = await createUser(keys.ORG_ADMIN, { email: 'Émail@test.example' });
});

/** What shows nothing. */
const INVISIBLE: [string, string][] = [
  ['a zero-width space', '\u200b'],
  ['a zero-width joiner', '\u200d'],
  ['a zero-width non-joiner', '\u200c'],
  ['a word joiner', '\u2060'],
  ['a byte order mark', '\ufeff'],
  ['a soft hyphen', '\u00ad'],
  ['a grapheme joiner', '\u034f'],
  ['a mark of direction', '\u200e'],
  ['an Arabic mark of direction', '\u061c'],
  ['a variation selector', '\ufe0f'],
  ['a tag', '\u{e0041}'],
  ['a Hangul filler', '\u3164'],
  ['a blank of Braille', '\u2800'],
];

/** Names that read as the one that main integrations have. */
const LIKE_THE_BOT: [string, string][] = [
  ['Main', 'integration'],
  ['MAIN', 'INTEGRATION'],
  ['Main integration', '.'],
  ['Main integration', 'Team'],
  ['-', 'Main integration'],
  ['Ｍａｉｎ', 'ｉｎｔｅｇｒａｔｉｏｎ'],
  ['Main', 'inte\u00adgration'],
  ['Ma', 'in  integration'],
  ['𝐌𝐚𝐢𝐧', 'Integration'],
];

/** Fields that are wrong both for someone new and for someone who exists. */
const WRONG_FIELDS: [string, Record<string, unknown>, string[]][] = [
  ['an empty email', { email: '' }, ['email']],
  ['an email without @', { email: 'user.test.example' }, ['email']],
  ['an email with two @', { email: 'user@test@example' }, ['email']],
  ['an email with nothing before @', { email: '@test.example' }, ['email']],
  ['an email with nothing after @', { email: 'user@' }, ['email']],
  ['an email with a space', { email: 'us er@test.example' }, ['email']],
  ['an email with a line break', { email: 'user@test.example\nx@test.example' }, ['email']],
  ...NO_LINE.map(([what, text]): [string, Record<string, unknown>, string[]] => [
    `an email with ${what}`,
    { email: `${text}@test.example` },
    ['email'],
  ]),
  ...INVISIBLE.map(([what, letter]): [string, Record<string, unknown>, string[]] => [
    `an email with ${what}`,
    { email: `us${letter}er@test.example` },
    ['email'],
  ]),
  ['an email with a second @ of full width', { email: 'us＠er@test.example' }, ['email']],
  ['an email with a space of full width', { email: 'us\u3000er@test.example' }, ['email']],
  ['a number for an email', { email: 1 }, ['email']],
  ['null for an email', { email: null }, ['email']],
  ['an empty first name', { first_name: '' }, ['first_name']],
  ['a first name of spaces', { first_name: ' \u3000\t' }, ['first_name']],
  ...NO_LINE.flatMap(([what, text]): [string, Record<string, unknown>, string[]][] => [
    [`a first name with ${what}`, { first_name: text }, ['first_name']],
    [`a last name with ${what}`, { last_name: text }, ['last_name']],
  ]),
  ...LIKE_THE_BOT.map(([first_name, last_name]): [string, Record<string, unknown>, string[]] => [
    `the name of main integrations as ${JSON.stringify([first_name, last_name])}`,
    { first_name, last_name },
    ['last_name'],
  ]),
  ['a list for a first name', { first_name: ['First'] }, ['first_name']],
  ['null for a first name', { first_name: null }, ['first_name']],
  ['an empty last name', { last_name: '' }, ['last_name']],
  ['an object for a last name', { last_name: {} }, ['last_name']],
  ['a role that there is not', { role: 'OWNER' }, ['role']],
  ['a role in lower case', { role: 'publisher' }, ['role']],
  ['an empty role', { role: '' }, ['role']],
  ['null for a role', { role: null }, ['role']],
  ['the list of a role', { role: ['PUBLISHER'] }, ['role']],
  ['a field that no one knows', { is_admin: true }, ['is_admin']],
  ['a mistyped field', { firstname: 'First' }, ['firstname']],
  ['the type of user', { type: 'bot' }, ['type']],
  [
    'several wrong fields at once',
    { email: 'x', first_name: '', last_name: 1, role: 'OWNER', is_admin: true },
    ['email', 'first_name', 'last_name', 'role', 'is_admin'],
  ],
];

const WRONG_BODIES: [string, unknown, string[]][] = [
  ['malformed JSON', '{"email":', ['body']],
  ['an empty body', '', ['body']],
  ['a list', [], ['body']],
  ['a string', '"first"', ['body']],
  ['null', 'null', ['body']],
];

describe('creating a user is refused for', () => {
  test.each([
    ...WRONG_FIELDS.map(([what, fields, wrong]): [string, unknown, string[]] => [what, newUser(fields), wrong]),
    ...WRONG_BODIES,
    ['missing fields', {}, ['email', 'first_name', 'last_name']],
    ['an org_id that is text', newUser({ org_id: '1' }), ['org_id']],
    ['an org_id of 0', newUser({ org_id: 0 }), ['org_id']],
    ['an org_id beyond 2^53', newUser({ org_id: 2 ** 53 }), ['org_id']],
    ['an org_id that is null', newUser({ org_id: null }), ['org_id']],
  ])('%s', async (_, body, fields) => {
    expectInvalid(await writingNothing(() => call(keys.PROVIDER, 'POST /v2/user', { body })), fields);
  });

  test.each([
    ['id', '0123456789abcdef01234567'],
    ['status', 'active'],
    ['created_at', 1_700_000_000],
    ['disabled', false],
    ['id', null],
  ])('%s as %j, which is not to be given', async (field, value) => {
    const body = newUser({ [field]: value });
    expectInvalid(await writingNothing(() => call(keys.PROVIDER, 'POST /v2/user', { body })), [field]);
  });

  test('everything that is not to be given, at once with what is wrong', async () => {
    const body = newUser({ id: 'x', status: 'x', created_at: 'x', password: 'x', email: 'x', lang: 'x', phone: 'x' });
    expectInvalid(await writingNothing(() => call(keys.PROVIDER, 'POST /v2/user', { body })), [
      'id',
      'status',
      'created_at',
      'password',
      'email',
    ]);
  });

  test('an organisation that does not exist', async () => {
    expectNotFound(
      await writingNothing(() => call(keys.PROVIDER, 'POST /v2/user', { body: newUser({ org_id: 999_999 }) })),
    );
  });
});

describe('changing a user is refused for', () => {
  test.each([
    ...WRONG_FIELDS,
    ...WRONG_BODIES,
    ['text for disabled', { disabled: 'true' }, ['disabled']],
    ['a number for disabled', { disabled: 1 }, ['disabled']],
    ['null for disabled', { disabled: null }, ['disabled']],
  ])('%s', async (_, body, fields) => {
    expectInvalid(await writingNothing(() => call(keys.ORG_ADMIN, `POST /v2/user/${userId}`, { body })), fields);
  });
});

describe('a password is refused, and the answer says why and not which,', () => {
  test.each(['Str0ng#Pass!', '', null, 1, { a: 'b' }])('%j', async (password) => {
    for (const [route, body] of [
      ['POST /v2/user', newUser({ password })],
      [`POST /v2/user/${userId}`, { first_name: 'Renamed', password }],
    ] as const) {
      const answer = await writingNothing(() => call(keys.ORG_ADMIN, route, { body }));
      expectInvalid(answer, ['password']);
      expect(answer.body.errors.json.password).toMatch(/no passwords here/);
      expect(JSON.stringify(answer.body)).not.toContain('Str0ng');
    }
  });
});

describe('what no call changes is refused with another value than the user has:', () => {
  const OTHERS: [string, unknown][] = [
    ['id', '0123456789abcdef01234567'],
    ['id', ''],
    ['id', null],
    ['org_id', 1],
    ['org_id', 999_999],
    ['org_id', null],
    ['status', 'active'],
    ['status', 'disabled'],
    ['status', null],
    ['created_at', 1_700_000_000],
    ['created_at', '1700000000'],
    ['created_at', null],
  ];

  test.each(OTHERS)('%s as %j, alone, with a change, and in the user as it is read', async (field, value) => {
    const read = await readUser(keys.ORG_ADMIN, userId);
    for (const body of [{ [field]: value }, { first_name: 'Renamed', [field]: value }, { ...read, [field]: value }]) {
      const answer = await writingNothing(() => call(keys.ORG_ADMIN, `POST /v2/user/${userId}`, { body }));
      expectInvalid(answer, [field]);
    }
  });

  test('a user of one organisation is not moved into another, by a PROVIDER either', async () => {
    const body = { org_id: await createOrganisation(keys.PROVIDER) };
    const answer = await writingNothing(() => call(keys.PROVIDER, `POST /v2/user/${userId}`, { body }));
    expectInvalid(answer, ['org_id']);
    expect(answer.body.errors.json.org_id).toMatch(/does not move/);
  });

  const FIXED = { id: 'x', org_id: 999_999, status: 'active', created_at: 1 };

  test.each<[string, Record<string, unknown>, string[]]>([
    ['what is no value', { email: 'x', role: 'OWNER', is_admin: true }, ['email', 'role', 'is_admin']],
    ['what depends on others', { email: 'émail@test.example' }, ['email']],
  ])('all of it in one answer with %s', async (_, wrong, fields) => {
    const id = await createUser(keys.ORG_ADMIN);
    const body = { ...FIXED, ...wrong };
    expectInvalid(await writingNothing(() => call(keys.ORG_ADMIN, `POST /v2/user/${id}`, { body })), [
      'id',
      'org_id',
      'status',
      'created_at',
      ...fields,
    ]);
  });

  test('all of it in one answer with oneself disabled', async () => {
    const body = { ...FIXED, disabled: true };
    expectInvalid(await writingNothing(() => call(keys.ORG_ADMIN, `POST /v2/user/${ownId}`, { body })), [
      'id',
      'org_id',
      'status',
      'created_at',
      'disabled',
    ]);
  });

  test('of two of which one is right and one wrong, the wrong one is named', async () => {
    const read = await readUser(keys.ORG_ADMIN, userId);
    const body = { id: read.id, org_id: read.org_id + 1, email: 1 };
    expectInvalid(await call(keys.ORG_ADMIN, `POST /v2/user/${userId}`, { body }), ['org_id', 'email']);
  });

  test('who may not change the user is told that first', async () => {
    const admin = await createUser(keys.ORG_ADMIN, { role: 'ORG_ADMIN' });
    const answer = await call(keys.ORG_MANAGER, `POST /v2/user/${admin}`, { body: { org_id: 999_999 } });
    expectOutOfReach(answer, /ORG_ADMIN/);
    await call(keys.ORG_ADMIN, `DELETE /v2/user/${admin}`);
  });
});

test.each(['ﬁ@x.example', 'ﬁ@X.EXAMPLE', 'FI@x.example', 'ｆｉ@x.example', '𝐟𝐢@x.example'])(
  'fi@x.example and %s are one email',
  async (email) => {
    const id = await createUser(keys.ORG_ADMIN, { email: 'fi@x.example' });
    expectInvalid(await call(keys.ORG_ADMIN, 'POST /v2/user', { body: newUser({ email }) }), ['email']);
    const found = await call(keys.ORG_ADMIN, `GET /v2/user/search?email=${encodeURIComponent(email)}`);
    expect(found.body.users).toEqual([expect.objectContaining({ id, email: 'fi@x.example' })]);
    await call(keys.ORG_ADMIN, `DELETE /v2/user/${id}`);
  },
);

test.each(STILL_TEXT)('a name may hold %s', async (_, text) => {
  const id = await createUser(keys.ORG_ADMIN, { first_name: text, last_name: 'Last' });
  expect(await readUser(keys.ORG_ADMIN, id)).toMatchObject({ first_name: text });
});

test.each([
  ['Main', 'Street'],
  ['Integration', 'Main'],
  ['Main', 'Integrations'],
])('someone may be called %s %s', async (first_name, last_name) => {
  await createUser(keys.ORG_ADMIN, { first_name, last_name });
});

test('a name or email from before these rules keeps no one from disabling its user', async () => {
  const [id, twin] = [await createUser(keys.ORG_ADMIN), await createUser(keys.ORG_ADMIN, { email: 'ffi@x.example' })];
  await alter(
    "UPDATE users SET first_name = 'Main', last_name = 'integration', email = 'ﬃ@x.example', email_folded = 'ﬃ@x.example' WHERE id = ?",
    id,
  );
  const same = { first_name: 'Main', last_name: 'integration', email: 'ﬃ@x.example' };
  expect((await call(keys.ORG_ADMIN, `POST /v2/user/${id}`, { body: { ...same, disabled: true } })).status).toBe(200);
  expect(await readUser(keys.ORG_ADMIN, id)).toMatchObject({ ...same, disabled: true });
  expect(await readUser(keys.ORG_ADMIN, twin)).toMatchObject({ email: 'ffi@x.example' });
  expectInvalid(await call(keys.ORG_ADMIN, `POST /v2/user/${id}`, { body: { email: 'ﬀi@x.example' } }), ['email']);
});

describe('an email that exists is refused', () => {
  const TWINS: [string, string][] = [
    ['as it is', 'Émail@test.example'],
    ['in another letter case', 'ÉMAIL@TEST.EXAMPLE'],
    ['with é for É', 'émail@test.example'],
    ['with É in two code points', 'E\u0301mail@test.example'],
    ['with space around it', ' émail@test.example '],
    ['in letters of full width', 'éｍａｉｌ@test.example'],
    ['in mathematical letters', 'é𝐦𝐚𝐢𝐥@test.example'],
    ['with a full-width stop', 'émail@test．example'],
  ];

  test.each(TWINS)('on creating, %s', async (_, email) => {
    expectInvalid(await writingNothing(() => call(keys.ORG_ADMIN, 'POST /v2/user', { body: newUser({ email }) })), [
      'email',
    ]);
  });

  test.each(TWINS)('on changing, %s', async (_, email) => {
    const body = { email, first_name: 'Renamed' };
    expectInvalid(await writingNothing(() => call(keys.ORG_ADMIN, `POST /v2/user/${ownId}`, { body })), ['email']);
  });

  test('in another organisation, too', async () => {
    const body = newUser({ email: 'émail@test.example', org_id: await createOrganisation(keys.PROVIDER) });
    expectInvalid(await writingNothing(() => call(keys.PROVIDER, 'POST /v2/user', { body })), ['email']);
  });

  test('to all but one of many who create it at the same time', async () => {
    const emails = ['é', 'É', 'e\u0301', 'E\u0301', 'é'].map((letter) => `${letter}-race@test.example`);
    const answers = await Promise.all(
      emails.map((email) => call(keys.ORG_ADMIN, 'POST /v2/user', { body: newUser({ email }) })),
    );
    expectOneWinner(answers, 'email');
  });

  test('to all but one of many who change to it at the same time', async () => {
    const ids = await Promise.all([1, 2, 3, 4].map(() => createUser(keys.ORG_ADMIN)));
    const body = { email: 'taken-by-one@test.example' };
    const answers = await Promise.all(ids.map((id) => call(keys.ORG_ADMIN, `POST /v2/user/${id}`, { body })));
    expectOneWinner(answers, 'email');
  });
});

function expectOneWinner(answers: Answer[], field: string): void {
  const losers = answers.filter(({ status }) => status !== 200);
  expect(losers).toHaveLength(answers.length - 1);
  for (const loser of losers) expectInvalid(loser, [field]);
}

describe('a role is refused', () => {
  test.each<[keyof RoleKeys, string]>([
    ['ORG_ADMIN', 'PROVIDER'],
    ['ORG_MANAGER', 'PROVIDER'],
    ['ORG_MANAGER', 'ORG_ADMIN'],
    ['ORG_MANAGER', 'ORG_MANAGER'],
  ])('that an %s may not give: %s', async (by, role) => {
    expectOutOfReach(
      await writingNothing(() => call(keys[by], 'POST /v2/user', { body: newUser({ role }) })),
      new RegExp(role),
    );
    const body = { role, first_name: 'Renamed' };
    expectOutOfReach(await writingNothing(() => call(keys[by], `POST /v2/user/${userId}`, { body })), new RegExp(role));
  });

  test('PROVIDER in another organisation than the deployment’s own, on creating', async () => {
    const { org_id } = await readCurrent(keys.ORG_ADMIN);
    const body = newUser({ role: 'PROVIDER', org_id });
    expectInvalid(await writingNothing(() => call(keys.PROVIDER, 'POST /v2/user', { body })), ['role']);
  });

  test('PROVIDER in another organisation than the deployment’s own, on changing', async () => {
    const body = { role: 'PROVIDER', first_name: 'Renamed' };
    expectInvalid(await writingNothing(() => call(keys.PROVIDER, `POST /v2/user/${userId}`, { body })), ['role']);
  });

  test('together with the email that is wrong, too', async () => {
    const { org_id } = await readCurrent(keys.ORG_ADMIN);
    const body = newUser({ role: 'PROVIDER', org_id, email: 'émail@test.example' });
    expectInvalid(await writingNothing(() => call(keys.PROVIDER, 'POST /v2/user', { body })), ['email', 'role']);
  });
});

describe('one may not', () => {
  test.each<[string, keyof RoleKeys]>([
    ['a PROVIDER', 'PROVIDER'],
    ['an ORG_ADMIN', 'ORG_ADMIN'],
    ['an ORG_MANAGER', 'ORG_MANAGER'],
  ])('disable oneself, as %s', async (_, role) => {
    const { user_id } = await readCurrent(keys[role]);
    const body = { disabled: true, last_name: 'Renamed' };
    expectInvalid(await writingNothing(() => call(keys[role], `POST /v2/user/${user_id}`, { body })), ['disabled']);
  });

  test.each<[string, keyof RoleKeys]>([
    ['a PROVIDER', 'PROVIDER'],
    ['an ORG_ADMIN', 'ORG_ADMIN'],
    ['an ORG_MANAGER', 'ORG_MANAGER'],
  ])('delete oneself, as %s', async (_, role) => {
    const { user_id } = await readCurrent(keys[role]);
    const answer = await writingNothing(() => call(keys[role], `DELETE /v2/user/${user_id}`));
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 400, code: 'INVALID_REQUEST' });
  });
});

describe('oneself, when there are other administrators', () => {
  beforeAll(async () => {
    await createUser(keys.ORG_ADMIN, { role: 'ORG_ADMIN' });
  });

  test('is not disabled', async () => {
    const answer = await writingNothing(() =>
      call(keys.ORG_ADMIN, `POST /v2/user/${ownId}`, { body: { disabled: true } }),
    );
    expectInvalid(answer, ['disabled']);
  });

  test('is not deleted', async () => {
    expect((await writingNothing(() => call(keys.ORG_ADMIN, `DELETE /v2/user/${ownId}`))).status).toBe(400);
  });
});
