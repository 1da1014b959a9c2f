import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { openKeyring } from '../domain/secrets/keyring.ts';
import { belongsToDatabase } from '../domain/secrets/trust-keyring.ts';
import { openDatabase } from '../storage/database.ts';
import {
  findNamespace,
  hasQueue,
  listDatabases,
  namespaceTitle,
  readAccounts,
  readSecretNames,
} from './cloudflare-account.ts';
import { type MigrationState, readIgnored, readMigrationState } from './deployed-database.ts';
import type { DeploymentTarget } from './deployment-target.ts';
import { findUnsafe } from './migration-safety.ts';
import { deployed } from './wrangler.ts';
import { WranglerD1 } from './wrangler-d1.ts';

/*
 * What `npm run deploy` looks at before it changes anything, and where it refuses to go on.
 */

/** Why this does not deploy. The message is for the operator, and says what to do. */
export class Refused extends Error {}

/** What the operator asked for. */
export interface DeployOptions {
  /** An environment of wrangler.toml. Empty: the top level. */
  environment: string;
  secretsFile: string | undefined;
  /** Where new databases have their primary: a location hint of D1. */
  location: string | undefined;
  /** Whether to look only. */
  dryRun: boolean;
  allowRollback: boolean;
  allowUnsafeMigrations: boolean;
  /** Whether to drop what was changed in the dashboard or over the API. */
  overwrite: boolean;
}

/** The secrets in `--secrets-file`. MASTER_KEYS is read, so that one with a mistake is not deployed. */
export async function readSecrets({ secretsFile: file }: DeployOptions): Promise<Record<string, string>> {
  if (file === undefined) return {};
  if (!existsSync(file)) throw new Refused(`There is no file ${file}.`);
  const secrets = Object.fromEntries(
    Object.entries(parseEnv(readFileSync(file, 'utf8'))).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    ),
  );
  for (const [name, value] of Object.entries(secrets)) {
    const other = process.env[name];
    if (other !== undefined && other !== value) {
      throw new Refused(
        `${name} is in the environment, too, with another value than in ${file}. wrangler would take that one. Unset it.`,
      );
    }
  }
  if (secrets.MASTER_KEYS !== undefined) await openKeyring(secrets.MASTER_KEYS);
  return secrets;
}

/** The account that wrangler will work on, as it is called to people. */
export async function chooseAccount({ accountId }: DeploymentTarget): Promise<string> {
  const id = process.env.CLOUDFLARE_ACCOUNT_ID ?? accountId;
  // With these, as in CI, wrangler asks nobody, and the token needs no right to read who it belongs to.
  if (id !== undefined && process.env.CLOUDFLARE_API_TOKEN !== undefined) return id;
  const accounts = await readAccounts();
  if (accounts === null) {
    throw new Refused(`Nobody is logged in to Cloudflare here. Run: npm run wrangler -- login
Where there is no browser, set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID instead.`);
  }
  if (id !== undefined) return accounts.find((account) => account.id === id)?.name ?? id;
  const [only, another] = accounts;
  if (only !== undefined && another === undefined) return only.name;
  const list = accounts.map((account) => `\n  ${account.id}  ${account.name}`).join('');
  throw new Refused(`Set CLOUDFLARE_ACCOUNT_ID to the account that this is for. You may work on:${list}`);
}

export interface Found {
  /** Queues to be created. */
  queues: string[];
  databases: FoundDatabase[];
}

interface FoundDatabase extends MigrationState {
  binding: string;
  name: string;
  isThere: boolean;
}

/**
 * Looks at what is in the account, and says what there is to do before the Worker.
 * @throws `Refused` when this must not go on
 */
