import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Answer, type CallOptions, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { basic, form } from '../support/form.ts';
import { dumpCache, dumpDatabase, readRows } from '../support/stored.ts';

/*
 * A key's plaintext is where its owner has it, and in the one answer that gave it out. A whole life of keys is lived
 * here, errors included; then everything that was written down anywhere is looked through.
 */

/** Whatever has the shape of a key, also of one that this test never got to know. */
const ANY_KEY = /[a-z][a-z0-9]{1,15}_[0-9A-Za-z]{49}/;

const METHODS = ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const;

let keys: RoleKeys;
const secrets: string[] = [];
const logged: string[] = [];
const answers: Answer[] = [];

function record(...parts: unknown[]) {
  logged.push(
    parts
      .map((part) => (part instanceof Error ? `${part.message} ${part.stack}` : (JSON.stringify(part) ?? '')))
      .join(' '),
  );
}

async function make(by: string, fields: Record<string, unknown> = {}): Promise<Answer['body']> {
  const made = await createKey(by, fields);
  secrets.push(made.api_key);
  return made;
}

async function visit(key: string | null, route: string, options: CallOptions = {}) {
  answers.push(await call(key, route, options));
}

beforeAll(async () => {
  for (const method of METHODS) vi.spyOn(console, method).mockImplementation(record);
  keys = await deploy();
  secrets.push(...Object.values(keys));

  const personal = await make(keys.BUSINESS_MANAGER, { label: 'personal' });
  const main = await make(keys.ORG_ADMIN, { label: 'main', user_type: 'bot', ip_whitelist: ['203.0.113.7'] });
  const unused = await make(keys.ORG_ADMIN, { label: 'unused' });
  const secret: string = personal.api_key;

  // Used, by either header, from D1, KV and memory; and where it may not be used.
  await visit(secret, 'GET /v2/api_keys/current');
  await visit(secret, 'GET /v2/api_keys/current');
  await visit(null, 'GET /v2/api_keys/current', { headers: { Authorization: `Bearer ${secret}` } });
  await visit(secret, 'GET /v2/api_keys');
  await visit(main.api_key, 'GET /v2/api_keys/current', { ip: '192.0.2.1' });
  await visit(secret, 'GET /v2/user/me');

  // Read, changed, found and revoked.
  await visit(keys.ORG_ADMIN, `GET /v2/api_keys/${personal.id}`);
  await visit(secret, `PUT /v2/api_keys/${personal.id}`, {
    body: { label: 'renamed', ip_whitelist: ['203.0.113.0/24'] },
  });
  await visit(keys.ORG_ADMIN, 'POST /v2/api_keys/find', { body: { api_key: secret } });
  await visit(keys.ORG_MANAGER, 'POST /v2/api_keys/find', { body: { api_key: unused.api_key } });
  await visit(keys.ORG_ADMIN, 'POST /v2/introspect', form({ token: secret }));
  await visit(null, 'POST /v2/introspect', form({ token: secret }, basic('gateway', keys.ORG_ADMIN)));
  await visit(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${personal.id}`);
  await visit(secret, 'GET /v2/api_keys/current');
  await visit(keys.ORG_ADMIN, 'POST /v2/api_keys/find', { body: { api_key: secret } });

  // Sent where it does not belong.
  const inQuery = encodeURIComponent(secret);
  await visit(keys.ORG_ADMIN, `GET /v2/api_keys?search_text=${inQuery}`);
  await visit(keys.ORG_ADMIN, `GET /v2/api_keys?page=${inQuery}&status=${inQuery}&org_id=${inQuery}&${inQuery}=1`);
  await visit(keys.ORG_ADMIN, `GET /v2/api_keys/${secret}`);
  await visit(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${secret}`);
  await visit(keys.ORG_ADMIN, `GET /v2/${secret}`);
  await visit(keys.ORG_ADMIN, `GET /${secret}`);
  await visit(secret, 'GET /health/ready');
  await visit(secret, `GET /health/${secret}?key=${inQuery}`);
  await visit(null, `GET /v2/api_keys/${secret}?api_key=${inQuery}`);
  await visit(secret, 'GET /v2/api_keys/current', { headers: { Authorization: `Bearer ${keys.PUBLISHER}` } });
  await visit(`${secret}0`, 'GET /v2/api_keys/current');
  const misplaced = {
    ip_whitelist: [secret],
    expiration_date: secret,
    user_id: secret,
    user_type: secret,
    permissions: [secret],
  };
  await visit(keys.ORG_ADMIN, 'POST /v2/api_keys', {
    body: { label: 'a key', ...misplaced, has_restricted_permissions: true },
  });
  await visit(keys.ORG_ADMIN, 'POST /v2/api_keys/find', { body: `{"api_key":"${secret}"` });
  await visit(keys.ORG_ADMIN, 'POST /v2/api_keys/find', { body: { api_key: secret, key: secret } });
  await visit(keys.ORG_ADMIN, 'POST /v2/introspect', form({ ip: secret, permissions: secret, client_secret: secret }));
  await visit(keys.ORG_ADMIN, 'POST /v2/introspect', form([...Array(2)].map(() => ['token', secret])));
  await visit(keys.ORG_ADMIN, 'POST /v2/introspect', { body: `token=${secret}` });
  await visit(keys.ORG_ADMIN, `POST /v2/introspect?token=${secret}`, form({ token: '' }));
  await visit(null, 'POST /v2/introspect', form({ token: secret }, basic(secret, '')));
  await visit(keys.ORG_ADMIN, 'POST /v2/introspect', form({ token: secret }, basic('gateway', secret)));

  // Failures: of settings, of the keyring, of the database within a change.
  await visit(secret, 'GET /v2/api_keys/current', { env: { RATE_LIMIT: 'sometimes' } });
  await visit(keys.ORG_ADMIN, 'POST /v2/api_keys', { body: { label: 'a key' }, env: { MASTER_KEYS: 'nonsense' } });
  await readRows("CREATE TRIGGER refusal BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'refused'); END");
  await visit(keys.ORG_ADMIN, 'POST /v2/api_keys', { body: { label: 'a key' } });
  await visit(keys.ORG_ADMIN, `PUT /v2/api_keys/${unused.id}`, { body: { label: 'a key' } });
  await readRows('DROP TRIGGER refusal');
});

