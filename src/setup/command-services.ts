import { unstable_readConfig } from 'wrangler';
import { NO_LIMITS } from '../domain/limits.ts';
import { type Keyring, openKeyring } from '../domain/secrets/keyring.ts';
import type { Acting, Secrets } from '../domain/services.ts';
import { newIsolate } from '../domain/verification/isolate.ts';
import { parseSettings } from '../env.ts';
import { openForLists } from '../storage/list-reads.ts';
import { NO_RECORD_CACHE } from '../storage/record-cache.ts';
import { openVerificationSource } from '../storage/verification-source.ts';
import { openLocal } from './local-database.ts';
import { ensureFolder, locateLocalState, makeMasterKeys, readMasterKeys } from './local-state.ts';
import { lockState } from './lock-state.ts';
import { describeLostSecrets, hasSealedSecrets } from './lost-secrets.ts';
import { WranglerD1 } from './wrangler-d1.ts';

/** Which deployment a command works on. */
interface Target {
  /** The deployed one; otherwise the one on this machine. */
  remote: boolean;
  /** Where the local one keeps its state; undefined: the usual folder. */
  persistTo: string | undefined;
  /** The command, for what others are told that want the same folder. */
  name: string;
  /** The command mends a MASTER_KEYS that was lost, and so begins with a new one; others refuse. */
  mendsLostSecrets?: boolean;
}

/** What a command works with; to be closed when it is done. */
interface Opened {
  services: Acting & Secrets;
  keyring: Keyring;
  close: () => Promise<void>;
}

/**
 * Opens a deployment for a command. A local database is kept for this process until it is closed, and brought up to date
 * first.
 * @throws when MASTER_KEYS is missing or unreadable, because what is made with others could not be opened; and when
 * another process has the local folder
 */
export async function openForCommand(target: Target): Promise<Opened> {
  const { database, masterKeys, close } = target.remote ? openRemote() : await openLocally(target);
  const keyring = await openKeyring(masterKeys).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return {
    keyring,
    close,
    services: {
      ...newIsolate(),
      settings: parseSettings(unstable_readConfig({ config: 'wrangler.toml' }).vars),
      ...openForLists(database),
      source: openVerificationSource(database),
      // What is written here is read from D1 when it is first asked for.
      cache: NO_RECORD_CACHE,
      limits: NO_LIMITS,
      keyring: async () => keyring,
      now: Date.now,
      after: (milliseconds, callBack) => {
        const timer = setTimeout(callBack, milliseconds);
        return () => clearTimeout(timer);
      },
      defer: () => {},
    },
  };
}

function masterKeysOfEnvironment(): string {
  const masterKeys = process.env.MASTER_KEYS;
  if (masterKeys === undefined || masterKeys === '') {
    throw new Error('Set MASTER_KEYS in the environment to what the deployment has as its secret of that name.');
  }
  return masterKeys;
}

interface Source {
  database: D1Database;
  masterKeys: string;
  close: () => Promise<void>;
}

function openRemote(): Source {
  return { masterKeys: masterKeysOfEnvironment(), database: new WranglerD1(['--remote']), close: async () => {} };
}

async function openLocally({ persistTo, name, mendsLostSecrets = false }: Target): Promise<Source> {
  const state = locateLocalState(persistTo === undefined ? [] : ['--persist-to', persistTo]);
  ensureFolder(state);
  const unlock = lockState(state, name);
  const { env, close } = await openLocal(state);
  const known = readMasterKeys(state);
  if (known === null && !mendsLostSecrets && (await hasSealedSecrets(env.DB))) {
    await close();
    throw new Error(describeLostSecrets(state));
  }
  return {
    database: env.DB,
    masterKeys: known ?? makeMasterKeys(state),
    close: async () => {
      await close();
      unlock();
    },
  };
}
