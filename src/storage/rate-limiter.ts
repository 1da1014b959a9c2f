import { logFailure } from '../log.ts';

/*
 * The one place that asks the platform's rate limits. A binding counts in each Cloudflare location separately, so a
 * limit is approximate. It answers yes or no, not how many calls are left.
 */

/** A limit on how often something is done. */
export interface RateLimiter {
  /** Charges one more to this key. Gives whether that is within the limit. Never throws. */
  allows: (key: string) => Promise<boolean>;
}

const BUDGET_MS = 500;
/** The least time between two log lines of one limiter: an outage must not write a line for each call. */
const LOG_INTERVAL_MS = 60_000;

/**
 * Opens a limit. A binding that throws, rejects or stays silent for half a second gives no answer. Then `whenSilent`
 * decides, and a line is logged at most once a minute.
 * @param name what is limited, for the log
 */
export function openRateLimiter(binding: RateLimit, name: string, whenSilent: 'allow' | 'refuse'): RateLimiter {
  let lastLoggedAt = Number.NEGATIVE_INFINITY;
  let unlogged = 0;
  const logSilence = (error: unknown) => {
    unlogged += 1;
    const now = Date.now();
    // A clock that was set back must not silence the log.
    if (now >= lastLoggedAt && now - lastLoggedAt < LOG_INTERVAL_MS) return;
    logFailure('a rate limit gave no answer', error, { limit: name, when_silent: whenSilent, calls: unlogged });
    lastLoggedAt = now;
    unlogged = 0;
  };
  return {
    async allows(key) {
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(() => late.reject(new Error(`Silent for ${BUDGET_MS} ms`)), BUDGET_MS);
      try {
        return (await Promise.race([binding.limit({ key }), late.promise])).success;
      } catch (error) {
        logSilence(error);
        return whenSilent === 'allow';
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