afterAll(() => {
  vi.restoreAllMocks();
});

/** The secrets whose plaintext, or whose random part by itself, is in a text. */
function secretsIn(text: string): string[] {
  return secrets.filter((secret) => text.includes(secret) || text.includes(secret.slice(3, -6)));
}

/** The same, of bytes that were only written in another way. */
function encodedSecretsIn(text: string): string[] {
  return secrets.filter((secret) => {
    const hex = Array.from(secret, (c) => c.charCodeAt(0).toString(16).padStart(2, '0')).join('');
    const base64 = btoa(secret).replaceAll('=', '');
    return text.includes(base64) || text.toLowerCase().includes(hex);
  });
}

describe('no plaintext of a key', () => {
  test('is in a log line, though every call and every failure wrote one', () => {
    expect(logged.filter((line) => line.includes('request_id')).length).toBeGreaterThanOrEqual(answers.length);
    expect(logged.some((line) => line.includes('MASTER_KEYS'))).toBe(true);
    expect(logged.some((line) => line.includes('refused'))).toBe(true);
    expect(logged.filter((line) => ANY_KEY.test(line))).toEqual([]);
    expect(logged.flatMap(secretsIn)).toEqual([]);
    expect(logged.flatMap(encodedSecretsIn)).toEqual([]);
  });

  test('is in KV, though KV has an entry for every key', async () => {
    const entries = await dumpCache();
    expect(entries.length).toBeGreaterThanOrEqual(secrets.length);
    const text = JSON.stringify(entries);
    expect(ANY_KEY.test(text)).toBe(false);
    expect(secretsIn(text)).toEqual([]);
    expect(encodedSecretsIn(text)).toEqual([]);
  });

  test('is in a column of D1, though D1 has a row for every key', async () => {
    const tables = await dumpDatabase();
    expect(tables.api_key_secrets?.length).toBe(secrets.length);
    const text = JSON.stringify(tables);
    expect(ANY_KEY.test(text)).toBe(false);
    expect(secretsIn(text)).toEqual([]);
    expect(encodedSecretsIn(text)).toEqual([]);
  });

  test('is in a header of an answer, which never leads to another URL', () => {
    const headers = answers.flatMap((answer) => [...answer.headers]);
    expect(headers.filter(([, value]) => ANY_KEY.test(value))).toEqual([]);
    expect(headers.filter(([name]) => name === 'location' || name === 'refresh' || name === 'link')).toEqual([]);
  });

  test('is in the value of an answer, but where it was given out', () => {
    const messages = answers.flatMap(({ body }) =>
      JSON.stringify(body.errors ? Object.values(body.errors.json ?? body.errors) : body),
    );
    expect(messages.filter((text) => ANY_KEY.test(text))).toEqual([]);
  });
});

test('no sealed form of a key is in a log line or in KV', async () => {
  const sealed = (await readRows('SELECT sealed FROM api_key_secrets WHERE sealed IS NOT NULL')).map((row) =>
    String(row.sealed),
  );
  expect(sealed.length).toBeGreaterThan(0);
  const text = logged.join('\n') + JSON.stringify(await dumpCache());
  expect(sealed.filter((it) => text.includes(it))).toEqual([]);
  // Of keys that a failure kept from being stored, only the beginning of the form is known.
  const [beginning = ''] = sealed.map((it) => it.split('.').slice(0, 2).join('.'));
  expect(beginning).not.toBe('');
  expect(text).not.toContain(`${beginning}.`);
});

test('the log holds the pattern of a route and not its URL', () => {
  // In a stack, the test runner names the bundles of packages with a version behind a question mark.
  const lines = logged.map((line) => line.replaceAll(/\.js\?v=[0-9a-f]+/g, '.js'));
  expect(lines.filter((line) => line.includes('search_text') || line.includes('?'))).toEqual([]);
  expect(logged.some((line) => line.includes('/v2/api_keys/:id'))).toBe(true);
});

test('the keys that were looked for were there to be found', async () => {
  expect(secrets.length).toBeGreaterThanOrEqual(9);
  expect(secrets.filter((secret) => !ANY_KEY.test(secret))).toEqual([]);
  expect((await readCurrent(keys.PROVIDER)).user_role).toBe('PROVIDER');
});
