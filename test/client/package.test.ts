import { execFileSync, spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestHarness } from 'wrangler';
import { compose } from '../../src/compose.ts';
import { seedDemoData } from '../../src/setup/demo-data.ts';
import { copyCheckout, freePort, npmStart, type Running } from '../support/checkout.ts';

/*
 * The client as a stranger gets it: packed, installed in an empty project with a compiler configuration of its own,
 * type-checked, bundled and called. The README of the package is compiled and run as well, and the part of the front
 * page that is about it is compiled.
 */

const WORKER = `
import { Hono } from 'hono';
import { apiKeyAuth, type VerifiedKey } from 'latchkey-client';

type Ours = 'review_read' | 'orders_read';

const app = new Hono<{ Bindings: Env; Variables: { started: number } }>();
app.use(async (c, next) => {
  c.set('started', Date.now());
  await next();
});
app.get('/reviews', apiKeyAuth<Ours>({ permissions: ['review_read'] }), (c) => {
  const key: VerifiedKey<Ours> = c.var.apiKey;
  return c.json({ readBy: key.label, role: key.userRole, mayReadOrders: key.permissions.includes('orders_read') });
});
app.get('/orders', apiKeyAuth({ permissions: ['orders_read'] }), (c) => c.json({ started: c.var.started }));
export default app;
`;

const MISTAKE = `
import { apiKeyAuth } from 'latchkey-client';
export const auth = apiKeyAuth<'review_read'>({ permissions: ['review_reed'] });
`;

const MISTAKES = [
  "latchkey.createApiKey({ labl: 'x' });",
  'latchkey.createApiKey();',
  "latchkey.getApiKey({ id: '7' });",
  "latchkey.listApiKeys({ status: 'gone' });",
  'latchkey.verify({ ip: null });',
  "latchkey.verify({ apiKey: '', ip: null, permissions: ['review_reed'] });",
  "each(latchkey.listApiKeys, { stauts: 'active' });",
  'each(latchkey.getCurrentUser);',
];

