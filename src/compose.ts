import type { KeyRecord } from './domain/key-record.ts';
import { type Keyring, openKeyring } from './domain/keyring.ts';
import type { Services } from './domain/services.ts';
import { readSettings } from './env.ts';
import { logFailure } from './log.ts';
import { openDatabase } from './storage/database.ts';
import { HeardChanges } from './storage/heard-changes.ts';
import { openRecordCache } from './storage/record-cache.ts';
import { RecordMemory } from './storage/record-memory.ts';

/** What lives as long as an isolate, shared by all events that it handles. */
const memory = new RecordMemory<KeyRecord>();
const heard = new HeardChanges();

/** Puts together what one event works with. */
export function compose(env: Env, context: Pick<ExecutionContext, 'waitUntil'>): Services {
  return {
    settings: readSettings(env),
    db: openDatabase(env.DB),
    cache: openRecordCache(env.KEY_CACHE),
    heard,
    memory,
    keyring: () => readKeyring(env),
    now: Date.now,
    defer: (work) => context.waitUntil(work.catch((error: unknown) => logFailure('deferred work failed', error))),
  };
}

const keyrings = new WeakMap<Env, Keyring>();

async function readKeyring(env: Env): Promise<Keyring | null> {
  const known = keyrings.get(env);
  if (known !== undefined) return known;
  try {
    const keyring = await openKeyring(env.MASTER_KEYS ?? '');
    keyrings.set(env, keyring);
    return keyring;
  } catch (error) {
    logFailure('secrets cannot be sealed or opened: set the secret MASTER_KEYS', error);
    return null;
  }
}
