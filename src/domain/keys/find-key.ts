import { readKey, readKeyByHash } from '../../storage/keys.ts';
import type { Caller } from '../authority/caller.ts';
import { hashApiKey, isWellFormedUnderAny } from '../secrets/api-key-format.ts';
import type { Stores, Verification } from '../services.ts';
import type { Key } from './key.ts';
import { hasAccessToKey } from './key-reach.ts';

/** The key with this id, if the caller has access to it. */
export async function findKeyById(services: Stores, caller: Caller, id: number): Promise<Key | null> {
  return ifAccessible(caller, await readKey(services.db, id));
}

/**
 * The key of a secret that someone found, if the caller has access to the key. A secret that was rotated out finds its
 * key too.
 */
export async function findKeyBySecret(
  services: Stores & Pick<Verification, 'settings'>,
  caller: Caller,
  apiKey: string,
): Promise<Key | null> {
  if (!isWellFormedUnderAny(apiKey, services.settings.acceptedPrefixes)) return null;
  return ifAccessible(caller, await readKeyByHash(services.db, hashApiKey(apiKey)));
}

function ifAccessible(caller: Caller, key: Key | null): Key | null {
  return key !== null && hasAccessToKey(caller, key) ? key : null;
}
