import { openDatabase } from '../storage/database.ts';
import { readNewestSealedSecrets } from '../storage/secrets.ts';
import { displayPath, type LocalState } from './local-state.ts';

/** Whether a database has secrets that a MASTER_KEYS sealed: then no other one may be made in its place unasked. */
export async function hasSealedSecrets(database: D1Database): Promise<boolean> {
  return (await readNewestSealedSecrets(openDatabase(database), 1)).length > 0;
}

/** What is lost with the local MASTER_KEYS, and the two ways on. */
export function describeLostSecrets(state: LocalState): string {
  const file = displayPath(state.secretsFile);
  return `MASTER_KEYS is gone: it was in ${file}, and the keys of this database are sealed under it.
Keys go on working. No key can be made, rotated or shown until you either
  put the old line back:             MASTER_KEYS="…" in ${file}
  or give up what it sealed, for good:  npm run reseal -- --abandon --persist-to ${state.folder}`;
}
