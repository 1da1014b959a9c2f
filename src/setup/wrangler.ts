import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { CHOSEN_LOG_LEVEL } from './quiet-wrangler.ts';

/** wrangler's own module. The `wrangler` command would only start it in one more process. */
const WRANGLER = createRequire(import.meta.url).resolve('wrangler');
const ARGUMENTS_FROM_STDIN = join(import.meta.dirname, 'arguments-from-stdin.ts');

/** Settings of wrangler, passed as environment variables beside those of this process. */
const SETTINGS = {
  // The local trace store of `wrangler dev` would keep whole URLs, and a client may put a key into a URL.
  X_LOCAL_OBSERVABILITY: 'false',
  // The local explorer lets every process on this machine write the database without a key.
  X_LOCAL_EXPLORER: 'false',
  WRANGLER_SEND_METRICS: 'false',
};

/**
 * Registers the Workers that this process and its wrangler serve in this folder only. In the registry of the whole
 * machine, another checkout may serve a Worker of the same name. A folder that the user set in the environment is kept.
 */
export function findWorkersIn(folder: string): void {
  if (process.env.CLOUDFLARE_DEV_REGISTRY_PATH === undefined) process.env.WRANGLER_REGISTRY_PATH ??= folder;
}

/**
 * wrangler's options for a deployed environment.
 * @param environment one of wrangler.toml; empty: the top level
 */
export function deployed(environment: string): string[] {
  return ['--remote', `--env=${environment}`];
}

/** Starts wrangler in the foreground, on this process's terminal. */
export function startWrangler(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, ['--no-warnings', WRANGLER, ...args], {
    stdio: 'inherit',
    // Node leaves out a variable that is undefined.
    env: { ...process.env, ...SETTINGS, WRANGLER_LOG: CHOSEN_LOG_LEVEL },
  });
}

/** A run of wrangler that failed. The message names the command and holds all that it printed. */
export class WranglerError extends Error {
  readonly printed: string;

  constructor(args: readonly string[], printed: string) {
    super(`wrangler ${args.slice(0, 3).join(' ')} failed:\n${printed}`);
    this.printed = printed;
  }
}

/**
 * Runs wrangler to its end and returns what it printed on standard output. wrangler answers its own questions with yes.
 * Its arguments go through a pipe, because every user of the machine can read command lines, and statements hold hashes
 * and sealed secrets.
 * @param settings environment variables for wrangler, beside those of this process
 * @throws a `WranglerError` when wrangler fails
 */
export function runWrangler(args: readonly string[], settings: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--no-warnings', '--import', ARGUMENTS_FROM_STDIN, WRANGLER], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // wrangler's log file would hold the statements, so it is off. With a log level below `log`, wrangler does not
      // print its results.
      env: {
        ...process.env,
        ...SETTINGS,
        CI: '1',
        NO_COLOR: '1',
        WRANGLER_WRITE_LOGS: 'false',
        WRANGLER_LOG: 'log',
        ...settings,
      },
    });
    let printed = '';
    let complaints = '';
    child.stdout.on('data', (chunk) => (printed += chunk));
    child.stderr.on('data', (chunk) => (complaints += chunk));
    child.on('error', reject);
    // wrangler may end before it has read all arguments. Its exit code and output then say why.
    child.stdin.on('error', () => {});
    child.stdin.end(JSON.stringify(args));
    child.on('close', (code) => {
      if (code === 0) resolve(printed);
      else reject(new WranglerError(args, stripVTControlCharacters(`${complaints}${printed}`)));
    });
  });
}
