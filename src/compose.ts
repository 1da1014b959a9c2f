import { type Keyring, openKeyring } from './domain/secrets/keyring.ts';
import { belongsToDatabase } from './domain/secrets/trust-keyring.ts';
import type { Services } from './domain/services.ts';
import { type Isolate, newIsolate } from './domain/verification/isolate.ts';
import { parseSettings } from './env.ts';
import { logFailure } from './log.ts';
import { type Database, openDatabase } from './storage/database.ts';
import { openRecordCache } from './storage/record-cache.ts';
import { openVerificationSource } from './storage/verification-source.ts';

const thisIsolate = newIsolate();

/** Puts together what one event works with. */
export function compose(
  env: Env,
  context: Pick<ExecutionContext, 'waitUntil'>,
  isolate: Isolate = thisIsolate,
): Services {
  return {
    ...isolate,
    ...composeOnce(env),
    defer: (work) => context.waitUntil(work.catch((error: unknown) => logFailure('deferred work failed', error))),
  };
}

type ServicesOfEnv = Omit<Services, keyof Isolate | 'defer'>;

const composed = new WeakMap<Env, ServicesOfEnv>();

/** All that does not depend on the event: made once, because a verification costs little more than making it. */
function composeOnce(env: Env): ServicesOfEnv {
  const known = composed.get(env);
  if (known !== undefined) return known;
  let keyring: Keyring | null = null;
  const services: ServicesOfEnv = {
    settings: parseSettings(env),
    db: openDatabase(env.DB),
    source: openVerificationSource(env.DB),
    cache: openRecordCache(env.KEY_CACHE),
    usage: {
      db: openDatabase(env.USAGE_DB),
      send: async (flush) => {
        await env.USAGE_QUEUE.send(flush);
      },
    },
    mayMiss: (payer) => mayMiss(env, payer),
    keyring: async () => {
      keyring ??= await readKeyring(env, services.db);
      return keyring;
    },
    now: Date.now,
    after: (milliseconds, callBack) => {
      const timer = setTimeout(callBack, milliseconds);
      return () => clearTimeout(timer);
    },
  };
  composed.set(env, services);
  return services;
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

async function readKeyring(env: Env, db: Database): Promise<Keyring | null> {
  try {
    const keyring = await openKeyring(env.MASTER_KEYS ?? '');
    if (await belongsToDatabase(keyring, db)) return keyring;
    throw new Error('MASTER_KEYS opens none of the secrets that were sealed last');
  } catch (error) {
    logFailure('secrets cannot be sealed or opened: set the secret MASTER_KEYS to what it was', error);
    return null;
  }
}