export async function look(
  target: DeploymentTarget,
  options: DeployOptions,
  secrets: Record<string, string>,
): Promise<Found> {
  const { environment } = options;
  const [secretNames, names, missingQueues] = await Promise.all([
    readSecretNames(environment),
    listDatabases(),
    Promise.all(target.queues.map(async (queue) => ((await hasQueue(queue)) ? [] : [queue]))),
  ]);
  const missing = target.requiredSecrets.filter((name) => !(name in secrets) && !secretNames?.includes(name));
  if (missing.length > 0) throw new Refused(describeMissing(missing, environment));
  if (secretNames === null) await refuseLeftNamespaces(target);
  const databases: FoundDatabase[] = [];
  for (const { binding, name, migrations } of target.databases) {
    const isThere = names.includes(name);
    const database = isThere ? new WranglerD1(deployed(environment), binding) : null;
    const state = await readMigrationState(database, migrations);
    if (database !== null && state.unknown.length > 0) await refuseRollback(database, name, migrations, state, options);
    databases.push({ binding, name, isThere, ...state });
  }
  if (secretNames !== null) refuseUnsafe(databases, options);
  const main = databases.find(({ binding }) => binding === 'DB');
  if (main !== undefined && main.applied.length > 0) await refuseForeignKeyring(secrets, options);
  const queues = missingQueues.flat();
  for (const queue of queues) console.log(`Queue ${queue}: to be created`);
  for (const { name, isThere, pending } of databases) {
    console.log(`Database ${name}: ${isThere ? '' : 'to be created, '}${pending.length} migrations to apply`);
  }
  return { queues, databases };
}

function describeMissing(missing: readonly string[], environment: string): string {
  return `The secret ${missing.join(', ')} is not set. MASTER_KEYS seals the keys that people can look at again. Make it once, and keep it with your other secrets:

  (umask 077; echo "MASTER_KEYS=k1:$(openssl rand -base64 32)" > master-keys.env)
  npm run deploy --${environment === '' ? '' : ` --env ${environment}`} --secrets-file master-keys.env

If this deployment had one before, give that one instead: a new one does not open what is sealed.`;
}

/** wrangler creates the namespace with the Worker, and fails when there is one of its name that no Worker has. */
async function refuseLeftNamespaces({ worker, namespaces }: DeploymentTarget): Promise<void> {
  for (const binding of namespaces) {
    const title = namespaceTitle(worker, binding);
    const id = await findNamespace(title);
    if (id === null) continue;
    throw new Refused(`There is a KV namespace ${title}, but no Worker ${worker}: a first deployment was cut off, or the Worker was deleted.
The namespace holds copies only. Delete it, and run this again:

  npm run wrangler -- kv namespace delete --namespace-id ${id}`);
  }
}

/** Older code is deployed over a newer database. What that would bring back is counted, and named. */
async function refuseRollback(
  database: D1Database,
  name: string,
  migrations: string,
  { unknown }: MigrationState,
  { allowRollback }: DeployOptions,
): Promise<void> {
  const ignored = await readIgnored(database, migrations);
  const inUse = ignored.map((found) => `\n  ${found.name}: ${found.count}`).join('');
  const message = `This is a rollback: the database ${name} has migrations that this checkout does not have: ${unknown.join(', ')}.
The older code does not look at what they brought. Whom or what that refuses would be let in again.
${inUse === '' ? 'Nothing of it is in use.' : `Of it, these are in use, each with its number of rows:${inUse}`}`;
  if (allowRollback) console.log(`${message}\nGoing on: --allow-rollback.`);
  else {
    throw new Refused(`${message}
Revoke and disable first what must stay out ("Rolling back" in the newer src/storage/storage-schema.md). Then go on with --allow-rollback.`);
  }
}

function refuseUnsafe(found: readonly FoundDatabase[], { allowUnsafeMigrations }: DeployOptions): void {
  const unsafe = found.flatMap(({ applied, pending }) => findUnsafe(applied, pending));
  if (unsafe.length === 0) return;
  const list = unsafe.map(({ migration, statement, reason }) => `  ${migration}: ${statement}\n    ${reason}`);
  const message = `Migrations run before the new code, and the code of before runs on for some minutes. It may not bear:
${list.join('\n')}`;
  if (allowUnsafeMigrations) console.log(`${message}\nGoing on: --allow-unsafe-migrations.`);
  else {
    throw new Refused(`${message}
Deploy code that can do without first, and this afterwards. Or accept that calls fail in between: --allow-unsafe-migrations.`);
  }
}

/** Secrets that were sealed by another MASTER_KEYS could not be shown any more, and sessions would end. */
async function refuseForeignKeyring(
  { MASTER_KEYS: masterKeys }: Record<string, string>,
  { environment, secretsFile }: DeployOptions,
): Promise<void> {
  if (masterKeys === undefined) return;
  const db = openDatabase(new WranglerD1(deployed(environment)));
  if (await belongsToDatabase(await openKeyring(masterKeys), db)) return;
  throw new Refused(
    `MASTER_KEYS in ${secretsFile} is not the one that sealed the secrets of this database: it opens none of them. Give that one. docs/operating.md, "MASTER_KEYS", says how to go over to another.`,
  );
}
