import { openDatabase } from '../storage/database.ts';
import { hasDeployment } from '../storage/organisations.ts';
import { build, createDatabase, createQueue, deployWorker } from './cloudflare-account.ts';
import { chooseAccount, type DeployOptions, type Found, look, Refused, readSecrets } from './deploy-checks.ts';
import { readTarget } from './deployment-target.ts';
import { deployed, runWrangler } from './wrangler.ts';
import { WranglerD1 } from './wrangler-d1.ts';

/*
 * The steps of a deployment, in their order. First it looks at everything, and changes nothing while something is not as
 * it must be. Then come the queues, the databases, the migrations and the Worker, each resting on the one before. Killed
 * in the middle, it goes on when it is run again.
 */

/**
 * Deploys, and prints what it does and where the deployment can be called.
 * @throws `Refused` when something is not as it must be; and what wrangler printed when it failed
 */
export async function deploy(options: DeployOptions): Promise<void> {
  const target = readTarget(options.environment);
  const secrets = await readSecrets(options);
  console.log(`Latchkey: ${target.worker}, in the account ${await chooseAccount(target)}`);
  const found = await look(target, options, secrets);
  // What cannot be built must not leave a migrated database behind.
  await build(options.environment);
  if (options.dryRun) {
    console.log('Nothing was done: --dry-run.');
    return;
  }
  await prepare(found, options);
  const addresses = await upload(options);
  console.log(`Worker ${target.worker}: deployed`);
  await report(addresses, options);
}

/** Makes what the Worker needs, in the order in which one thing needs another. */
async function prepare({ queues, databases }: Found, { environment, location }: DeployOptions): Promise<void> {
  for (const queue of queues) {
    await createQueue(queue);
    console.log(`Queue ${queue}: created`);
  }
  for (const { binding, name, isThere, pending } of databases) {
    if (!isThere) {
      await createDatabase(name, location);
      console.log(`Database ${name}: created`);
    }
    if (pending.length === 0) continue;
    await runWrangler(['d1', 'migrations', 'apply', binding, ...deployed(environment)]);
    console.log(`Database ${name}: ${pending.length} migrations applied`);
  }
}

/** Deploys the Worker, with its secrets. Returns where it can be called. */
async function upload({ environment, secretsFile, overwrite }: DeployOptions): Promise<string[]> {
  const settings = [
    // Without it, wrangler would drop unasked what was changed in the dashboard or over the API.
    ...(overwrite ? [] : ['--strict']),
    ...(secretsFile === undefined ? [] : [`--secrets-file=${secretsFile}`]),
  ];
  try {
    return await deployWorker(environment, settings);
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    throw new Refused(`The Worker was not deployed. The databases are migrated; a Worker that ran before runs on.
Mend what is said here, and run this again. If it is about what was changed in the dashboard or over the API since, copy
that into wrangler.toml, or give it up with --overwrite.

${reason}`);
  }
}

async function report(addresses: readonly string[], { environment, secretsFile }: DeployOptions): Promise<void> {
  for (const address of addresses) console.log(`\n  ${address}`);
  const [url] = addresses.filter((address) => address.startsWith('https://'));
  if (url !== undefined) console.log(`\nWhether it is well: curl -s ${url}/health/ready`);
  if (await hasDeployment(openDatabase(new WranglerD1(deployed(environment))))) return;
  console.log(`
It has no organisation yet. Make yours, with its first user and key:

  npm run bootstrap -- --remote${environment === '' ? '' : ` --env ${environment}`} --secrets-file ${secretsFile ?? 'master-keys.env'} \\
    --organisation "Your company" --email you@example.com --first-name Your --last-name Name`);
}
