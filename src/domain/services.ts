import type { Settings } from '../env.ts';
import type * as storage from '../storage/commit-change.ts';
import type { UsageDatabase } from '../storage/database.ts';
import type { ReadList } from '../storage/list-reads.ts';
import type { UsageFlush } from '../storage/usage.ts';
import type { VerificationSource } from '../storage/verification-source.ts';
import type { Limits } from './limits.ts';
import type { Keyring } from './secrets/keyring.ts';
import type { Isolate } from './verification/isolate.ts';

/*
 * What the acts of the domain work with. Each act says which of these parts it takes, and whoever calls it gives real ones:
 * a command that counts nothing has no `Usage` to give.
 */

export interface Clock {
  /** Unix milliseconds. On Workers the clock stands still between two awaits. */
  now: () => number;
  /** Calls back after so many milliseconds, unless it is cancelled by what this gives. */
  after: (milliseconds: number, callBack: () => void) => () => void;
}

/** The database of keys and users: its write path, and where lists of it are read. */
export interface Stores extends Omit<storage.Stores, 'heard'>, Clock, Pick<Isolate, 'heard' | 'refusals'> {
  /** Where lists are read, so that a long one takes nothing from the primary. */
  readList: ReadList;
}

/** What a key is verified with. */
export interface Verification extends Clock, Pick<Isolate, 'heard' | 'polls' | 'memory' | 'misses'> {
  settings: Pick<Settings, 'keyPrefix' | 'maxStalenessMs' | 'pollIntervalMs' | 'outageGraceMs'>;
  /** Where D1 is read. */
  source: VerificationSource;
  cache: storage.Stores['cache'];
  limits: Pick<Limits, 'misses'>;
  defer: storage.Stores['defer'];
}

/** What an act that writes works with: it confirms its caller anew as often as it tries. */
export type Acting = Stores & Verification;

/** What secrets are made and shown with. */
export interface Secrets {
  settings: Pick<Settings, 'keyPrefix'>;
  limits: Pick<Limits, 'secrets'>;
  /** What seals and opens secrets; null when `MASTER_KEYS` is missing or unreadable, which the log then says. */
  keyring: () => Promise<Keyring | null>;
}

/** What calls are counted with, and where the counts are read. */
export interface Usage extends Clock, Pick<Isolate, 'counting'> {
  settings: Pick<Settings, 'countsUsage' | 'usageFlushMs'>;
  /** Where counts go: the queue, and the database that the queue fills. */
  usage: { send: (flush: UsageFlush) => Promise<void>; db: UsageDatabase };
  defer: storage.Stores['defer'];
}

/** All of it, composed once for each event by the Worker's entry. */
export interface Services extends Stores, Verification, Secrets, Usage {
  settings: Settings;
  limits: Limits;
}
