import type { Limits } from './domain/limits.ts';
import { type Keyring, openKeyring } from './domain/secrets/keyring.ts';
import { belongsToDatabase } from './domain/secrets/trust-keyring.ts';
import type { Services } from './domain/services.ts';
import { type Isolate, newIsolate } from './domain/verification/isolate.ts';
import { parseSettings } from './env.ts';
import { logFailure } from './log.ts';
import { type Database, openUsageDatabase } from './storage/database.ts';
import { openForLists } from './storage/list-reads.ts';
import { openRateLimiter } from './storage/rate-limiter.ts';
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
    ...openForLists(env.DB),
    source: openVerificationSource(env.DB),
    cache: openRecordCache(env.KEY_CACHE),
    usage: {
      db: openUsageDatabase(env.USAGE_DB),
      send: async (flush) => {
        await env.USAGE_QUEUE.send(flush);
      },
    },
    limits: openLimits(env),
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

function openLimits(env: Env): Limits {
  return {
    // A limiter that gives no answer is no reason to turn a good key away; but it is one to keep a secret.
    user: openRateLimiter(env.USER_RATE_LIMIT, 'calls of a user', 'allow'),
    organisation: openRateLimiter(env.ORG_RATE_LIMIT, 'calls of an organisation', 'allow'),
    takingAway: openRateLimiter(env.TAKING_AWAY_RATE_LIMIT, 'calls that take rights away', 'allow'),
    secrets: openRateLimiter(env.SECRETS_RATE_LIMIT, 'secrets that leave', 'refuse'),
    costlyReads: openRateLimiter(env.READ_RATE_LIMIT, 'reads that cost much', 'allow'),
    // The budget saves reads; what a look-up finds is decided all the same. Each isolate has its own count besides.
    misses: {
      payer: openRateLimiter(env.MISS_RATE_LIMIT, 'misses of a payer', 'allow'),
      site: openRateLimiter(env.SITE_MISS_RATE_LIMIT, 'misses of a site', 'allow'),
      location: openRateLimiter(env.ALL_MISSES_RATE_LIMIT, 'misses in all', 'allow'),
    },
  };
}

/**
 * The keyring, if it is the one that sealed what the database has. A database that gives no answer is thrown, and says
 * nothing about MASTER_KEYS: whoever changed that on such a message would lose what it seals.
 */
async function readKeyring(env: Env, db: Database): Promise<Keyring | null> {
  const keyring = await openKeyring(env.MASTER_KEYS ?? '').catch((error: unknown) => {
    logFailure('secrets cannot be sealed or opened: set the secret MASTER_KEYS to what it was', error);
    return null;
  });
  if (keyring === null || (await belongsToDatabase(keyring, db))) return keyring;
  logFailure(
    'secrets cannot be sealed: MASTER_KEYS opens none of those that were sealed last. Set it to what it was or, if that is lost, run `npm run reseal -- --abandon`',
    null,
  );
  return null;
}
