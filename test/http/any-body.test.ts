import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { countRows } from '../support/stored.ts';

let keys: RoleKeys;
let id: number;
beforeAll(async () => {
  keys = await deploy();
  id = (await createKey(keys.ORG_ADMIN)).id;
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
