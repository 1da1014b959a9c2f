import './quiet-wrangler.ts';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { compose } from '../compose.ts';
import { inviteAsOperator } from '../domain/sessions/invite-user.ts';
import { signInPath } from '../wire/sign-in-path.ts';
import { emailOf, seedDemoData } from './demo-data.ts';
import { openLocal } from './local-database.ts';
import {
  displayPath,
  dropUnfinishedDevKeys,
  ensureFolder,
  finishDevKeys,
  locateLocalState,
  makeMasterKeys,
  optionValue,
  readMasterKeys,
  readUnfinishedDevKeys,
  writeUnfinishedDevKeys,
} from './local-state.ts';
import { lockState } from './lock-state.ts';
import { describeLostSecrets, hasSealedSecrets } from './lost-secrets.ts';
import { startWrangler } from './wrangler.ts';

/*
 * `npm start`: from a fresh clone to a running service. Each step keeps what is already there, so it can be run again,
 * and continues an earlier start that was killed.
 */

const USUAL_PORT = 8787;

const args = process.argv.slice(2);
const state = locateLocalState(args);

let linkToken: string | null = null;
try {
  ensureFolder(state);
  lockState(state, 'npm start');
  console.log('Latchkey: preparing the local database …');
  linkToken = await prepare();
} catch (error) {
  console.error(`Latchkey: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}

const port = optionValue(args, '--port') ?? String(await findFreePort(USUAL_PORT));
if (existsSync(state.devKeysFile)) {
  console.log(`
Try it, in another terminal:

  curl -s http://localhost:${port}/v2/api_keys/current \\
    -H "x-APIKey: $(node -p 'JSON.parse(fs.readFileSync("${displayPath(state.devKeysFile)}")).ORG_ADMIN')"
`);
}

if (linkToken !== null) {
  console.log(`Sign in to the console as the demo administrator, once within 24 hours:

  http://localhost:${port}${signInPath(linkToken)}
`);
}

const dev = startWrangler([
  'dev',
  ...(optionValue(args, '--persist-to') === undefined ? ['--persist-to', state.folder] : []),
  ...(optionValue(args, '--port') === undefined ? ['--port', port] : []),
  // Left to itself, wrangler looks for a free inspector port and opens it later, so two starts at once could choose the
  // same one.
  ...(optionValue(args, '--inspector-port') === undefined ? ['--inspector-port', '0'] : []),
  ...(existsSync(state.secretsFile) ? ['--env-file', state.secretsFile] : []),
  // So that the stack traces in the log can be read. What is deployed is minified.
  '--minify=false',
  ...args,
]);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => dev.kill(signal));
dev.on('exit', (code) => process.exit(code ?? 0));

/**
 * Prepares migrations, secrets and demo data. When it returns, this process has closed the database, because the
 * service is another process.
 * @returns the token of a sign-in link for the demo administrator; null when there is no such user
 */
async function prepare(): Promise<string | null> {
  const { env, close } = await openLocal(state);
  try {
    const masterKeys = readMasterKeys(state) ?? ((await hasSealedSecrets(env.DB)) ? null : makeMasterKeys(state));
    if (masterKeys === null) {
      console.error(`Latchkey: ${describeLostSecrets(state)}`);
      return null;
    }
    return await seed({ ...env, MASTER_KEYS: masterKeys });
  } finally {
    await close();
  }
}

async function seed(env: Parameters<typeof compose>[0]): Promise<string | null> {
  const deferred: Promise<unknown>[] = [];
  const services = compose({ ...env, ...variables(args) }, { waitUntil: (work) => void deferred.push(work) });
  const keys = await seedDemoData(services, {
    begun: readUnfinishedDevKeys(state),
    keep: (kept) => writeUnfinishedDevKeys(state, kept),
  });
  await Promise.all(deferred);
  reportSeed(keys);
  const keyring = await services.keyring();
  const link = keyring && (await inviteAsOperator(services, keyring, emailOf('ORG_ADMIN'), 'npm start'));
  return link?.token ?? null;
}

function reportSeed(keys: Record<string, string> | null): void {
  const where = displayPath(state.devKeysFile);
  if (keys !== null) {
    finishDevKeys(state);
    console.log(`Latchkey: demo data added; its keys are in ${where}`);
    return;
  }
  dropUnfinishedDevKeys(state);
  console.log(
    existsSync(state.devKeysFile)
      ? `Latchkey: the database has data and keeps it. No demo data was added. Demo keys are in ${where}`
      : `Latchkey: the database has data and keeps it. No demo data was added. There are no demo keys in ${where}.
For a new key of a PROVIDER user, stop this and run: npm run bootstrap -- --recover --persist-to ${state.folder}`,
  );
}

/**
 * The settings given as `--var NAME:VALUE`. Seeding needs them: demo keys must have the prefix that the service will
 * accept.
 */
function variables(given: readonly string[]): Record<string, string> {
  const pairs = given.flatMap((arg, index) => {
    const pair = arg.startsWith('--var=') ? arg.slice('--var='.length) : arg === '--var' ? given[index + 1] : undefined;
    const [, name, value] = /^([^:]+):(.*)$/.exec(pair ?? '') ?? [];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(pairs);
}

/** The wanted port, or any free port when that one is taken. */
function findFreePort(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', () => (wanted === 0 ? reject(new Error('There is no free port')) : resolve(findFreePort(0))));
    probe.listen(wanted, () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : wanted;
      probe.close(() => resolve(port));
    });
  });
}
