import { beforeAll, describe, expect, test } from 'vitest';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import {
  expectForbidden,
  expectInvalid,
  expectNotFound,
  expectOutOfReach,
  expectTooLarge,
  expectUnauthenticated,
  expectUnsupported,
} from '../support/expect-error.ts';

/*
 * Of everything that is wrong with a call, the first of the contract's order is told: 401, 429, 403 (permission), 413
 * and 415, 404, 400, 403 (reach). 429 has a file of its own, for its calls are slow.
 */

const NOWHERE = 999_999;
const TEXT = { 'Content-Type': 'text/plain' };
const LARGE = ' '.repeat(70 * 1024);

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

const WRITES = ['POST /v2/api_keys', `PUT /v2/api_keys/${NOWHERE}`, `POST /v2/api_keys/revoke/${NOWHERE}`];

describe('401 comes before everything else', () => {
  test.each([...WRITES, 'POST /v2/api_keys/find', 'GET /v2/nothing', 'GET /v2/api_keys?page=abc'])(
    'for %s',
    async (route) => {
      const options = route.startsWith('GET') ? {} : { body: LARGE, headers: TEXT };
      expectUnauthenticated(await call(null, route, options), 'MISSING_KEY');
      expectUnauthenticated(await call(generateApiKey('lk'), route, options), 'UNKNOWN_KEY');
    },
  );
});

describe('403 for a missing permission comes next', () => {
  test.each(WRITES)('before type, size, existence and fields, for %s', async (route) => {
    expectForbidden(await call(keys.PUBLISHER, route, { body: 'x', headers: TEXT }), 'PERMISSION_DENIED');
    expectForbidden(await call(keys.PUBLISHER, route, { body: LARGE }), 'PERMISSION_DENIED');
    expectForbidden(await call(keys.PUBLISHER, route, { body: '{' }), 'PERMISSION_DENIED');
  });

  test.each(['GET /v2/api_keys?page=abc', `GET /v2/api_keys/${NOWHERE}`, 'GET /v2/api_keys?org_id=1'])(
    'before existence and queries, for %s',
    async (route) => {
      const { api_key } = await createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions: [] });
      expectForbidden(await call(api_key, route), 'PERMISSION_DENIED');
    },
  );
});

describe('413 and 415 come before 404', () => {
  test('for a change of what does not exist', async () => {
    expectUnsupported(await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${NOWHERE}`, { body: '{}', headers: TEXT }));
    expectTooLarge(await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${NOWHERE}`, { body: LARGE }));
  });

  test('for a revocation of what does not exist', async () => {
    expectTooLarge(await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${NOWHERE}`, { body: LARGE }));
  });
});

describe('413 and 415 come before 400', () => {
  test.each(['POST /v2/api_keys', 'POST /v2/api_keys/find'])('for %s', async (route) => {
    expectUnsupported(await call(keys.ORG_ADMIN, route, { body: '{', headers: TEXT }));
    expectTooLarge(await call(keys.ORG_ADMIN, route, { body: `{${LARGE}` }));
  });
});

describe('404 comes before 400', () => {
  test.each([
    ['malformed JSON', '{'],
    ['a missing body', ''],
    ['a wrong field', '{"label":""}'],
    ['a field that no one knows', '{"colour":"red"}'],
  ])('for a change of what does not exist, with %s', async (_, body) => {
    expectNotFound(await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${NOWHERE}`, { body }));
  });

  test('for a revocation of what does not exist, with a body that it does not take', async () => {
    expectNotFound(await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${NOWHERE}`, { body: '{"a":1}' }));
  });

  test('for reading what does not exist, with a wrong query', async () => {
    expectNotFound(await call(keys.ORG_ADMIN, `GET /v2/api_keys/${NOWHERE}?include_all_permissions=maybe`));
  });

  test('for a change of a key that the caller may not know of', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    expectNotFound(await call(keys.ORG_MANAGER, `PUT /v2/api_keys/${id}`, { body: '{' }));
  });
});

describe('400 comes before 403 for reach', () => {
  test('for a change of another user’s personal key', async () => {
    const { id } = await createKey(keys.BUSINESS_MANAGER);
    expectInvalid(await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: { label: '' } }), ['label']);
    expectOutOfReach(await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: { label: 'a' } }), /personal key/);
  });

  test('for a change of a revoked key of another user', async () => {
    const { id } = await createKey(keys.BUSINESS_MANAGER);
    await call(keys.BUSINESS_MANAGER, `POST /v2/api_keys/revoke/${id}`);
    expect((await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: { label: 'a' } })).status).toBe(400);
  });

  test('for a key that would be wider than its maker', async () => {
    const fields = { has_restricted_permissions: true, permissions: ['api_key_read', 'api_key_manage'] };
    const { api_key } = await createKey(keys.ORG_ADMIN, fields);
    expectInvalid(await call(api_key, 'POST /v2/api_keys', { body: { label: '' } }), ['label']);
    expectOutOfReach(await call(api_key, 'POST /v2/api_keys', { body: { label: 'a' } }), /permissions/);
  });

  test('for a main integration key that the caller may not make', async () => {
    const body = { label: '', user_type: 'bot' };
    expectInvalid(await call(keys.ORG_MANAGER, 'POST /v2/api_keys', { body }), ['label']);
  });

  test('for a list of another organisation', async () => {
    expectInvalid(await call(keys.ORG_ADMIN, 'GET /v2/api_keys?org_id=1&page=abc'), ['page']);
    expectOutOfReach(await call(keys.ORG_ADMIN, 'GET /v2/api_keys?org_id=1'), /PROVIDER/);
  });
});