/** Every act that a backend may want, once, against a service with the demo data. */
const ACTS = `
import { createLatchkey, each, LatchkeyError } from 'latchkey-client/backend';

const { LATCHKEY_URL = '', LATCHKEY_KEY = '', PROVIDER_KEY = '' } = process.env;
const latchkey = createLatchkey<'review_read' | 'review_reply'>({ url: LATCHKEY_URL, apiKey: LATCHKEY_KEY });
const provider = createLatchkey({ url: LATCHKEY_URL, apiKey: PROVIDER_KEY });
const did: Record<string, unknown> = {};

const idempotencyKey = crypto.randomUUID();
const made = await latchkey.createApiKey({ label: 'One', ip_whitelist: ['192.0.2.0/24'] }, { idempotencyKey });
const again = await latchkey.createApiKey({ label: 'One', ip_whitelist: ['192.0.2.0/24'] }, { idempotencyKey });
did.madeOnce = again.id === made.id && again.api_key === made.api_key;
const { id } = made;

const allowed = await latchkey.verify({ apiKey: made.api_key, ip: '192.0.2.10', permissions: ['review_read'] });
did.allowed = allowed.allowed && allowed.key.permissions.includes('review_reply') && allowed.key.label;
const refused = await latchkey.verify({ apiKey: made.api_key, ip: '198.51.100.1' });
did.refused = refused.allowed || [refused.code, refused.status];
const { active } = await latchkey.introspectToken({ token: made.api_key, ip: '192.0.2.10', permissions: 'review_read' });
did.introspected = active;

did.read = (await latchkey.getApiKey({ id })).label;
did.changed = (await latchkey.updateApiKey({ ...(await latchkey.getApiKey({ id })), label: 'Two' })).label;
did.found = (await latchkey.findApiKey({ api_key: made.api_key })).id === id;
did.seen = (await latchkey.seeApiKey({ id })).api_key === made.api_key;
did.explained = (await latchkey.explainApiKey({ id, ip: '198.51.100.1' })).verdict.code;
did.usage = (await latchkey.getApiKeyUsage({ id, days: 7 })).id === id;
did.rehearsed = (await latchkey.rehearseApiKey({ id, revoke: true })).refused;
did.paused = (await latchkey.pauseApiKey({ id })).status;
did.resumed = (await latchkey.resumeApiKey({ id })).status;
const rotated = await latchkey.rotateApiKey({ id, overlap_seconds: 3600 });
did.rotated = rotated.api_key !== made.api_key && rotated.previous_secret !== null;
did.overlap = (await latchkey.changeOverlap({ id, overlap_seconds: 0 })).previous_secret;
did.revoked = (await latchkey.revokeApiKey({ id })).status;

for (let count = 0; count < 3; count += 1) await latchkey.createApiKey({ label: 'Many' });
const listed: number[] = [];
for await (const key of each(latchkey.listApiKeys, { per_page: 2, search_text: 'Many' })) listed.push(key.id);
did.listed = new Set(listed).size;

did.me = (await latchkey.getCurrentUser()).role;
did.current = (await latchkey.getCurrentApiKey()).user_role;
const person = await latchkey.createUser({ email: 'new@example.com', first_name: 'New', last_name: 'Person' });
await latchkey.updateUser({ id: person.id, last_name: 'Name' });
did.user = (await latchkey.getUser(person)).last_name;
did.users = (await latchkey.searchUsers({ query: 'New Name' })).users.length;
did.counted = (await latchkey.countUsers({ query: 'New Name' })).count;
did.rehearsedUser = (await latchkey.rehearseUser({ id: person.id, disabled: true })).refused;
did.invited = (await latchkey.inviteUser(person)).sign_in_url.includes('/console/');
did.deleted = (await latchkey.deleteUser(person)).status;
const org = await provider.createOrganisation({ name: 'Another' });
did.organisation = (await provider.getOrganisation(org)).name;
did.organisations = (await provider.searchOrganisations({ query: 'Another' })).orgs.length;
did.permissions = (await latchkey.listPermissions()).sections.length > 0;
const actions = new Set<string>();
for await (const event of each(latchkey.listAuditEvents, { api_key_id: id })) actions.add(event.action);
did.audited = actions.has('api_key.created') && actions.has('api_key.revoked');

// The key is made, and its answer is lost on the way.
let losses = 1;
const losing: typeof fetch = async (address, init) => {
  const answer = await fetch(address, init);
  if (losses-- > 0) throw new TypeError('The connection was lost');
  return answer;
};
const lossy = createLatchkey({ url: LATCHKEY_URL, apiKey: LATCHKEY_KEY, fetch: losing });
const kept = await lossy.createApiKey({ label: 'Lost' });
const { count } = await latchkey.listApiKeys({ search_text: 'Lost' });
did.madeOnceWhenLost = [count, (await latchkey.verify({ apiKey: kept.api_key, ip: null })).allowed];

try {
  await latchkey.createApiKey({ label: '', ip_whitelist: ['office'] });
} catch (error) {
  if (error instanceof LatchkeyError) did.error = [error.status, error.code, Object.keys(error.fields).sort()];
}
try {
  await createLatchkey({ url: LATCHKEY_URL, apiKey: made.api_key }).verify({ apiKey: rotated.api_key, ip: null });
} catch (error) {
  if (error instanceof LatchkeyError) did.ownKeyRefused = [error.status, error.code, error.requestId !== null];
}
const nowhere = createLatchkey({ url: 'http://127.0.0.1:9', apiKey: LATCHKEY_KEY });
const noVerdict = await nowhere.verify({ apiKey: made.api_key, ip: null });
did.noVerdict = noVerdict.allowed || [noVerdict.code, noVerdict.status];
const own = await latchkey.createApiKey({ label: 'Own' });
did.endedItself = (await createLatchkey({ url: LATCHKEY_URL, apiKey: own.api_key }).revokeCurrentApiKey()).status;
console.log(JSON.stringify(did));
`;

/** What anyone writes with the types that openapi-typescript makes of the served document. */
const GENERATED = `
import createClient from 'openapi-fetch';
import type { paths } from './generated.ts';

const { LATCHKEY_URL = '', LATCHKEY_KEY = '' } = process.env;
const client = createClient<paths>({ baseUrl: LATCHKEY_URL, headers: { 'x-APIKey': LATCHKEY_KEY } });
const made = await client.POST('/v2/api_keys', { body: { label: 'Generated' } });
if (made.error) throw new Error(made.error.code);
const read = await client.GET('/v2/api_keys/{id}', { params: { path: { id: made.data.id } } });
const missing = await client.GET('/v2/api_keys/{id}', { params: { path: { id: 999_999 } } });
console.log(JSON.stringify([read.data?.label, missing.error?.code]));
`;

