import type { Database } from '../../storage/database.ts';
import { readNewestSealedSecrets } from '../../storage/secrets.ts';
import type { Keyring } from './keyring.ts';

/** Secrets that are tried. Several, because a single one could have been tampered with. */
const MAX_TRIED = 5;

/**
 * Whether this keyring belongs to the database: it opens one of the newest sealed secrets, or there are none. With a
 * keyring that is readable but wrong, keys would be created that nobody can see any more once the mistake is mended.
 */
export async function belongsToDatabase(keyring: Keyring, db: Database): Promise<boolean> {
  const newest = await readNewestSealedSecrets(db, MAX_TRIED);
  if (newest.length === 0) return true;
  const opened = await Promise.all(newest.map(({ sealed, hash }) => keyring.open(sealed, hash)));
  return opened.some((secret) => secret !== null);
}
