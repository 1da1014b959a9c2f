import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { unstable_readConfig } from 'wrangler';
import { newIsolate } from '../domain/isolate.ts';
import { openKeyring } from '../domain/keyring.ts';
import type { Services } from '../domain/services.ts';
import { parseSettings } from '../env.ts';
import { openDatabase } from '../storage/database.ts';
import { NO_RECORD_CACHE } from '../storage/record-cache.ts';
import { openVerificationSource } from '../storage/verification-source.ts';
import { ensureLocalSecrets, locateLocalState } from './local-state.ts';
import { runWrangler } from './wrangler.ts';
import { WranglerD1 } from './wrangler-d1.ts';

/** Which deployment a command works on. */
export interface Target {
  /** The deployed one; otherwise the one on this machine. */
  remote: boolean;
  /** Where the local one keeps its state; undefined: the usual folder. */
  persistTo: string | undefined;
}

/**
 * What the acts of the domain work with when a command calls them. A local database is brought up to date first.
 * @throws when MASTER_KEYS is missing or unreadable, because what is made with others could not be opened
 */
export async function composeForCommand({ remote, persistTo }: Target): Promise<Services> {
  const state = locateLocalState(persistTo === undefined ? [] : ['--persist-to', persistTo]);
  const where = remote ? ['--remote'] : ['--local', '--persist-to', state.folder];
  if (!remote) {
    ensureLocalSecrets(state);
    await runWrangler(['d1', 'migrations', 'apply', 'DB', ...where]);
  }
  const masterKeys = remote ? process.env.MASTER_KEYS : parseEnv(readFileSync(state.secretsFile, 'utf8')).MASTER_KEYS;
  if (masterKeys === undefined) {
    throw new Error('Set MASTER_KEYS in the environment to what the deployment has as its secret of that name.');
  }
  const keyring = await openKeyring(masterKeys);
  const database = new WranglerD1(where);
  return {
    settings: parseSettings(unstable_readConfig({ config: 'wrangler.toml' }).vars),
    db: openDatabase(database),
    cache: NO_RECORD_CACHE,
    ...newIsolate(),
    source: openVerificationSource(database),
    mayMiss: async () => true,
    keyring: async () => keyring,
    now: Date.now,
    after: () => () => {},
    defer: () => {},
  };
}