/** A backend that is a Worker without Hono, and has only the client in it. */
const PLAIN_WORKER = `
import { createLatchkey, each, LatchkeyError } from 'latchkey-client/backend';
export { each, LatchkeyError };
export default {
  async fetch(request: Request, env: { LATCHKEY: Fetcher }): Promise<Response> {
    // A secret of the Worker, but for this test.
    const own = request.headers.get('Own-Key') ?? '';
    const fetch: typeof globalThis.fetch = (url, init) => env.LATCHKEY.fetch(url, init);
    const latchkey = createLatchkey({ url: 'https://latchkey.example', apiKey: own, fetch });
    const apiKey = request.headers.get('x-APIKey');
    const verdict = await latchkey.verify({ apiKey, ip: request.headers.get('CF-Connecting-IP') });
    return Response.json(verdict.allowed ? verdict.key.label : verdict.code);
  },
};
`;

// As strict as anyone's, without skipLibCheck: the types of the package are looked at too.
const STRICT = {
  target: 'es2022',
  lib: ['es2022'],
  module: 'esnext',
  moduleResolution: 'bundler',
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noUnusedLocals: true,
  verbatimModuleSyntax: true,
  noEmit: true,
};

const SERVICE = `
[[services]]
binding = "API_KEYS"
service = "latchkey"
entrypoint = "ApiKeys"
`;

/** The code of the READMEs, a file for each of their parts: a part goes on where the one before it ended. */
function readmeCode(): Record<string, string> {
  const codeOf = (file: string, ...parts: string[]) => {
    const sections = readFileSync(file, 'utf8').split(/^## /m);
    const chosen = sections.filter((section) => parts.some((part) => section.startsWith(part))).join('\n');
    return [...chosen.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code).join('\n');
  };
  return {
    'worker/readme.ts': codeOf('src/client/README.md', 'A Worker in three minutes'),
    'worker/front-page.ts': codeOf('README.md', 'Protect a Worker'),
    'backend/readme.ts': codeOf('src/client/README.md', 'A backend in three minutes', 'Every call of the API'),
    'backend/readme-types.ts': codeOf('src/client/README.md', 'Only the types'),
    'backend/front-page.ts': codeOf('docs/verifying-calls.md', 'From any other backend'),
  };
}

const FILES: Record<string, string> = {
  'package.json': JSON.stringify({ name: 'someone-elses', private: true, type: 'module' }),
  'worker/tsconfig.json': JSON.stringify({
    compilerOptions: { ...STRICT, types: ['../worker-configuration.d.ts'] },
    include: ['*.ts', '../worker-configuration.d.ts'],
  }),
  'worker/worker.ts': WORKER,
  'worker/plain.ts': PLAIN_WORKER,
  'backend/tsconfig.json': JSON.stringify({
    compilerOptions: {
      ...STRICT,
      types: ['node'],
      module: 'node16',
      moduleResolution: 'node16',
      allowImportingTsExtensions: true,
    },
    include: ['*.ts'],
  }),
  'backend/acts.ts': ACTS,
  'wrangler.toml': `name = "someone-elses"\nmain = "worker/worker.ts"\ncompatibility_date = "2026-10-01"\n${SERVICE}`,
  'plain.toml': `name = "plain"\nmain = "worker/plain.ts"\ncompatibility_date = "2026-10-01"
[[services]]\nbinding = "LATCHKEY"\nservice = "latchkey"\n`,
  ...readmeCode(),
};

const checkout = copyCheckout();
let project: string;
let service: Running | undefined;
let url: string;
let keys: Record<string, string>;

beforeAll(async () => {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const starting = npmStart(checkout.folder, port);
  const tarball = run(process.cwd(), 'npm', ['run', '--silent', 'pack:client']).trim().split('\n').at(-1) ?? '';
  project = mkdtempSync(join(tmpdir(), 'latchkey-consumer-'));
  for (const [name, content] of Object.entries(FILES)) {
    if (content === '') throw new Error(`There is no code for ${name}`);
    mkdirSync(dirname(join(project, name)), { recursive: true });
    writeFileSync(join(project, name), content);
  }
  // Without hono, which backends do not need.
  run(project, 'npm', ['install', '--offline', '--no-audit', '--no-fund', tarball]);
  // The rest from here, so that nothing is fetched.
  mkdirSync(join(project, 'node_modules/@types'));
  for (const name of ['openapi-fetch', '@types/node']) link(name);
  service = await starting;
  keys = JSON.parse(readFileSync(join(checkout.folder, '.wrangler/state/dev-keys.json'), 'utf8'));
});

afterAll(async () => {
  await service?.stop();
  checkout.remove();
  rmSync(project, { recursive: true, force: true });
});

function link(name: string): void {
  symlinkSync(resolve('node_modules', name), join(project, 'node_modules', name));
}

function run(folder: string, command: string, args: string[], variables: Record<string, string> = {}): string {
  const path = [resolve('node_modules/.bin'), process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH: path, CI: '1', WRANGLER_SEND_METRICS: 'false', ...variables };
  return execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: 'pipe', env });
}

