import type { ChangedKey, Key } from '../../domain/keys/key.ts';
import { findPreviousSecrets } from '../../domain/keys/previous-secret.ts';
import type { KeyWithSecret } from '../../domain/keys/replay-key.ts';
import type { Services } from '../../domain/services.ts';
import { findLastUses } from '../../domain/usage/report-usage.ts';
import type { ChangedKeyAnswer, KeyAnswer, KeyWithSecretAnswer } from '../answers/keys.ts';
import { effectiveByObject } from './effective-by-object.ts';
import { keyObject } from './key-object.ts';

/*
 * Every answer shows keys through this file, each with the time of its last use. While usage cannot be read, that time
 * is left out.
 */

/** `includeAllPermissions`: show the stored permissions, those that the key's user lacks today included. */
interface Shown {
  includeAllPermissions?: boolean;
}

/** The key objects of a list. */
export async function showKeys(services: Services, keys: readonly Key[], shown: Shown = {}): Promise<KeyAnswer[]> {
  const toObject = await prepare(services, keys, shown);
  return keys.map(toObject);
}

/** The key object of one key. */
export async function showKey(services: Services, key: Key, shown: Shown = {}): Promise<KeyAnswer> {
  const toObject = await prepare(services, [key], shown);
  return toObject(key);
}

/** A key as a change left it, and by when the change holds. */
export async function showChangedKey(services: Services, { key, effectiveBy }: ChangedKey): Promise<ChangedKeyAnswer> {
  return { ...(await showKey(services, key)), effective_by: effectiveByObject(effectiveBy) };
}

/** A key as it was when a secret was made for it, with that secret last. */
export function showKeyWithSecret({
  key,
  apiKey,
  madeAt,
  lastUsedAt,
  previous,
  effectiveBy,
}: KeyWithSecret): KeyWithSecretAnswer {
  const lastUses =
    lastUsedAt === undefined ? null : new Map(lastUsedAt === null ? [] : [[key.id, lastUsedAt] as const]);
  const previousSecrets = new Map(previous === null ? [] : [[key.id, previous] as const]);
  return {
    ...keyObject(key, { now: madeAt, includeAllPermissions: false, lastUses, previousSecrets }),
    effective_by: effectiveByObject(effectiveBy),
    api_key: apiKey,
  };
}

async function prepare(services: Services, keys: readonly Key[], { includeAllPermissions = false }: Shown) {
  const ids = keys.map(({ id }) => id);
  const [lastUses, previousSecrets] = await Promise.all([
    findLastUses(services, ids),
    findPreviousSecrets(services, keys),
  ]);
  const view = { now: services.now(), includeAllPermissions, lastUses, previousSecrets };
  return (key: Key) => keyObject(key, view);
}
