import { type ChildProcess, spawn } from 'node:child_process';

const ENVIRONMENT = {
  ...process.env,
  // The local trace store of `wrangler dev` would keep whole URLs, which may hold what should not be kept.
  X_LOCAL_OBSERVABILITY: 'false',
  WRANGLER_SEND_METRICS: 'false',
};

/** Starts wrangler in the foreground. npm puts it on the PATH of its scripts, together with the Node that it needs. */
export function startWrangler(args: readonly string[]): ChildProcess {
  return spawn('wrangler', args, { stdio: 'inherit', env: ENVIRONMENT });
}

/** Brings databases of the local deployment in this folder up to date, by the names of their bindings. */
export async function applyMigrations(folder: string, databases: readonly ('DB' | 'USAGE_DB')[]): Promise<void> {
  const apply = ['d1', 'migrations', 'apply'];
  await Promise.all(databases.map((name) => runWrangler([...apply, name, '--local', '--persist-to', folder])));
}

/**
 * Runs wrangler to its end and gives what it printed. It answers its own questions with yes.
 * @throws when it fails; the message is what it printed
 */
export function runWrangler(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('wrangler', args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...ENVIRONMENT, CI: '1', NO_COLOR: '1' },
    });
    let printed = '';
    let complaints = '';
    child.stdout.on('data', (chunk) => (printed += chunk));
    child.stderr.on('data', (chunk) => (complaints += chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`wrangler ${args.slice(0, 3).join(' ')} failed:\n${complaints}${printed}`));
    });
  });
}
