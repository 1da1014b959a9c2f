import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** Copies the checkout, as a clone would be, and links the packages that are installed here. */
export function copyCheckout(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'));
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate'], {
    encoding: 'utf8',
  });
  for (const file of files.split('\n').filter(Boolean)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(file, join(folder, file), { force: true });
  }
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A running npm command, such as `npm start`, and what it printed. */
export interface Running {
  printed: () => string;
  /** The exit code once it has ended by itself. Null: it is running, or a signal ended it. */
  exitCode: () => number | null;
  /** Signals it and all its child processes, and waits until it has ended. */
  stop: (signal?: NodeJS.Signals) => Promise<void>;
  /** Resolves when it has ended, for whatever reason. */
  ended: Promise<void>;
}

/** Runs an npm command in a checkout. */
export function runNpm(folder: string, args: readonly string[]): Running {
  // A process group of its own, so that a signal reaches wrangler and the runtime too.
  const child = spawn('npm', args, { cwd: folder, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const output of [child.stdout, child.stderr]) {
    output.on('data', (chunk) => {
      printed += chunk;
    });
  }
  const ended = new Promise<void>((done) => child.on('close', () => done()));
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, signal);
    await ended;
  };
  return { printed: () => printed, exitCode: () => child.exitCode, stop, ended };
}

/** Runs `npm start` with these arguments and waits, at most 60 s, until the service answers on the port. */
export async function npmStart(folder: string, port: number, args: readonly string[] = []): Promise<Running> {
  const running = runNpm(folder, ['start', '--', '--port', String(port), ...args]);
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline && running.exitCode() === null) {
    const up = await fetch(`http://127.0.0.1:${port}/v2/permissions`).then(
      (answer) => answer.status === 401,
      () => false,
    );
    if (up) return running;
    await new Promise((wait) => setTimeout(wait, 100));
  }
  await running.stop();
  throw new Error(`npm start did not come up:\n${running.printed()}`);
}

/** A port that is free now. */
export function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const probe = createServer();
    probe.once('error', failed);
    probe.listen(0, () => {
      const address = probe.address();
      probe.close(() => (typeof address === 'object' && address !== null ? found(address.port) : failed()));
    });
  });
}
