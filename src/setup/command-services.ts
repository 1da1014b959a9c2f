import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { unstable_readConfig } from 'wrangler';
import { openKeyring } from '../domain/keyring.ts';
import type { Services } from '../domain/services.ts';
import { parseSettings } from '../env.ts';
import { openDatabase } from '../storage/database.ts';
import { HeardChanges } from '../storage/heard-changes.ts';
import { NO_RECORD_CACHE } from '../storage/record-cache.ts';
import { RecordMemory } from '../storage/record-memory.ts';
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
  return {
    settings: parseSettings(unstable_readConfig({ config: 'wrangler.toml' }).vars),
    db: openDatabase(new WranglerD1(where)),
    cache: NO_RECORD_CACHE,
    heard: new HeardChanges(),
    memory: new RecordMemory(),
    keyring: async () => keyring,
    now: Date.now,
    defer: () => {},
  };
}
