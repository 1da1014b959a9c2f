import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestHarness } from 'wrangler';
import { compose } from '../../src/compose.ts';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { seedDemoData } from '../../src/setup/demo-data.ts';
import { freePort } from '../support/checkout.ts';

/* A Worker that uses Latchkey as its users do, with a real service binding; and with Latchkey stopped. */

const SETTINGS = {
  vars: { RATE_LIMIT: 'off' },
  secrets: { MASTER_KEYS: `test:${Buffer.alloc(32).toString('base64')}` },
};
const IP = '192.0.2.44';

const together = createTestHarness({
  workers: [{ configPath: 'test/consumer/wrangler.toml' }, { configPath: 'wrangler.toml', ...SETTINGS }],
});
let keys: Record<string, string>;

beforeAll(async () => {
  await together.listen();
  const latchkey = together.getWorker<Env>('latchkey');
  await latchkey.applyD1Migrations('DB');
  const deferred: Promise<unknown>[] = [];
  const services = compose(await latchkey.getEnv(), { waitUntil: (work) => void deferred.push(work) });
  keys = (await seedDemoData(services)) ?? {};
  await Promise.all(deferred);
});

afterAll(async () => {
  await together.close();
});

interface Asked {
  key?: string | undefined;
  ip?: string;
  headers?: Record<string, string>;
}

async function ask(path: string, { key, ip = IP, headers = {} }: Asked = {}) {
  const answer = await together.fetch(path, {
    headers: { 'CF-Connecting-IP': ip, ...(key === undefined ? {} : { 'x-APIKey': key }), ...headers },
  });
  return { status: answer.status, headers: answer.headers, body: JSON.parse(await answer.text()) };
}

