import { createServer } from 'node:net';
import { getPlatformProxy } from 'wrangler';
import { compose } from '../compose.ts';
import { seedDemoData } from './demo-data.ts';
import {
  displayPath,
  ensureLocalSecrets,
  type LocalState,
  locateLocalState,
  optionValue,
  writeDevKeys,
} from './local-state.ts';
import { applyMigrations, startWrangler } from './wrangler.ts';

/*
 * `npm start`: from a fresh clone to a service that answers. Each step keeps what is there already, so that it can be
 * run again and again.
 */

const USUAL_PORT = 8787;

const args = process.argv.slice(2);
const state = locateLocalState(args);

ensureLocalSecrets(state);
console.log('Latchkey: preparing the local database …');
await applyMigrations(state.folder, ['DB', 'USAGE_DB']);
await seed(state);

const port = optionValue(args, '--port') ?? String(await findFreePort(USUAL_PORT));
console.log(`
Try it, in another terminal:

  curl -s http://localhost:${port}/v2/api_keys/current \\
    -H "x-APIKey: $(node -p 'JSON.parse(fs.readFileSync("${displayPath(state.devKeysFile)}")).ORG_ADMIN')"
`);

const dev = startWrangler([
  'dev',
  ...(optionValue(args, '--persist-to') === undefined ? ['--persist-to', state.folder] : []),
  ...(optionValue(args, '--port') === undefined ? ['--port', port] : []),
  '--env-file',
  state.secretsFile,
  ...args,
]);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => dev.kill(signal));
dev.on('exit', (code) => process.exit(code ?? 0));

async function seed(local: LocalState): Promise<void> {
  const proxy = await getPlatformProxy<Env>({
    persist: { path: local.storage },
    envFiles: [local.secretsFile],
    remoteBindings: false,
  });
  const deferred: Promise<unknown>[] = [];
  try {
    const services = compose({ ...proxy.env, ...variables(args) }, { waitUntil: (work) => void deferred.push(work) });
    const keys = await seedDemoData(services);
    await Promise.all(deferred);
    if (keys === null) {
      console.log(`Latchkey: the database has data, and keeps it. Demo keys are in ${displayPath(local.devKeysFile)}`);
    } else {
      writeDevKeys(local, keys);
      console.log(`Latchkey: demo data added; its keys are in ${displayPath(local.devKeysFile)}`);
    }
  } finally {
    await proxy.dispose();
  }
}

/** The settings given as `--var NAME:VALUE`, so that demo keys have the prefix that the service will look for. */
function variables(given: readonly string[]): Record<string, string> {
  const pairs = given.flatMap((arg, index) => {
    const pair = arg.startsWith('--var=') ? arg.slice('--var='.length) : arg === '--var' ? given[index + 1] : undefined;
    const [, name, value] = /^([^:]+):(.*)$/.exec(pair ?? '') ?? [];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(pairs);
}

/** The port to serve on: the usual one, or when that is taken one that is free. */
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
