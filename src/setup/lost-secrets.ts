import { openDatabase } from '../storage/database.ts';
import { readNewestSealedSecrets } from '../storage/secrets.ts';
import { displayPath, type LocalState } from './local-state.ts';

/**
 * Whether a database has sealed secrets. Then its MASTER_KEYS must not be replaced unasked: a new one cannot open them.
 */
export async function hasSealedSecrets(database: D1Database): Promise<boolean> {
  return (await readNewestSealedSecrets(openDatabase(database), 1)).length > 0;
}

/** The message for a lost local MASTER_KEYS: what no longer works, and the two ways to go on. */
export function describeLostSecrets(state: LocalState): string {
  const file = displayPath(state.secretsFile);
  return `MASTER_KEYS is gone: it was in ${file}, and the keys of this database are sealed under it.
Keys go on working. No key can be made, rotated or shown until you either
  put the old line back:                MASTER_KEYS="…" in ${file}
  or give up what it sealed, for good:  npm run reseal -- --abandon --persist-to ${state.folder}`;
}
