import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { displayPath, type LocalState } from './local-state.ts';

/**
 * Keeps a state folder for this process until it ends: two that open one database meet SQLITE_BUSY, sooner or later. The
 * lock is the system's, on a file, so it goes with the process however that ends, and nothing is ever left behind.
 * @param what the command that keeps it, for what another one is told
 * @returns gives the folder free again
 * @throws when another process has it; the message says what to do
 */
export function lockState({ folder }: LocalState, what: string): () => void {
  const holder = join(folder, 'in-use-by');
  const lock = new DatabaseSync(join(folder, 'lock'), { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!isLocked(error)) throw error;
    throw new Error(
      `The folder ${displayPath(folder)} is in use by ${readHolder(holder)}. Stop that first, or name another folder with --persist-to.`,
    );
  }
  writeFileSync(holder, `${what} (process ${process.pid})\n`);
  held.add(lock);
  return () => {
    held.delete(lock);
    lock.close();
  };
}

/** What is garbage-collected is closed, and with it the lock. */
const held = new Set<DatabaseSync>();

/** SQLite's code for a database that another connection has locked. */
const SQLITE_BUSY = 5;

function isLocked(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

function readHolder(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    // The other process has only just begun.
    return 'another process';
  }
}
