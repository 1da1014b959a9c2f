import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { createUser } from '../support/people.ts';
import { countRows } from '../support/stored.ts';

let keys: RoleKeys;
let id: number;
let userId: string;
beforeAll(async () => {
  keys = await deploy();
  id = (await createKey(keys.ORG_ADMIN)).id;
  userId = await createUser(keys.ORG_ADMIN);
});

const value = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ unit: 'binary', maxLength: 120 }),
  fc.constantFrom('2999-12-31', '10.0.0.1', true, false, [], ['review_read'], ['10.0.0.0/8'], 'bot', 'user', null),
  fc.array(
    fc.oneof(fc.string({ unit: 'binary' }), fc.ipV4(), fc.ipV4Extended(), fc.ipV6(), fc.jsonValue({ maxDepth: 1 })),
  ),
);

const FIELDS = [
  'label',
  'description',
  'expiration_date',
  'ip_whitelist',
  'has_restricted_permissions',
  'permissions',
  'user_type',
  'user_id',
  'org_id',
  'api_key',
  'anything',
];

/** Bodies that are right but for a field or three. */
const anyBody = fc
  .array(fc.tuple(fc.constantFrom(...FIELDS), value), { minLength: 1, maxLength: 3 })
  .map((fields) => ({ label: 'a key', ...Object.fromEntries(fields) }));

// A fixed seed: a failure is the same one tomorrow.
const RUNS = { seed: 20_260_101, numRuns: 120 };
const TIMEOUT_MS = 30_000;

test.each([
  ['creating', () => 'POST /v2/api_keys'],
  ['changing', () => `PUT /v2/api_keys/${id}`],
  ['finding', () => 'POST /v2/api_keys/find'],
])('%s answers whatever is sent, and writes nothing where it refuses', { timeout: TIMEOUT_MS }, async (_, route) => {
  await fc.assert(
    fc.asyncProperty(anyBody, async (body) => {
      const before = await countRows();
      const { status, body: answer } = await call(keys.ORG_ADMIN, route(), { body });
      expect([200, 201, 400, 403, 404]).toContain(status);
      if (status >= 400) {
        expect(Object.keys(answer)).toEqual(['errors', 'code', 'request_id']);
        expect(await countRows()).toEqual(before);
      }
    }),
    RUNS,
  );
});

const MOST_BYTES = 64 * 1024;
const MOST_ANSWERED = 16 * 1024;

/** As many of something as a body holds. */
function fill(piece: (n: number) => string, [open, close]: [string, string]): string {
  const pieces: string[] = [];
  let length = open.length + close.length;
  for (let n = 0; ; n++) {
    const next = piece(n);
    length += new TextEncoder().encode(next).length + 1;
    if (length > MOST_BYTES) return open + pieces.join(',') + close;
    pieces.push(next);
  }
}

const EVERY_LETTER = JSON.stringify('\u0001'.repeat(500)).slice(1, -1);

const HOSTILE: [string, string][] = [
  ['a thousand fields that no one knows', fill((n) => `"f${n}":0`, ['{', '}'])],
  ['fields of long names', fill((n) => `"${n}${'n'.repeat(1000)}":0`, ['{', '}'])],
  ['fields of names that are escaped', fill((n) => `"${n}${EVERY_LETTER}":0`, ['{', '}'])],
  ['fields of names of emoji', fill((n) => `"${n}${'🗝'.repeat(500)}":0`, ['{', '}'])],
  ['one field of a very long name', `{"${'n'.repeat(MOST_BYTES - 10)}":0}`],
  ['a list of wrong addresses', fill(() => '0', ['{"label":"a","ip_whitelist":[', ']}'])],
  ['a list of right addresses', fill(() => '"::"', ['{"label":"a","ip_whitelist":[', ']}'])],
  [
    'a list of permissions that there are not',
    fill(() => '""', ['{"label":"a","has_restricted_permissions":true,"permissions":[', ']}']),
  ],
  [
    'a list of permissions that lack what they depend on',
    fill(() => '"user_manage"', ['{"label":"a","has_restricted_permissions":true,"permissions":[', ']}']),
  ],
  ['a list of numbers for permissions', fill(() => '0', ['{"label":"a","permissions":[', ']}'])],
  [
    'everything wrong at once',
    fill(
      (n) => `"${n}${EVERY_LETTER}":0`,
      [
        `{"label":0,"description":0,"expiration_date":"x","user_type":"x","user_id":"x","org_id":0,"ip_whitelist":[${Array(100).fill('0')}],"has_restricted_permissions":true,"permissions":["a","b","c","d","e"],`,
        '}',
      ],
    ),
  ],
  ['a label that is too long', `{"label":"${'a'.repeat(MOST_BYTES - 20)}"}`],
  ['deep nesting', `{"label":${'['.repeat(30_000)}${']'.repeat(30_000)}}`],
];

describe.each<[string, () => string, by: 'ORG_ADMIN' | 'PROVIDER']>([
  ['creating', () => 'POST /v2/api_keys', 'ORG_ADMIN'],
  ['changing', () => `PUT /v2/api_keys/${id}`, 'ORG_ADMIN'],
  ['finding', () => 'POST /v2/api_keys/find', 'ORG_ADMIN'],
  ['verifying', () => 'POST /v2/api_keys/verify', 'ORG_ADMIN'],
  ['explaining', () => `POST /v2/api_keys/explain/${id}`, 'ORG_ADMIN'],
  ['rotating', () => `POST /v2/api_keys/rotate/${id}`, 'ORG_ADMIN'],
  ['changing an overlap', () => `POST /v2/api_keys/overlap/${id}`, 'ORG_ADMIN'],
  ['revoking', () => `POST /v2/api_keys/revoke/${id}`, 'ORG_ADMIN'],
  ['pausing', () => `POST /v2/api_keys/pause/${id}`, 'ORG_ADMIN'],
  ['resuming', () => `POST /v2/api_keys/resume/${id}`, 'ORG_ADMIN'],
  ['giving up a key', () => 'POST /v2/api_keys/revoke_current', 'ORG_ADMIN'],
  ['creating a user', () => 'POST /v2/user', 'ORG_ADMIN'],
  ['changing a user', () => `POST /v2/user/${userId}`, 'ORG_ADMIN'],
  ['creating an organisation', () => 'POST /v2/org', 'PROVIDER'],
])('%s answers in 16 KiB what comes in 64:', (_, route, by) => {
  test.each(HOSTILE)('%s', async (_, body) => {
    const answer = await call(keys[by], route(), { body });
    expect(answer.status).toBe(400);
    expect(new TextEncoder().encode(JSON.stringify(answer.body)).length).toBeLessThan(MOST_ANSWERED);
  });
});

test('fifty wrong fields are named, and how many more there are is said', async () => {
  const body = Object.fromEntries(Array.from({ length: 80 }, (_, n) => [`field_${n}`, 0]));
  const { json } = (await call(keys.ORG_ADMIN, 'POST /v2/api_keys', { body: { label: 'a', ...body } })).body.errors;
  const named = Array.from({ length: 50 }, (_, n) => [`field_${n}`, 'There is no such field.']);
  expect(json).toEqual({ ...Object.fromEntries(named), body: '30 more fields are wrong.' });
});
