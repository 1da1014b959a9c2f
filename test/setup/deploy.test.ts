import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openKeyring } from '../../src/domain/secrets/keyring.ts';
import type { DeployOptions } from '../../src/setup/deploy-checks.ts';
import { deploy } from '../../src/setup/deploy-steps.ts';
import {
  addDatabase,
  addWorker,
  type CloudflareAccount,
  databaseOf,
  openCloudflareAccount,
} from '../support/cloudflare-api.ts';
import { Failure, runOn } from '../support/wrangler-stand-in.ts';

/*
 * The steps of a deployment, with a stand-in for wrangler. deploy-with-wrangler.test.ts has the real one.
 */

let account: CloudflareAccount;
const printed: string[] = [];

vi.mock(import('../../src/setup/wrangler.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    runWrangler: async (args, settings = {}) => {
      try {
        return runOn(account, args, settings);
      } catch (error) {
        throw error instanceof Failure ? new original.WranglerError(args, error.printed) : error;
      }
    },
  };
});

/** A checkout, as far as a deployment reads one: the tests change its migrations and settings. */
const checkout = mkdtempSync(join(tmpdir(), 'latchkey-deploy-'));
const repository = process.cwd();
afterAll(() => {
  process.chdir(repository);
  rmSync(checkout, { recursive: true, force: true });
});

const MASTER_KEYS = `k1:${Buffer.alloc(32, 1).toString('base64')}`;

beforeEach(async () => {
  account = await openCloudflareAccount();
  process.chdir(repository);
  rmSync(checkout, { recursive: true, force: true });
  mkdirSync(join(checkout, 'src'), { recursive: true });
  for (const name of ['wrangler.toml', 'migrations', 'src/worker.ts']) {
    cpSync(name, join(checkout, name), { recursive: true });
  }
  process.chdir(checkout);
  writeFileSync('master-keys.env', `MASTER_KEYS=${MASTER_KEYS}\n`);
  printed.length = 0;
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
  vi.stubEnv('CLOUDFLARE_ACCOUNT_ID', undefined);
  vi.stubEnv('CLOUDFLARE_API_TOKEN', undefined);
  vi.stubEnv('MASTER_KEYS', undefined);
});

