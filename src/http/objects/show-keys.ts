import type { Key } from '../../domain/keys/key.ts';
import type { Services } from '../../domain/services.ts';
import { findLastUses } from '../../domain/usage/report-usage.ts';
import { type KeyObject, keyObject } from './key-object.ts';

/*
 * Every answer shows keys through this file, each with the time of its last use. While usage cannot be read, that time
 * is left out.
 */

/** `includeAllPermissions`: show the stored permissions, those that the key's user lacks today included. */
interface Shown {
  includeAllPermissions?: boolean;
}

/** The key objects of a list. */
export async function showKeys(services: Services, keys: readonly Key[], shown: Shown = {}): Promise<KeyObject[]> {
  const toObject = await prepare(services, keys, shown);
  return keys.map(toObject);
}

/** The key object of one key. */
export async function showKey(services: Services, key: Key, shown: Shown = {}): Promise<KeyObject> {
  const toObject = await prepare(services, [key], shown);
  return toObject(key);
}

/** The key object of a key that this call just made. It was never used, so usage is not read. */
export function showNewKey(services: Services, key: Key): KeyObject {
  return keyObject(key, { now: services.now(), includeAllPermissions: false, lastUses: new Map() });
}

async function prepare(services: Services, keys: readonly Key[], { includeAllPermissions = false }: Shown) {
  const lastUses = await findLastUses(services, keys);
  const view = { now: services.now(), includeAllPermissions, lastUses };
  return (key: Key) => keyObject(key, view);
}
