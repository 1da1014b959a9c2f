import type { Settings } from '../env.ts';
import type { AccessKey } from '../storage/access-keys.ts';
import type * as storage from '../storage/commit-change.ts';
import type { UsageDatabase } from '../storage/database.ts';
import type { ReadList } from '../storage/list-reads.ts';
import type { Regions } from '../storage/regions.ts';
import type { UsageFlush } from '../storage/usage.ts';
import type { VerificationSource } from '../storage/verification-source.ts';
import type { Isolate } from './isolate.ts';
import type { Limits } from './limits.ts';
import type { Keyring } from './secrets/keyring.ts';

/*
 * What the acts of the domain work with. Each act declares which of these parts it takes, and whoever calls it passes
 * real ones. A command that counts nothing has no `Usage` to pass.
 */

export interface Clock {
  /** Unix milliseconds. On Workers the clock stands still between two awaits. */
  now: () => number;
  /** Calls back after so many milliseconds. Returns a function that cancels it. */
  after: (milliseconds: number, callBack: () => void) => () => void;
}

/** The database of keys and users: its write path, and where lists of it are read. */
export interface Stores extends Omit<storage.Stores, 'heard'>, Clock, Pick<Isolate, 'heard' | 'refusals'> {
  /** Reads a list on a replica, so that a long one takes no time from the primary. */
  readList: ReadList;
}

/** What a key is verified with. */
export interface Verification extends Clock, Pick<Isolate, 'heard' | 'polls' | 'memory' | 'misses' | 'region'> {
  settings: Pick<
    Settings,
    'acceptedPrefixes' | 'maxStalenessMs' | 'feedWaitMs' | 'pollIntervalMs' | 'outageGraceMs' | 'nearPrimary'
  >;
  /** The regions of the world; null: there are none, or this is one. */
  regions: Regions | null;
  /** Whether calls share one poll. Only those of a region do, because they run in one context. */
  sharesPolls: boolean;
  /** Where D1 is read. */
  source: VerificationSource;
  cache: storage.Stores['cache'];
  limits: Pick<Limits, 'misses'>;
  defer: storage.Stores['defer'];
}

/**
 * What an act that writes works with. It verifies as well, because before each further try the caller is judged again.
 */
export type Acting = Stores & Verification;

/** What secrets are created and shown with. */
export interface Secrets {
  settings: Pick<Settings, 'keyPrefix'>;
  limits: Pick<Limits, 'secrets'>;
  /**
   * What seals and opens secrets. Null, with a log line that says why, when `MASTER_KEYS` is missing or unreadable, or
   * is not the one that sealed this database's newest secrets.
   */
  keyring: () => Promise<Keyring | null>;
}

/** What calls are counted with, and where the counts are read. */
export interface Usage extends Clock, Pick<Isolate, 'counting'> {
  settings: Pick<Settings, 'countsUsage' | 'usageFlushMs'>;
  /** Where counts go: the queue, and the database that the queue fills. */
  usage: { send: (flush: UsageFlush) => Promise<void>; db: UsageDatabase };
  defer: storage.Stores['defer'];
}

/** What the identities of Cloudflare Access are checked with. */
export interface AccessChecks extends Pick<Clock, 'now'>, Pick<Isolate, 'accessKeys'> {
  settings: Pick<Settings, 'access'>;
  /** Fetches the keys of a team, e.g. of `acme.cloudflareaccess.com`. Throws when it cannot. */
  fetchAccessKeys: (teamDomain: string) => Promise<AccessKey[]>;
}

/** All these parts. The Worker's entry composes them once for each event. */
export interface Services extends Stores, Verification, Secrets, Usage, AccessChecks, Pick<Isolate, 'health'> {
  settings: Settings;
  limits: Limits;
}