afterEach(() => {
  account.close();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const NO_OPTIONS: DeployOptions = {
  environment: '',
  secretsFile: undefined,
  location: undefined,
  dryRun: false,
  allowRollback: false,
  allowUnsafeMigrations: false,
  overwrite: false,
};

function run(options: Partial<DeployOptions> = {}): Promise<void> {
  return deploy({ ...NO_OPTIONS, ...options });
}

/** The message of a deployment that was refused. Nothing was made or changed. */
async function refusal(options: Partial<DeployOptions> = {}): Promise<string> {
  const error: unknown = await run(options).then(
    () => 'It was not refused',
    (reason) => reason,
  );
  if (!(error instanceof Error)) throw new Error(String(error));
  expect(account.acts).toEqual([]);
  return error.message;
}

/** Adds what a deployment without an environment left: its queues, its migrated databases and its Worker. */
function addDeployment({ without }: { without?: string | undefined } = {}): void {
  account.queues.push('latchkey-usage', 'latchkey-usage-dead');
  for (const [name, folder] of [
    ['latchkey', 'migrations'],
    ['latchkey-usage', 'migrations/usage'],
  ] as const) {
    const database = addDatabase(account, name);
    database.exec('CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE)');
    for (const file of migrationsIn(folder).filter((migration) => migration !== without)) {
      database.exec(readFileSync(join(folder, file), 'utf8'));
      database.prepare('INSERT INTO d1_migrations (name) VALUES (?)').run(file);
    }
  }
  addWorker(account, 'latchkey', ['MASTER_KEYS']);
}

function migrationsIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .toSorted();
}

/** Adds a paused key. */
function addPausedKey(
  database: DatabaseSync,
  id: number,
  { revokedAt = null, sealed = null }: { revokedAt?: number | null; sealed?: string | null } = {},
): void {
  database.exec(`
    INSERT OR IGNORE INTO organisations (id, name, name_folded, is_deployment, created_at) VALUES (1, 'o', 'o', 1, 1);
    INSERT OR IGNORE INTO users (id, org_id, type, role, search_folded, created_at)
    VALUES ('u', 1, 'user', 'PROVIDER', '', 1);
    INSERT INTO api_keys (id, org_id, user_id, user_type, label, label_folded, hint, hint_folded, ip_whitelist,
      has_restricted_permissions, permissions, created_by, created_at, revoked_at, paused_at)
    VALUES (${id}, 1, 'u', 'user', 'l', 'l', 'h', 'h', '[]', 0, '[]', 'u', 1, ${revokedAt}, 1)`);
  database
    .prepare('INSERT INTO api_key_secrets (hash, key_id, sealed, created_at) VALUES (?, ?, ?, 1)')
    .run(`hash of ${id}`, id, sealed);
}

test('a first deployment makes all that the Worker needs before it, and says where it is and how to go on', async () => {
  await run({ environment: 'staging', secretsFile: 'master-keys.env', location: 'weur' });
  expect(account.acts).toEqual([
    'create queue latchkey-staging-usage',
    'create queue latchkey-staging-usage-dead',
    'create database latchkey-staging in weur',
    ...migrationsIn('migrations').map((name) => `migrate latchkey-staging ${name}`),
    'create database latchkey-staging-usage in weur',
    ...migrationsIn('migrations/usage').map((name) => `migrate latchkey-staging-usage ${name}`),
    'create namespace latchkey-staging-key-cache',
    'upload latchkey-staging',
  ]);
  expect(printed.join('\n')).toContain('\n  https://latchkey-staging.example.workers.dev\n');
  expect(printed.join('\n')).toContain('npm run bootstrap -- --remote --env staging --secrets-file master-keys.env');
});

test('once it is bootstrapped, a deployment is an upgrade: migrations before the Worker, and nothing else', async () => {
  const last = migrationsIn('migrations').at(-1);
  addDeployment({ without: last });
  addPausedKey(databaseOf(account, 'latchkey'), 1);
  await run();
  expect(account.acts).toEqual([`migrate latchkey ${last}`, 'upload latchkey']);
  expect(printed.join('\n')).not.toContain('bootstrap');

  account.acts.length = 0;
  await run();
  expect(account.acts).toEqual(['upload latchkey']);
});

test('a dry run says what there is to do, and does nothing', async () => {
  await run({ dryRun: true, secretsFile: 'master-keys.env' });
  expect(account.acts).toEqual([]);
  expect(printed).toEqual(
    expect.arrayContaining([
      'Queue latchkey-usage-dead: to be created',
      `Database latchkey: to be created, ${migrationsIn('migrations').length} migrations to apply`,
      'Nothing was done: --dry-run.',
    ]),
  );
});

test('what cannot be built changes nothing', async () => {
  account.refusesBuilds = true;
  expect(await refusal({ secretsFile: 'master-keys.env' })).toContain('Build failed');
});

test('what was begun is finished by the next run', async () => {
  account.queues.push('latchkey-usage');
  addDatabase(account, 'latchkey');
  await run({ secretsFile: 'master-keys.env' });
  expect(account.acts[0]).toBe('create queue latchkey-usage-dead');
  expect(account.acts).not.toContain('create database latchkey');
  expect(account.acts.at(-1)).toBe('upload latchkey');
});

test('of several accounts it takes none by itself', async () => {
  account.accounts.push({ id: 'f'.repeat(32), name: 'Another account' });
  expect(await refusal()).toMatch(/Set CLOUDFLARE_ACCOUNT_ID[\s\S]*\n {2}f{32} {2}Another account/);

  addDeployment();
  vi.stubEnv('CLOUDFLARE_ACCOUNT_ID', 'f'.repeat(32));
  await run();
  expect(printed[0]).toBe('Latchkey: latchkey, in the account Another account');
});

test('without MASTER_KEYS neither a first deployment nor a later one is made', async () => {
  const message = await refusal({ environment: 'production' });
  expect(message).toContain('The secret MASTER_KEYS is not set');
  // The README has the same two lines.
  const [, lines = ''] = /\n\n((?: {2}.*\n)+)/.exec(message) ?? [];
  const readme = readFileSync(join(repository, 'README.md'), 'utf8');
  expect(readme).toContain(`\n${lines.replaceAll(/^ {2}/gm, '')}`);
  expect(lines).toContain('npm run deploy -- --env production --secrets-file master-keys.env');

  addDeployment();
  addWorker(account, 'latchkey', ['ANOTHER_SECRET']);
  expect(await refusal()).toContain('The secret MASTER_KEYS is not set');
  await run({ secretsFile: 'master-keys.env' });
  expect(account.acts).toEqual(['upload latchkey']);
});

test('a MASTER_KEYS that did not seal the secrets of the database is refused, and the one that did is taken', async () => {
  addDeployment();
  const keyring = await openKeyring(MASTER_KEYS);
  addPausedKey(databaseOf(account, 'latchkey'), 1, { sealed: await keyring.seal('lk_secret', 'hash of 1') });
  const another = `k1:${Buffer.alloc(32, 2).toString('base64')}`;
  writeFileSync('another.env', `MASTER_KEYS=${another}\n`);
  expect(await refusal({ secretsFile: 'another.env' })).toContain('is not the one that sealed the secrets');

  writeFileSync('both.env', `MASTER_KEYS=${another.replace('k1', 'k2')},${MASTER_KEYS}\n`);
  await run({ secretsFile: 'both.env' });
  expect(account.acts).toEqual(['upload latchkey']);
});

test('a MASTER_KEYS that cannot be read, is nowhere, or is not the one that wrangler would take, is refused', async () => {
  writeFileSync('short.env', 'MASTER_KEYS=k1:short\n');
  expect(await refusal({ secretsFile: 'short.env' })).toContain('MASTER_KEYS');
  expect(await refusal({ secretsFile: 'nowhere.env' })).toBe('There is no file nowhere.env.');
  vi.stubEnv('MASTER_KEYS', `k2:${Buffer.alloc(32, 2).toString('base64')}`);
  expect(await refusal({ secretsFile: 'master-keys.env' })).toContain('MASTER_KEYS is in the environment, too');
});

test('an environment that there is not, and a setting that cannot be read, are refused', async () => {
  expect(await refusal({ environment: 'nowhere' })).toBe(
    'wrangler.toml has no environment nowhere. It has staging and production.',
  );
  const configuration = readFileSync('wrangler.toml', 'utf8');
  writeFileSync('wrangler.toml', configuration.replace('KEY_PREFIX = "lk"', 'KEY_PREFIX = ""'));
  expect(await refusal()).toContain('KEY_PREFIX');
});

test('a migration that the running code may not bear is refused, unless told', async () => {
  addDeployment();
  writeFileSync('migrations/9999_end.sql', 'ALTER TABLE `users` DROP COLUMN `access_sub`;\n');
  const message = await refusal();
  expect(message).toContain('9999_end.sql: ALTER TABLE `users` DROP COLUMN `access_sub`');
  expect(message).toContain('--allow-unsafe-migrations');

  await run({ allowUnsafeMigrations: true });
  expect(account.acts).toEqual(['migrate latchkey 9999_end.sql', 'upload latchkey']);
});

test('where no Worker runs, every migration is applied', async () => {
  addDeployment();
  account.workers.clear();
  writeFileSync('migrations/9999_end.sql', 'ALTER TABLE `users` DROP COLUMN `access_sub`;\n');
  await run({ secretsFile: 'master-keys.env' });
  expect(account.acts).toContain('migrate latchkey 9999_end.sql');
});

/** Makes the checkout one from before pauses. */
function goBack(): string[] {
  const since = migrationsIn('migrations').filter((name) => name >= '0005_pauses_and_receipts.sql');
  for (const name of since) rmSync(join('migrations', name));
  return since;
}

test('a rollback that would let paused keys in again is refused with their number, unless told', async () => {
  addDeployment();
  const database = databaseOf(account, 'latchkey');
  addPausedKey(database, 1);
  addPausedKey(database, 2);
  // A revoked key stays out, whatever the code knows.
  addPausedKey(database, 3, { revokedAt: 1 });
  const since = goBack();
  const message = await refusal();
  for (const name of since) expect(message).toContain(name);
  expect(message).toMatch(/^ {2}api_keys\.paused_at: 2$/m);
  // A column that is as it is by default is not in use, nor is an empty table.
  expect(message).not.toContain('session_generation');
  expect(message).not.toContain('sessions:');

  await run({ allowRollback: true });
  expect(account.acts).toEqual(['upload latchkey']);
  expect(printed.join('\n')).toMatch(/^ {2}api_keys\.paused_at: 2$/m);
});

test('a rollback is refused where nothing is paused, too: it says so', async () => {
  addDeployment();
  goBack();
  expect(await refusal()).toContain('Nothing of it is in use.');
});

test('a table and a column with a default that older code does not know are counted, once they are used', async () => {
  addDeployment();
  const database = databaseOf(account, 'latchkey');
  addPausedKey(database, 1);
  database.exec("INSERT INTO d1_migrations (name) VALUES ('9999_later.sql')");
  database.exec('CREATE TABLE bans (ip); ALTER TABLE users ADD locked integer DEFAULT 0 NOT NULL');
  expect(await refusal()).toContain('Nothing of it is in use.');
  database.exec("INSERT INTO bans VALUES ('203.0.113.7'); UPDATE users SET locked = 1");
  expect(await refusal()).toMatch(/\n {2}bans: 1\n {2}users\.locked: 1\n/);
});

test('after a first upload that was refused it says what to do about the namespace that wrangler left', async () => {
  addDeployment();
  account.workers.clear();
  account.refusesUploads = true;
  await expect(run({ secretsFile: 'master-keys.env' })).rejects.toThrow(
    /was not deployed[\s\S]*The script was refused/,
  );
  account.acts.length = 0;
  account.refusesUploads = false;
  expect(await refusal({ secretsFile: 'master-keys.env' })).toContain(
    'npm run wrangler -- kv namespace delete --namespace-id the id of latchkey-key-cache',
  );
  account.namespaces = [];
  await run({ secretsFile: 'master-keys.env' });
  expect(account.acts.at(-1)).toBe('upload latchkey');
});

test('what was changed over the API since is not dropped unasked', async () => {
  addDeployment();
  const worker = account.workers.get('latchkey');
  if (worker !== undefined) worker.changedBy = 'api';
  expect(await refusal()).toMatch(/--overwrite[\s\S]*last updated via the script API/);
  await run({ overwrite: true });
  expect(account.acts).toEqual(['upload latchkey']);
});
