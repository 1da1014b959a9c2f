import { beforeAll, describe, expect, test } from 'vitest';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import {
  expectForbidden,
  expectOutOfReach,
  expectRateLimited,
  expectUnauthenticated,
} from '../support/expect-error.ts';
import { createUser } from '../support/people.ts';
import { alter } from '../support/stored.ts';

/*
 * The challenges of RFC 6750: what a client that knows bearer tokens, and nothing of this service, is told to do.
 */

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

/** The scheme and the parameters of a challenge, parsed as RFC 9110 has it. */
function parse(challenge: string | null): Record<string, string> {
  const [, rest = ''] = /^Bearer (.*)$/.exec(challenge ?? '') ?? [];
  const parameters = /^(?:[a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*"(?:, |$))+$/;
  expect(rest).toMatch(parameters);
  return Object.fromEntries(
    [...rest.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
  );
}

describe('a 401', () => {
  test('without a key says only what to send', async () => {
    const answer = await call(null, 'GET /v2/api_keys');
    expectUnauthenticated(answer, 'MISSING_KEY');
    expect(answer.headers.get('WWW-Authenticate')).toBe('Bearer realm="latchkey"');
  });

  const PRESENTED: [string, () => Promise<string>][] = [
    ['MALFORMED_KEY', async () => 'nonsense'],
    ['MALFORMED_KEY', async () => 'a "quoted\\" key'],
    ['UNKNOWN_KEY', async () => generateApiKey('lk')],
    [
      'REVOKED',
      async () => {
        const { id, api_key } = await createKey(keys.ORG_ADMIN);
        await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
        return api_key;
      },
    ],
    [
      'USER_DISABLED',
      async () => {
        const user_id = await createUser(keys.ORG_ADMIN, { role: 'PUBLISHER' });
        const { api_key } = await createKey(keys.ORG_ADMIN, { user_id });
        await call(keys.ORG_ADMIN, `POST /v2/user/${user_id}`, { body: { disabled: true } });
        return api_key;
      },
    ],
    [
      'EXPIRED',
      async () => {
        const { id, api_key } = await createKey(keys.ORG_ADMIN);
        await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", id);
        return api_key;
      },
    ],
  ];

  test.each(PRESENTED)('for a key that was presented says that it is invalid, and why: %s', async (code, make) => {
    const key = await make();
    const answer = await call(key, 'GET /v2/api_keys');
    expectUnauthenticated(answer, code);
    const { authentication } = answer.body.errors;
    expect(parse(answer.headers.get('WWW-Authenticate'))).toEqual({
      realm: 'latchkey',
      error: 'invalid_token',
      error_description: authentication,
    });
    expect(answer.headers.get('WWW-Authenticate')).not.toContain(key);
  });
});

describe('a 403', () => {
  test.each([
    ['GET /v2/api_keys', 'api_key_read'],
    ['POST /v2/api_keys', 'api_key_manage'],
    ['POST /v2/api_keys/verify', 'api_key_verify'],
    ['GET /v2/api_keys/key/1', 'api_key_manage'],
    ['GET /v2/user/search', 'user_read'],
    ['DELETE /v2/user/0123456789abcdef01234567', 'user_manage'],
  ])('for a permission names it, in challenge and message: %s', async (route, permission) => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions: [] });
    const answer = await call(api_key, route);
    expectForbidden(answer, 'PERMISSION_DENIED');
    expect(answer.body.errors.authorization).toContain(permission);
    expect(parse(answer.headers.get('WWW-Authenticate'))).toEqual({
      realm: 'latchkey',
      error: 'insufficient_scope',
      scope: permission,
    });
  });

  test('for an address has no challenge: no other scope would help', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['192.0.2.1'] });
    const answer = await call(api_key, 'GET /v2/api_keys');
    expectForbidden(answer, 'IP_NOT_ALLOWED');
    expect(answer.headers.has('WWW-Authenticate')).toBe(false);
  });

  test('for reaching too far has no challenge, also where permissions are what is lacking', async () => {
    const fields = { has_restricted_permissions: true, permissions: ['api_key_read', 'api_key_manage'] };
    const { api_key } = await createKey(keys.ORG_ADMIN, fields);
    const wider = { label: 'a', has_restricted_permissions: true, permissions: ['review_read'] };
    const answer = await call(api_key, 'POST /v2/api_keys', { body: wider });
    expectOutOfReach(answer, /review_read/);
    expect(answer.headers.has('WWW-Authenticate')).toBe(false);
  });
});

test('a 429 has no challenge', async () => {
  const spent = { env: { RATE_LIMIT: 'on', USER_RATE_LIMIT: { limit: async () => ({ success: false }) } } };
  const answer = await call(keys.ORG_ADMIN, 'GET /v2/api_keys', spent);
  expectRateLimited(answer);
  expect(answer.headers.has('WWW-Authenticate')).toBe(false);
});