/** Runs a file of the backend against the service, as its administrator. */
function runBackend(file: string): string {
  const variables = { LATCHKEY_URL: url, LATCHKEY_KEY: keys.ORG_ADMIN ?? '', PROVIDER_KEY: keys.PROVIDER ?? '' };
  return run(join(project, 'backend'), process.execPath, [file], variables);
}

/** What both the compiler of today and the one that most projects still have say about a part of the project. */
function typeCheck(part: string, ...args: string[]): void {
  for (const compiler of ['typescript', 'typescript-5']) {
    try {
      run(project, process.execPath, [resolve('node_modules', compiler, 'bin/tsc'), '-p', part, ...args]);
    } catch (error) {
      throw new Error(`${compiler} refuses ${part}:\n${Reflect.get(Object(error), 'stdout')}`);
    }
  }
}

function refusalOf(part: string): string {
  try {
    typeCheck(part);
    return '';
  } catch (error) {
    return String(error);
  }
}

test('it needs nothing, hono only for its middleware, and holds no TypeScript but types', () => {
  const installed = join(project, 'node_modules/latchkey-client');
  const described = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  expect(described).toMatchObject({ name: 'latchkey-client', license: 'MIT', type: 'module', sideEffects: false });
  expect(described).not.toHaveProperty('dependencies');
  expect(described.peerDependencies).toEqual({ hono: expect.any(String) });
  expect(described.peerDependenciesMeta).toEqual({ hono: { optional: true } });
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  expect(files).toContain('LICENSE');
  const sources = files.filter((file) => statSync(join(installed, file)).isFile());
  expect(sources.filter((file) => !/(\.js|\.d\.ts|package\.json|README\.md|LICENSE)$/.test(file))).toEqual([]);
});

test('the client for backends type-checks without hono, for Node and for bundlers; mistakes do not', () => {
  typeCheck('backend');
  typeCheck('backend', '--module', 'esnext', '--moduleResolution', 'bundler');
  const file = join(project, 'backend/mistake.ts');
  const start = `import { createLatchkey, each } from 'latchkey-client/backend';
export const latchkey = createLatchkey<'review_read'>({ url: '', apiKey: '' });
export const walk = each;
`;
  writeFileSync(file, start + MISTAKES.join('\n'));
  const said = refusalOf('backend');
  rmSync(file);
  const lines = [...said.matchAll(/mistake\.ts\((\d+),\d+\): error/g)].map(([, line]) => Number(line));
  expect([...new Set(lines)]).toEqual(MISTAKES.map((_, index) => 4 + index));
});

test('every act of a backend works over HTTP', () => {
  expect(JSON.parse(runBackend('acts.ts'))).toEqual({
    madeOnce: true,
    allowed: 'One',
    refused: ['IP_NOT_ALLOWED', 403],
    introspected: true,
    read: 'One',
    changed: 'Two',
    found: true,
    seen: true,
    explained: 'IP_NOT_ALLOWED',
    usage: true,
    rehearsed: 0,
    paused: 'paused',
    resumed: 'active',
    rotated: true,
    overlap: null,
    revoked: 'success',
    listed: 3,
    me: 'ORG_ADMIN',
    current: 'ORG_ADMIN',
    user: 'Name',
    users: 1,
    counted: 1,
    rehearsedUser: 0,
    invited: true,
    deleted: 'success',
    organisation: 'Another',
    organisations: 1,
    permissions: true,
    audited: true,
    error: [400, 'INVALID_REQUEST', ['ip_whitelist.0', 'label']],
    ownKeyRefused: [401, 'REVOKED', true],
    noVerdict: ['UNAVAILABLE', 503],
    endedItself: 'success',
    madeOnceWhenLost: [1, true],
  });
});

