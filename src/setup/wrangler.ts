import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { CHOSEN_LOG_LEVEL } from './quiet-wrangler.ts';

/** wrangler itself: the command of that name only starts it in one more process. */
const WRANGLER = createRequire(import.meta.url).resolve('wrangler');
const ARGUMENTS_FROM_STDIN = join(import.meta.dirname, 'arguments-from-stdin.ts');

/** Settings of wrangler that are environment variables, beside those of this process. */
const SETTINGS = {
  // The local trace store of `wrangler dev` would keep whole URLs, which may hold what should not be kept.
  X_LOCAL_OBSERVABILITY: 'false',
  // The local explorer lets every process of this machine write the database, without a key.
  X_LOCAL_EXPLORER: 'false',
  WRANGLER_SEND_METRICS: 'false',
};

/**
 * Lets the Workers that this process and its wrangler serve be found by name in this folder only, and not on the whole
 * machine, where another checkout may serve one of the same name. Whoever has chosen a folder in the environment keeps it.
 */
export function findWorkersIn(folder: string): void {
  if (process.env.CLOUDFLARE_DEV_REGISTRY_PATH === undefined) process.env.WRANGLER_REGISTRY_PATH ??= folder;
}

/** Starts `wrangler dev` in the foreground. */
export function startWrangler(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, ['--no-warnings', WRANGLER, ...args], {
    stdio: 'inherit',
    // Node leaves out a variable that is undefined.
    env: { ...process.env, ...SETTINGS, WRANGLER_LOG: CHOSEN_LOG_LEVEL },
  });
}

/**
 * Runs wrangler to its end and gives what it printed. It answers its own questions with yes. Its arguments go to it
 * through a pipe: every user of the machine may read a command line, and statements hold hashes and sealed secrets.
 * @throws when it fails; the message is what it printed
 */
export function runWrangler(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--no-warnings', '--import', ARGUMENTS_FROM_STDIN, WRANGLER], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // Nor may its own log file hold them. Below the level `log` it would not print its answer either.
      env: { ...process.env, ...SETTINGS, CI: '1', NO_COLOR: '1', WRANGLER_WRITE_LOGS: 'false', WRANGLER_LOG: 'log' },
    });
    let printed = '';
    let complaints = '';
    child.stdout.on('data', (chunk) => (printed += chunk));
    child.stderr.on('data', (chunk) => (complaints += chunk));
    child.on('error', reject);
    // It may end before it has read them all: how it ended says why.
    child.stdin.on('error', () => {});
    child.stdin.end(JSON.stringify(args));
    child.on('close', (code) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`wrangler ${args.slice(0, 3).join(' ')} failed:\n${complaints}${printed}`));
    });
  });
}
