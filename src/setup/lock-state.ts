import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { displayPath, type LocalState } from './local-state.ts';

/**
 * Locks a state folder for this process: two processes that open one database meet SQLITE_BUSY sooner or later. It is a
 * lock of the operating system on a file, so it ends with the process, however that ends.
 * @param what this command's name, for the message to another process that wants the folder
 * @returns a function that releases the lock
 * @throws when another process has the lock; the message says what to do
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

/** The locks held by this process. A connection that is garbage-collected is closed, and its lock released. */
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
    // The other process has the lock, and has not written its name yet.
    return 'another process';
  }
}
