import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestHarness } from 'wrangler';
import { compose } from '../../src/compose.ts';
import { seedDemoData } from '../../src/setup/demo-data.ts';

/*
 * The client as a stranger gets it: packed, installed in an empty project with a compiler configuration of its own,
 * type-checked, bundled and called.
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

const FILES: Record<string, string> = {
  'package.json': JSON.stringify({ name: 'someone-elses', private: true, type: 'module' }),
  // As strict as anyone's, without skipLibCheck: the types of the package are looked at too.
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      target: 'es2022',
      lib: ['es2022'],
      module: 'esnext',
      moduleResolution: 'bundler',
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      verbatimModuleSyntax: true,
      noEmit: true,
      types: ['./worker-configuration.d.ts'],
    },
    include: ['worker.ts', 'worker-configuration.d.ts'],
  }),
  'wrangler.toml': `
name = "someone-elses"
main = "worker.ts"
compatibility_date = "2026-10-01"
[[services]]
binding = "API_KEYS"
service = "latchkey"
entrypoint = "ApiKeys"
`,
  'worker.ts': WORKER,
};

let tarball: string;
let project: string;

beforeAll(() => {
  tarball = run(process.cwd(), 'npm', ['run', '--silent', 'pack:client']).trim();
  project = mkdtempSync(join(tmpdir(), 'latchkey-consumer-'));
  for (const [name, content] of Object.entries(FILES)) writeFileSync(join(project, name), content);
  // hono from here, so that nothing is fetched.
  run(project, 'npm', ['install', '--offline', '--no-audit', '--no-fund', tarball, resolve('node_modules/hono')]);
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

function run(folder: string, command: string, args: string[]): string {
  const path = [resolve('node_modules/.bin'), process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH: path, CI: '1', WRANGLER_SEND_METRICS: 'false' };
  return execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: 'pipe', env });
}

test('it depends on hono and nothing else, and holds no TypeScript but types', () => {
  const installed = join(project, 'node_modules/latchkey-client');
  const { name, dependencies, peerDependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  expect({ name, dependencies, peers: Object.keys(peerDependencies) }).toEqual({
    name: 'latchkey-client',
    dependencies: undefined,
    peers: ['hono'],
  });
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  const sources = files.filter((file) => statSync(join(installed, file)).isFile());
  expect(sources.filter((file) => !/(\.js|\.d\.ts|package\.json|README\.md)$/.test(file))).toEqual([]);
});

test('it type-checks in a project of its own, and a mistyped permission does not', () => {
  run(project, 'wrangler', ['types']);
  expect(run(project, 'tsc', [])).toBe('');
  writeFileSync(join(project, 'worker.ts'), WORKER + MISTAKE);
  expect(() => run(project, 'tsc', [])).toThrow();
  writeFileSync(join(project, 'worker.ts'), WORKER);
});

test('a Worker with it is bundled, and lets in keys that may', async () => {
  run(project, 'wrangler', ['deploy', '--dry-run', '--outdir', 'out']);
  const harness = createTestHarness({
    workers: [
      { configPath: join(project, 'wrangler.toml') },
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
  } finally {
    await harness.close();
  }
});
