import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** A copy of the checkout, as a clone would be, with the packages that are installed here. */
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

/** `npm start`, or another command of npm, that runs, and what it printed. */
export interface Running {
  printed: () => string;
  /** Its exit code once it has ended by itself; null: it runs, or a signal ended it. */
  exitCode: () => number | null;
  /** Ends it with everything that runs below it. */
  stop: (signal?: NodeJS.Signals) => Promise<void>;
  /** When it has ended, however. */
  ended: Promise<void>;
}

/** Runs a command of npm in a checkout. */
export function runNpm(folder: string, args: readonly string[]): Running {
  // A group of its own, so that stopping it stops wrangler and the runtime below it too.
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

/** Runs `npm start` with these arguments and waits until the service answers on the port. */
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
