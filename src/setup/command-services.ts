import { unstable_readConfig } from 'wrangler';
import { newIsolate } from '../domain/isolate.ts';
import { NO_LIMITS } from '../domain/limits.ts';
import { type Keyring, openKeyring } from '../domain/secrets/keyring.ts';
import type { Acting, Secrets } from '../domain/services.ts';
import { parseSettings } from '../env.ts';
import { openForLists } from '../storage/list-reads.ts';
import { NO_RECORD_CACHE } from '../storage/record-cache.ts';
import { openVerificationSource } from '../storage/verification-source.ts';
import { openLocal } from './local-database.ts';
import { ensureFolder, locateLocalState, makeMasterKeys, readMasterKeys } from './local-state.ts';
import { lockState } from './lock-state.ts';
import { describeLostSecrets, hasSealedSecrets } from './lost-secrets.ts';
import { WranglerD1 } from './wrangler-d1.ts';

/** The deployment that a command works on. */
interface Target {
  /** True: the deployed one. False: the one on this machine. */
  remote: boolean;
  /** The state folder of the local one. Undefined: the usual folder. */
  persistTo: string | undefined;
  /** The command's name, for the message to another process that wants the same folder. */
  name: string;
  /** True: the command may make a new MASTER_KEYS when the old one is lost. Other commands refuse then. */
  mendsLostSecrets?: boolean;
}

/** What a command works with. The command must call `close` when it is done. */
interface Opened {
  services: Acting & Secrets;
  keyring: Keyring;
  close: () => Promise<void>;
}

/**
 * Opens a deployment for a command. A local state folder is locked for this process until it is closed, and its
 * databases are migrated.
 * @throws when MASTER_KEYS is missing or unreadable, because secrets sealed by another one could not be opened; and
 * when another process uses the local folder
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
      regions: null,
      sharesPolls: false,
      source: openVerificationSource(database),
      // A command writes nothing to KV: the first call with a key reads it from D1.
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
    throw new Error(
      'MASTER_KEYS is missing in the environment. Set it to the value of the secret MASTER_KEYS of the deployment.',
    );
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
