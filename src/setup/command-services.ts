import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { getPlatformProxy, unstable_readConfig } from 'wrangler';
import { NO_LIMITS } from '../domain/limits.ts';
import { type Keyring, openKeyring } from '../domain/secrets/keyring.ts';
import type { Services } from '../domain/services.ts';
import { newIsolate } from '../domain/verification/isolate.ts';
import { parseSettings } from '../env.ts';
import { openDatabase } from '../storage/database.ts';
import { openForLists } from '../storage/list-reads.ts';
import { NO_RECORD_CACHE } from '../storage/record-cache.ts';
import { openVerificationSource } from '../storage/verification-source.ts';
import { ensureLocalSecrets, type LocalState, locateLocalState } from './local-state.ts';
import { applyMigrations } from './wrangler.ts';
import { WranglerD1 } from './wrangler-d1.ts';

/** Which deployment a command works on. */
interface Target {
  /** The deployed one; otherwise the one on this machine. */
  remote: boolean;
  /** Where the local one keeps its state; undefined: the usual folder. */
  persistTo: string | undefined;
}

/** What a command works with; to be closed when it is done. */
interface Opened {
  services: Services;
  keyring: Keyring;
  close: () => Promise<void>;
}

/**
 * Opens a deployment for a command. A local database is brought up to date first.
 * @throws when MASTER_KEYS is missing or unreadable, because what is made with others could not be opened
 */
export async function openForCommand({ remote, persistTo }: Target): Promise<Opened> {
  const state = locateLocalState(persistTo === undefined ? [] : ['--persist-to', persistTo]);
  const keyring = await openKeyring(remote ? masterKeysOfEnvironment() : masterKeysOf(state));
  const { database, close } = remote ? openRemote() : await openLocal(state);
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
      // Commands make no calls with keys, so there is nothing to count.
      usage: { send: async () => {}, db: openDatabase(database) },
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

function masterKeysOf(state: LocalState): string {
  ensureLocalSecrets(state);
  return parseEnv(readFileSync(state.secretsFile, 'utf8')).MASTER_KEYS ?? '';
}

function openRemote() {
  return { database: new WranglerD1(['--remote']), close: async () => {} };
}

async function openLocal(state: LocalState) {
  await applyMigrations(state.folder, ['DB']);
  const proxy = await getPlatformProxy<Env>({
    persist: { path: state.storage },
    envFiles: [state.secretsFile],
    remoteBindings: false,
  });
  return { database: proxy.env.DB, close: () => proxy.dispose() };
}