/** Makes a key through Latchkey's own front door, or does something else there. */
async function latchkey(by: string | undefined, method: string, path: string, body?: unknown) {
  const answer = await together.getWorker('latchkey').fetch(`https://latchkey.example/v2${path}`, {
    method,
    headers: { 'x-APIKey': by ?? '', 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return JSON.parse(await answer.text());
}

test('a route is open to keys that may, and knows which key it is', async () => {
  const answer = await ask('/reviews', { key: keys.PUBLISHER });
  expect(answer).toMatchObject({ status: 200, body: { readBy: 'Demo key of the publisher' } });
  expect((await ask('/reviews', { headers: { Authorization: `Bearer ${keys.PUBLISHER}` } })).status).toBe(200);
  expect((await ask('/open')).body).toEqual({ open: true });
});

test('each denial reaches the client as the contract says', async () => {
  const manager = keys.ORG_MANAGER;
  const listed = await latchkey(manager, 'POST', '/api_keys', { label: 'listed', ip_whitelist: ['192.0.2.0/28'] });
  const narrow = await latchkey(manager, 'POST', '/api_keys', {
    label: 'narrow',
    has_restricted_permissions: true,
    permissions: ['api_key_read'],
  });
  const revoked = await latchkey(manager, 'POST', '/api_keys', { label: 'revoked' });
  await latchkey(manager, 'POST', `/api_keys/revoke/${revoked.id}`);
  const disabled = await latchkey(keys.GROUP_MANAGER, 'GET', '/user/me');
  await latchkey(keys.ORG_ADMIN, 'POST', `/user/${disabled.id}`, { disabled: true });

  const denials: [string, number, string, Asked][] = [
    ['MISSING_KEY', 401, 'authentication', {}],
    ['MALFORMED_KEY', 401, 'authentication', { key: 'lk_nonsense' }],
    ['MALFORMED_KEY', 401, 'authentication', { key: manager, headers: { Authorization: 'Bearer another' } }],
    ['UNKNOWN_KEY', 401, 'authentication', { key: generateApiKey('lk') }],
    ['REVOKED', 401, 'authentication', { key: revoked.api_key }],
    ['USER_DISABLED', 401, 'authentication', { key: keys.GROUP_MANAGER }],
    ['IP_NOT_ALLOWED', 403, 'authorization', { key: listed.api_key }],
    ['PERMISSION_DENIED', 403, 'authorization', { key: narrow.api_key }],
  ];
  for (const [code, status, kind, asked] of denials) {
    const answer = await ask('/reviews', asked);
    expect({ status: answer.status, body: answer.body }).toEqual({
      status,
      body: { errors: { [kind]: expect.stringMatching(/\.$/) }, code, request_id: expect.any(String) },
    });
    expect(answer.headers.get('WWW-Authenticate')).toBe(challengeOf(code, answer.body.errors[kind]));
  }
  expect((await ask('/reviews', { key: listed.api_key, ip: '192.0.2.3' })).status).toBe(200);
});

function challengeOf(code: string, message: string): string | null {
  const plain = 'Bearer realm="latchkey"';
  if (code === 'IP_NOT_ALLOWED') return null;
  if (code === 'MISSING_KEY') return plain;
  if (code === 'PERMISSION_DENIED') return `${plain}, error="insufficient_scope", scope="review_read"`;
  return `${plain}, error="invalid_token", error_description="${message}"`;
}

test('a key of another organisation is unknown to a Worker that serves one', async () => {
  expect((await ask('/ours', { key: keys.ORG_ADMIN })).body).toEqual({ orgId: 2 });
  const answer = await ask('/ours', { key: keys.PROVIDER });
  expect(answer).toMatchObject({ status: 401, body: { code: 'UNKNOWN_KEY' } });

  // In whatever state it is: that it was revoked is its own organisation's business.
  const revoked = await latchkey(keys.PROVIDER, 'POST', '/api_keys', { label: 'revoked' });
  await latchkey(keys.PROVIDER, 'POST', `/api_keys/revoke/${revoked.id}`);
  expect((await ask('/ours', { key: revoked.api_key })).body).toMatchObject({ code: 'UNKNOWN_KEY' });
  expect((await ask('/reviews', { key: revoked.api_key })).body).toMatchObject({ code: 'REVOKED' });
});

test('forged headers change nothing: only the address that Cloudflare saw counts', async () => {
  const listed = await latchkey(keys.ORG_ADMIN, 'POST', '/api_keys', {
    label: 'listed',
    ip_whitelist: ['192.0.2.0/28'],
  });
  const headers = { 'X-Forwarded-For': '192.0.2.3', 'True-Client-IP': '192.0.2.3', 'X-Real-IP': '192.0.2.3' };
  const answer = await ask('/reviews', { key: listed.api_key, ip: '198.51.100.1', headers });
  expect(answer).toMatchObject({ status: 403, body: { code: 'IP_NOT_ALLOWED' } });
});

test('an address that misses too often is told to wait', async () => {
  const tries = Array.from({ length: 120 }, () => ask('/reviews', { key: generateApiKey('lk'), ip: '192.0.2.99' }));
  const answers = await Promise.all(tries);
  const limited = answers.filter(({ status }) => status === 429);
  expect(limited.length).toBe(20);
  expect(limited[0]?.body).toMatchObject({ code: 'RATE_LIMITED', errors: { rate_limit: expect.any(String) } });
  expect(limited[0]?.headers.get('Retry-After')).toBe('60');
});

test('with Latchkey stopped, nothing is let in', async () => {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'));
  const args = ['dev', '--config', 'test/consumer/wrangler.toml', '--port', String(port), '--persist-to', folder];
  // A registry of its own, so that no Latchkey is found that runs on this machine for other reasons.
  const env = { ...process.env, WRANGLER_REGISTRY_PATH: join(folder, 'registry') };
  const alone = spawn('wrangler', args, { env, stdio: 'ignore', detached: true });
  try {
    const url = `http://127.0.0.1:${port}`;
    await expect
      .poll(
        () =>
          fetch(`${url}/open`).then(
            ({ status }) => status,
            () => null,
          ),
        { timeout: 60_000 },
      )
      .toBe(200);
    const answer = await fetch(`${url}/reviews`, { headers: { 'x-APIKey': keys.PUBLISHER ?? '' } });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: 'UNAVAILABLE', errors: { server: expect.any(String) } });
    expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
  } finally {
    if (alone.pid !== undefined) process.kill(-alone.pid, 'SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  }
});
