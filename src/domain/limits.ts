import type { RateLimiter } from '../storage/rate-limiter.ts';
import type { Caller } from './authority/caller.ts';

/** The rate limits, each counted per minute and Cloudflare location. Asking a limit charges it. */
export interface Limits {
  /** Calls, per user; for main integrations per key. */
  user: RateLimiter;
  /** Calls that the user's limit let through, per organisation. */
  organisation: RateLimiter;
  /**
   * Calls that take rights away, per calling key. They have this limit of their own, so that the two above cannot stop
   * them.
   */
  takingAway: RateLimiter;
  /**
   * Secrets that are given out, per user, so that whoever has a stolen key cannot quickly collect all other secrets
   * with it.
   */
  secrets: RateLimiter;
  /** Searches, and reads of the audit log and of usage, per user: one call may read thousands of rows. */
  costlyReads: RateLimiter;
  /** Sign-ins to the console, per key, link or identity of Access: each adds a row and an event. */
  signIns: RateLimiter;
  /** Look-ups that found no key: per payer, per site of the payer, and for the whole location (miss-budget.ts). */
  misses: { payer: RateLimiter; site: RateLimiter; location: RateLimiter };
}

/** What the platform lets through a minute. The same numbers are in wrangler.toml, as a test says. */
export const CALLS_A_MINUTE = { user: 300, organisation: 3_000 } as const;

/** Who is charged, and what with. */
interface Charge {
  services: { settings: { limitsCalls: boolean }; limits: Pick<Limits, 'user' | 'organisation' | 'costlyReads'> };
  caller: Caller;
}

/**
 * The name under which calls are counted: the user's. A main integration key is counted by itself. All of an
 * organisation's share one bot user, but each is a different program.
 */
export function payerOfCalls({ user, apiKeyId }: Pick<Caller, 'user' | 'apiKeyId'>): string {
  return user.type === 'bot' ? `key ${apiKeyId}` : `user ${user.id}`;
}

/** Charges the general limit: the user's, and where that lets the call through the organisation's. */
export async function allowsCall({ services: { settings, limits }, caller }: Charge): Promise<boolean> {
  if (!settings.limitsCalls) return true;
  return (
    (await limits.user.allows(payerOfCalls(caller))) && (await limits.organisation.allows(String(caller.user.orgId)))
  );
}

/** Charges the limit of reads that go through thousands of rows. */
export async function allowsCostlyRead({ services: { settings, limits }, caller }: Charge): Promise<boolean> {
  return !settings.limitsCalls || limits.costlyReads.allows(payerOfCalls(caller));
}

const UNLIMITED: RateLimiter = { allows: async () => true };

/** For operator commands, which serve no client. */
export const NO_LIMITS: Limits = {
  user: UNLIMITED,
  organisation: UNLIMITED,
  takingAway: UNLIMITED,
  secrets: UNLIMITED,
  costlyReads: UNLIMITED,
  signIns: UNLIMITED,
  misses: { payer: UNLIMITED, site: UNLIMITED, location: UNLIMITED },
};

/**
 * Charges a limit once for an act, however often the act is tried. Otherwise others could use up a caller's limit by
 * changing the same rows again and again.
 * @returns asks whether the limit allows the act; the first call charges it, further calls get the same answer
 */
export function chargedOnce(limiter: RateLimiter, key: string): () => Promise<boolean> {
  let answer: Promise<boolean> | undefined;
  return () => {
    answer ??= limiter.allows(key);
    return answer;
  };
}