test("the README's backend does what it says", async () => {
  const port = await freePort();
  const variables = { LATCHKEY_URL: url, LATCHKEY_KEY: keys.ORG_ADMIN ?? '', PORT: String(port) };
  const backend = spawn(process.execPath, ['readme.ts'], {
    cwd: join(project, 'backend'),
    env: { ...process.env, ...variables },
  });
  try {
    let printed = '';
    backend.stdout.on('data', (chunk) => {
      printed += chunk;
    });
    await expect.poll(() => printed, { timeout: 30_000 }).toContain('Refused everywhere from 20');
    expect(printed).toContain('The old secret works until 20');
    expect(printed).toContain('Demo key of the publisher');
    expect(printed).toMatch(/INVALID_REQUEST \{\n? *'ip_whitelist\.0': /);
    const ask = async (key: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-APIKey': key } });
      return [answer.status, await answer.text()];
    };
    expect(await ask(keys.PUBLISHER ?? '')).toEqual([200, 'Hello, Demo key of the publisher\n']);
    expect(await ask('lk_nonsense')).toEqual([401, expect.stringMatching(/^MALFORMED_KEY: This is not an API key/)]);
    expect(await ask('')).toEqual([401, expect.stringMatching(/^MISSING_KEY: /)]);
  } finally {
    backend.kill();
  }
  expect(runBackend('readme-types.ts')).toContain("'Nightly import'");
});

test('openapi-typescript makes types of the served document that compile, and openapi-fetch calls through them', async () => {
  writeFileSync(join(project, 'openapi.json'), await (await fetch(`${url}/openapi.json`)).text());
  // As its command line makes them, with the compiler that it needs.
  const withCompiler = `data:text/javascript,${encodeURIComponent(`import { registerHooks } from 'node:module';
    registerHooks({ resolve: (name, at, next) => next(name === 'typescript' ? 'typescript-5' : name, at) });`)}`;
  const command = resolve('node_modules/openapi-typescript/bin/cli.js');
  run(project, process.execPath, ['--import', withCompiler, command, 'openapi.json', '-o', 'backend/generated.ts']);
  writeFileSync(join(project, 'backend/through-types.ts'), GENERATED);
  typeCheck('backend');
  expect(JSON.parse(runBackend('through-types.ts'))).toEqual(['Generated', 'NOT_FOUND']);
});

test('a Worker type-checks with either client, and a mistyped permission does not', () => {
  link('hono');
  run(project, 'wrangler', ['types']);
  typeCheck('worker');
  writeFileSync(join(project, 'worker/mistake.ts'), MISTAKE);
  expect(refusalOf('worker')).toContain('review_reed');
  rmSync(join(project, 'worker/mistake.ts'));
});

test('in a Worker, the client for backends is under 5 KiB', () => {
  run(project, 'wrangler', ['deploy', '--dry-run', '--minify', '-c', 'plain.toml', '--outdir', 'plain']);
  const bundle = readFileSync(join(project, 'plain/plain.js'));
  expect(bundle.includes('hono')).toBe(false);
  expect(gzipSync(bundle).length).toBeLessThan(5 * 1024);
});

test('a Worker with the middleware, and one with the client over a service binding, let in keys that may', async () => {
  run(project, 'wrangler', ['deploy', '--dry-run', '--outdir', 'out']);
  const harness = createTestHarness({
    workers: [
      { configPath: join(project, 'wrangler.toml') },
      { configPath: join(project, 'plain.toml') },
      {
        configPath: 'wrangler.toml',
        vars: { RATE_LIMIT: 'off' },
        secrets: { MASTER_KEYS: `test:${Buffer.alloc(32).toString('base64')}` },
      },
    ],
  });
  await harness.listen();
  try {
    const latchkey = harness.getWorker<Env>('latchkey');
    await latchkey.applyD1Migrations('DB');
    const deferred: Promise<unknown>[] = [];
    const keys = await seedDemoData(
      compose(await latchkey.getEnv(), { waitUntil: (work) => void deferred.push(work) }),
    );
    await Promise.all(deferred);
    const ask = async (path: string, key?: string) => {
      const answer = await harness.fetch(path, {
        headers: { 'CF-Connecting-IP': '192.0.2.44', ...(key === undefined ? {} : { 'x-APIKey': key }) },
      });
      return { status: answer.status, body: JSON.parse(await answer.text()) };
    };
    expect(await ask('/reviews', keys?.PUBLISHER)).toEqual({
      status: 200,
      body: { readBy: 'Demo key of the publisher', role: 'PUBLISHER', mayReadOrders: false },
    });
    expect(await ask('/reviews')).toMatchObject({ status: 401, body: { code: 'MISSING_KEY' } });
    expect(await ask('/orders', keys?.ORG_ADMIN)).toMatchObject({ status: 403, body: { code: 'PERMISSION_DENIED' } });
    const askPlain = async (own: string, key: string) => {
      const headers = { 'CF-Connecting-IP': '192.0.2.44', 'Own-Key': own, 'x-APIKey': key };
      return (await harness.getWorker('plain').fetch('https://plain.example/', { headers })).text();
    };
    expect(await askPlain(keys?.ORG_ADMIN ?? '', keys?.PUBLISHER ?? '')).toBe('"Demo key of the publisher"');
    expect(await askPlain(keys?.ORG_ADMIN ?? '', 'lk_nonsense')).toBe('"MALFORMED_KEY"');
  } finally {
    await harness.close();
  }
});
