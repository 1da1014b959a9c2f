import type { Settings } from '../env.ts';
import type { Stores } from '../storage/commit-change.ts';
import type { Database } from '../storage/database.ts';
import type { ReadList } from '../storage/list-reads.ts';
import type { UsageFlush } from '../storage/usage.ts';
import type { VerificationSource } from '../storage/verification-source.ts';
import type { Limits } from './limits.ts';
import type { Keyring } from './secrets/keyring.ts';
import type { Isolate } from './verification/isolate.ts';

/** What the acts of the domain work with: composed once for each event by the Worker's entry, or by a command. */
export interface Services extends Isolate, Omit<Stores, 'heard'> {
  settings: Settings;
  /** Where lists are read, so that a long one takes nothing from the primary. */
  readList: ReadList;
  /** Where verification reads D1. */
  source: VerificationSource;
  limits: Limits;
  /** Where counts go: the queue, and the database that the queue fills. */
  usage: { send: (flush: UsageFlush) => Promise<void>; db: Database };
  /** What seals and opens secrets; null when `MASTER_KEYS` is missing or unreadable, which the log then says. */
  keyring: () => Promise<Keyring | null>;
  /** Unix milliseconds. On Workers the clock stands still between two awaits. */
  now: () => number;
  /** Calls back after so many milliseconds, unless it is cancelled by what this gives. */
  after: (milliseconds: number, callBack: () => void) => () => void;
}
