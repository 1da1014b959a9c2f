import { type Isolate, newIsolate } from './domain/isolate.ts';
import type { Limits } from './domain/limits.ts';
import { type Keyring, openKeyring } from './domain/secrets/keyring.ts';
import { belongsToDatabase } from './domain/secrets/trust-keyring.ts';
import type { Services } from './domain/services.ts';
import { parseSettings } from './env.ts';
import { logFailure } from './log.ts';
import { fetchAccessKeys } from './storage/access-keys.ts';
import { type Database, openUsageDatabase } from './storage/database.ts';
import { openForLists } from './storage/list-reads.ts';
import { openRateLimiter } from './storage/rate-limiter.ts';
import { openRecordCache } from './storage/record-cache.ts';
import { openRegions } from './storage/regions.ts';
import { openVerificationSource } from './storage/verification-source.ts';

const thisIsolate = newIsolate();

/** The bindings and settings. A command on Node has no regions. */
type Bindings = Omit<Env, 'REGIONS'> & Partial<Pick<Env, 'REGIONS'>>;

/** Makes the services that one event (request, queue batch or cron run) uses. */
export function compose(
  env: Bindings,
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

const composed = new WeakMap<Bindings, ServicesOfEnv>();

/**
 * Makes the services that do not depend on the event, once for each `Env`: making them costs almost as much as a
 * verification.
 */
function composeOnce(env: Bindings): ServicesOfEnv {
  const known = composed.get(env);
  if (known !== undefined) return known;
  let keyring: Keyring | null = null;
  const settings = parseSettings(env);
  const services: ServicesOfEnv = {
    settings,
    regions: settings.hasRegions && env.REGIONS !== undefined ? openRegions(env.REGIONS, settings.regionShards) : null,
    sharesPolls: false,
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
    fetchAccessKeys,
    now: Date.now,
    after: (milliseconds, callBack) => {
      const timer = setTimeout(callBack, milliseconds);
      return () => clearTimeout(timer);
    },
  };
  composed.set(env, services);
  return services;
}

function openLimits(env: Bindings): Limits {
  return {
    // When a limiter does not answer, calls are allowed, so that good keys go on working. Secrets are not given out.
    user: openRateLimiter(env.USER_RATE_LIMIT, 'calls of a user', 'allow'),
    organisation: openRateLimiter(env.ORG_RATE_LIMIT, 'calls of an organisation', 'allow'),
    takingAway: openRateLimiter(env.TAKING_AWAY_RATE_LIMIT, 'calls that take rights away', 'allow'),
    secrets: openRateLimiter(env.SECRETS_RATE_LIMIT, 'secrets that leave', 'refuse'),
    costlyReads: openRateLimiter(env.READ_RATE_LIMIT, 'reads that cost much', 'allow'),
    signIns: openRateLimiter(env.SIGN_IN_RATE_LIMIT, 'sign-ins', 'allow'),
    // When one of these does not answer, the look-up is allowed. The budget only saves reads, and the key is still
    // verified. Each isolate also keeps a count of its own.
    misses: {
      payer: openRateLimiter(env.MISS_RATE_LIMIT, 'misses of a payer', 'allow'),
      site: openRateLimiter(env.SITE_MISS_RATE_LIMIT, 'misses of a site', 'allow'),
      location: openRateLimiter(env.ALL_MISSES_RATE_LIMIT, 'misses in all', 'allow'),
    },
  };
}

/**
 * The keyring, if it opens the secrets that were sealed last; else null. It throws when the database does not answer.
 * It then logs nothing about MASTER_KEYS: an operator who changed a good one would lose what it sealed.
 */
async function readKeyring(env: Bindings, db: Database): Promise<Keyring | null> {
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
