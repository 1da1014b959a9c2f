import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { copyCheckout } from '../support/checkout.ts';
import { addWorker, type CloudflareAccount, openCloudflareAccount } from '../support/cloudflare-api.ts';

/*
 * `npm run deploy`, and what the README says of wrangler, with the real wrangler on an account that is on this machine.
 */

const folder = mkdtempSync(join(tmpdir(), 'latchkey-deploy-'));
const secretsFile = join(folder, 'master-keys.env');
const MASTER_KEYS = `k1:${Buffer.alloc(32, 1).toString('base64')}`;
writeFileSync(secretsFile, `MASTER_KEYS=${MASTER_KEYS}\n`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Each start of wrangler takes a second, and several on a busy machine. In milliseconds. */
const STARTS_WRANGLER_OFTEN = 300_000;

let account: CloudflareAccount;
beforeEach(async () => {
  account = await openCloudflareAccount();
});
afterEach(() => account.close());

interface Ended {
  status: number | null;
  printed: string;
}

interface Where {
  env?: Record<string, string | undefined>;
  cwd?: string;
}

/** Runs a shell command in a checkout, logged in to the account. */
function run(command: string, { env = {}, cwd = resolve('.') }: Where = {}): Promise<Ended> {
  const child = spawn('bash', ['-c', command], { cwd, env: { ...process.env, ...account.env, ...env } });
  let printed = '';
  for (const output of [child.stdout, child.stderr]) {
    output.on('data', (chunk) => {
      printed += chunk;
    });
  }
  return new Promise((ended) => child.on('close', (status) => ended({ status, printed })));
}

function migrationsIn(at: string): string[] {
  return readdirSync(at)
    .filter((name) => name.endsWith('.sql'))
    .toSorted();
}

/** The commands of the README that make a first deployment, but for the one that opens a browser to log in. */
function commandsOfReadme(): string[] {
  const [, block = ''] = /^## Deploy$[\s\S]*?^```\n([\s\S]*?)^```$/m.exec(readFileSync('README.md', 'utf8')) ?? [];
  const [login, ...commands] = block
    .trim()
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  expect(login).toBe('npm run wrangler -- login');
  return commands;
}

test(
  'the commands of the README make a first deployment with its first key, and the next one keeps what it has',
  async () => {
    const checkout = copyCheckout();
    const paste = (command: string | undefined) => run(command ?? 'false', { cwd: checkout.folder });
    try {
      const [makeSecret, deploy, bootstrap] = commandsOfReadme();
      await paste(makeSecret);
      const made = readFileSync(join(checkout.folder, 'master-keys.env'), 'utf8').trim();
      const first = await paste(deploy);
      expect(first.printed).toMatch(/^ {2}https:\/\/latchkey-production\.example\.workers\.dev$/m);
      expect(first.status).toBe(0);
      const uploaded = [
        'address of latchkey-production: {"enabled":true,"previews_enabled":false}',
        'consume queue latchkey-production-usage',
        'consume queue latchkey-production-usage-dead',
      ];
      expect(account.acts).toEqual([
        'create queue latchkey-production-usage',
        'create queue latchkey-production-usage-dead',
        'create database latchkey-production',
        ...migrationsIn('migrations').map((name) => `migrate latchkey-production ${name}`),
        'create database latchkey-production-usage',
        ...migrationsIn('migrations/usage').map((name) => `migrate latchkey-production-usage ${name}`),
        'create namespace latchkey-production-key-cache',
        'upload latchkey-production',
        ...uploaded,
      ]);
      // The secret is there from the first request on.
      const secret = () =>
        account.workers.get('latchkey-production')?.bindings.find(({ name }) => name === 'MASTER_KEYS')?.text;
      expect(`MASTER_KEYS=${secret()}`).toBe(made);

      // The line that it prints is the one of the README.
      const [, printed = ''] = /^ {2}(npm run bootstrap .*\n.*)$/m.exec(first.printed) ?? [];
      expect(printed.replace(/\\\n\s*/, '')).toBe(bootstrap);
      expect((await paste(bootstrap)).printed).toMatch(/^lk_[0-9A-Za-z]{49}$/m);

      // wrangler takes over, by itself, what the Worker has: its namespace and its secret.
      account.acts.length = 0;
      expect((await paste('npm run -s wrangler -- deploy --env production')).status).toBe(0);
      expect(account.acts).toEqual(['upload latchkey-production', 'deploy latchkey-production', ...uploaded]);
      expect(`MASTER_KEYS=${secret()}`).toBe(made);
    } finally {
      checkout.remove();
    }
  },
  STARTS_WRANGLER_OFTEN,
);

test('nobody is logged in: it says how to', async () => {
  const env = { CLOUDFLARE_API_TOKEN: undefined, HOME: folder, XDG_CONFIG_HOME: folder };
  const refused = await run('npm run -s deploy', { env });
  expect(refused).toMatchObject({ status: 1, printed: expect.stringContaining('npm run wrangler -- login') });
});

test('it knows the account by its login', async () => {
  account.accounts.push({ id: 'f'.repeat(32), name: 'Another account' });
  const refused = await run('npm run -s deploy', { env: { CLOUDFLARE_ACCOUNT_ID: undefined } });
  expect(refused).toMatchObject({ status: 1, printed: expect.stringContaining(`${'f'.repeat(32)}  Another account`) });
});

test('wrangler alone makes databases, namespace and queue by their names, and leaves the dead letters to others', async () => {
  const alone = `wrangler deploy --env= --secrets-file ${secretsFile}`;
  expect((await run(alone)).printed).toContain('Queue "latchkey-usage-dead" does not exist');
  expect(account.acts).toEqual([]);

  account.queues.push('latchkey-usage-dead');
  account.refusesUploads = true;
  expect((await run(alone)).status).toBe(1);
  // It has made them before it uploads.
  const made = ['create namespace latchkey-key-cache', 'create database latchkey', 'create database latchkey-usage'];
  expect(account.acts).toEqual([...made, 'create queue latchkey-usage']);
  // It cannot make its namespace twice.
  account.refusesUploads = false;
  expect((await run(alone)).printed).toContain('already exists');
});

test('wrangler alone refuses, when it is strict, to deploy over what was changed over the API', async () => {
  addWorker(account, 'latchkey', ['MASTER_KEYS']);
  const worker = account.workers.get('latchkey');
  if (worker !== undefined) worker.changedBy = 'api';
  const strict = await run('wrangler deploy --env= --strict', { env: { CI: '1' } });
  expect(strict).toMatchObject({ status: 1, printed: expect.stringContaining('last updated via the script API') });
  expect(account.acts).toEqual([]);
});

test('npm runs the wrangler of this checkout', async () => {
  const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect((await run('npm run -s wrangler -- --version')).printed.trim()).toBe(devDependencies.wrangler);
});

test('an option that there is not is answered by those that there are', async () => {
  expect(await run('npm run -s deploy -- --force')).toMatchObject({
    status: 2,
    printed: expect.stringContaining('Usage: npm run deploy'),
  });
});
