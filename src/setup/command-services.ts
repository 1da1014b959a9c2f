import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
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
import { deployed } from './wrangler.ts';
import { WranglerD1 } from './wrangler-d1.ts';

/** The deployment that a command works on. */
interface Target {
  /** True: the deployed one. False: the one on this machine. */
  remote: boolean;
  /** Of the deployed ones: an environment of wrangler.toml. Undefined: the one at its top. */
  env: string | undefined;
  /** The file with MASTER_KEYS of the deployed one. Undefined: it is in the environment of this process. */
  secretsFile: string | undefined;
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
  const { database, masterKeys, close } = target.remote ? openRemote(target) : await openLocally(target);
  const keyring = await openKeyring(masterKeys).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return {
    keyring,
    close,
    services: {
      ...newIsolate(),
      settings: parseSettings(unstable_readConfig({ config: 'wrangler.toml', env: target.env }).vars),
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

function masterKeysOfDeployment(secretsFile: string | undefined): string {
  const variables = secretsFile === undefined ? process.env : parseEnv(readFileSync(secretsFile, 'utf8'));
  const masterKeys = variables.MASTER_KEYS;
  if (masterKeys === undefined || masterKeys === '') {
    throw new Error(
      `MASTER_KEYS is missing in ${secretsFile ?? 'the environment'}. Set it to the value of the secret MASTER_KEYS of the deployment.`,
    );
  }
  return masterKeys;
}

interface Source {
  database: D1Database;
  masterKeys: string;
  close: () => Promise<void>;
}

function openRemote({ env = '', secretsFile }: Target): Source {
  const masterKeys = masterKeysOfDeployment(secretsFile);
  return { masterKeys, database: new WranglerD1(deployed(env)), close: async () => {} };
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
