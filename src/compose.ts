import { newIsolate } from './domain/isolate.ts';
import { type Keyring, openKeyring } from './domain/keyring.ts';
import type { Services } from './domain/services.ts';
import { readSettings } from './env.ts';
import { logFailure } from './log.ts';
import { openDatabase } from './storage/database.ts';
import { openRecordCache } from './storage/record-cache.ts';
import { openVerificationSource } from './storage/verification-source.ts';

const isolate = newIsolate();

/** Puts together what one event works with. */
export function compose(env: Env, context: Pick<ExecutionContext, 'waitUntil'>): Services {
  return {
    ...isolate,
    settings: readSettings(env),
    db: openDatabase(env.DB),
    source: openVerificationSource(env.DB),
    cache: openRecordCache(env.KEY_CACHE),
    mayMiss: (payer) => mayMiss(env, payer),
    keyring: () => readKeyring(env),
    now: Date.now,
    after: (milliseconds, callBack) => {
      const timer = setTimeout(callBack, milliseconds);
      return () => clearTimeout(timer);
    },
    defer: (work) => context.waitUntil(work.catch((error: unknown) => logFailure('deferred work failed', error))),
  };
}

/** The payer's own budget first, so that one who has spent it does not use up everyone's. */
async function mayMiss(env: Env, payer: string): Promise<boolean> {
  try {
    const own = await env.MISS_RATE_LIMIT.limit({ key: payer });
    return own.success && (await env.ALL_MISSES_RATE_LIMIT.limit({ key: 'all' })).success;
  } catch (error) {
    // The budget saves reads; what a look-up finds is decided all the same.
    logFailure('the rate limit of misses gave no answer', error);
    return true;
  }
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
