import { exports } from 'cloudflare:workers';
import { Hono } from 'hono';
import { beforeAll, expect, test } from 'vitest';
import { apiKeyAuth } from '../../src/client/api-key-auth.ts';
import { createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';

/* The middleware of other Workers, with what only its own Worker decides: which permissions it asks for. */

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

async function ask(key: string, permissions: readonly string[]): Promise<Response> {
  const app = new Hono().get('/', apiKeyAuth({ permissions }), (c) => c.text('let in'));
  return app.request(
    '/',
    { headers: { 'x-APIKey': key, 'CF-Connecting-IP': '192.0.2.1' } },
    { API_KEYS: exports.ApiKeys },
  );
}

test('the answer names what is missing, and not what the key has', async () => {
  const permissions = ['review_read', 'review_reply', 'business_edit'];
  const { api_key } = await createKey(keys.ORG_ADMIN, {
    has_restricted_permissions: true,
    permissions: ['review_read'],
  });
  const answer = await ask(api_key, permissions);
  expect(answer.status).toBe(403);
  expect(answer.headers.get('WWW-Authenticate')).toBe(
    'Bearer realm="latchkey", error="insufficient_scope", scope="review_reply business_edit"',
  );
  expect(await answer.json()).toMatchObject({
    code: 'PERMISSION_DENIED',
    errors: { authorization: expect.stringMatching(/: review_reply, business_edit\.$/) },
  });
});

test('a name that cannot be in a header is left out of the challenge, and lets no one in', async () => {
  for (const name of ['a"b', 'a\\b', 'a b', 'é', 'a\r\nSet-Cookie: b=c', '']) {
    const answer = await ask(keys.ORG_ADMIN, [name, 'orders']);
    expect(answer.status).toBe(403);
    expect(answer.headers.has('Set-Cookie')).toBe(false);
    expect(answer.headers.get('WWW-Authenticate')).toBe(
      'Bearer realm="latchkey", error="insufficient_scope", scope="orders"',
    );
  }
});

test('a message of the service stands between quotes in the challenge, whatever is in it', async () => {
  const verdict = { allowed: false, code: 'REVOKED', status: 401, message: 'a "b" \\ c\r\nSet-Cookie: d=é' };
  const app = new Hono().get('/', apiKeyAuth(), (c) => c.text('let in'));
  const request = { headers: { 'x-APIKey': keys.ORG_ADMIN } };
  const answer = await app.request('/', request, { API_KEYS: { verify: async () => verdict } });
  expect(answer.status).toBe(401);
  expect(answer.headers.get('WWW-Authenticate')).toBe(
    'Bearer realm="latchkey", error="invalid_token", error_description="a ?b? ? c??Set-Cookie: d=?"',
  );
});
