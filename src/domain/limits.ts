import type { RateLimiter } from '../storage/rate-limiter.ts';

/** What is limited a minute, in each Cloudflare location. Asking one of them charges it. */
export interface Limits {
  /** Calls, by who makes them: a user, or one key of a main integration. */
  user: RateLimiter;
  /** Calls that the user's limit let through, by organisation. */
  organisation: RateLimiter;
  /** Calls that take rights away, by calling key: what the other two must not stop. */
  takingAway: RateLimiter;
  /** Secrets that leave, by user: who has a stolen key should not come away with all the others. */
  secrets: RateLimiter;
  /** Searches, and reads of the audit log and of usage, by user: one of them may read thousands of rows. */
  costlyReads: RateLimiter;
  /** Look-ups that found no key, by who pays for them, by the site that this one is in, and in all (miss-budget.ts). */
  misses: { payer: RateLimiter; site: RateLimiter; location: RateLimiter };
}

const UNLIMITED: RateLimiter = { allows: async () => true };

/** For commands, which serve no one. */
export const NO_LIMITS: Limits = {
  user: UNLIMITED,
  organisation: UNLIMITED,
  takingAway: UNLIMITED,
  secrets: UNLIMITED,
  costlyReads: UNLIMITED,
  misses: { payer: UNLIMITED, site: UNLIMITED, location: UNLIMITED },
};

/** Charges a limit once for an act, however often the act is tried: others must not use up a budget by contending. */
export function chargedOnce(limiter: RateLimiter, key: string): () => Promise<boolean> {
  let answer: Promise<boolean> | undefined;
  return () => {
    answer ??= limiter.allows(key);
    return answer;
  };
}
