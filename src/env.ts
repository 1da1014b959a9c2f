import * as z from 'zod';
import { REGION_NAMES, type RegionName } from './storage/regions.ts';

/*
 * The settings of the Worker. They are the plain variables of wrangler.toml; `npm start -- --var NAME:VALUE` changes
 * one for a single run. They are parsed here, once for each `Env`. Bindings are typed by `wrangler types` from
 * wrangler.toml.
 */

const keyPrefix = z.string().regex(/^[a-z][a-z0-9]{1,15}$/, 'must be 2 to 16 characters, [a-z][a-z0-9]*');

const settingsSchema = z.object({
  /** What new keys begin with. */
  KEY_PREFIX: keyPrefix,
  /** Earlier prefixes, comma-separated, whose keys go on working. Keys with any other prefix are not accepted. */
  RETIRED_KEY_PREFIXES: z
    .string()
    .default('')
    .transform((text) => (text.trim() === '' ? [] : text.split(',').map((entry) => entry.trim())))
    .pipe(z.array(keyPrefix)),
  /**
   * `off` lifts the limits on calls, on taking rights away and on costly reads, for load tests. The limits on look-ups
   * and on secrets stay.
   */
  RATE_LIMIT: z.enum(['on', 'off']),
  /** `on` gives `verify` and introspection a limit of their own. */
  RATE_LIMIT_VERIFY: z.enum(['on', 'off']).default('off'),
  /** Which requests are written to the log. */
  REQUEST_LOG: z.enum(['errors', 'all']),
  /** The bound: no verdict, in any location, rests on older data. 0: each call asks D1's primary. */
  MAX_STALENESS_SECONDS: seconds(3600),
  /**
   * How often an isolate in use polls the change feed in the background. More than half the bound counts as half the
   * bound.
   */
  FEED_POLL_SECONDS: seconds(3600),
  /** `on`: a Durable Object in each region of the world follows the feed and keeps records for the isolates around it. */
  REGION: z.enum(['on', 'off']),
  /** How often a region in use polls the change feed. */
  REGION_POLL_SECONDS: number(0.5, 60),
  /** How many objects serve each region. More than one when one is not fast enough. */
  REGION_SHARDS: number(1, 64).pipe(z.int()),
  /** The region nearest to D1's primary, which isolates ask while their own does not answer. Empty: none. */
  REGION_NEAR_PRIMARY: z.union([z.literal(''), z.enum(REGION_NAMES)]),
  /** The bound while D1 is out of reach. */
  OUTAGE_GRACE_SECONDS: seconds(24 * 3600),
  /** How long the audit log keeps an event. */
  AUDIT_KEEP_DAYS: number(1, 36_500),
  /** Whether calls are counted. */
  USAGE: z.enum(['on', 'off']),
  /**
   * How long an isolate collects counts before it sends them. Usage lags by that and by the few seconds of the queue.
   */
  USAGE_FLUSH_SECONDS: seconds(25),
  /** The Cloudflare Access team whose identities may sign in, e.g. `acme.cloudflareaccess.com`. Empty: none may. */
  ACCESS_TEAM_DOMAIN: z
    .string()
    .default('')
    .pipe(z.union([z.literal(''), z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/)], { error: 'must be a host name' })),
  /** The audience tag of the Access application that the console is behind. Empty: nobody may sign in by Access. */
  ACCESS_AUD: z.string().default(''),
});

function seconds(most: number) {
  return number(0, most);
}

/**
 * A number, or digits as text. An empty text is refused: JavaScript would read it as 0, which has a meaning of its own.
 */
function number(least: number, most: number) {
  const digits = z.string().regex(/^\d+(\.\d+)?$/);
  return z
    .union([z.number(), digits.transform(Number)], { error: 'must be a number' })
    .pipe(z.number().min(least).max(most));
}

export interface Settings {
  /** What new keys begin with. */
  keyPrefix: string;
  /** What keys may begin with: that, and what they began with earlier. */
  acceptedPrefixes: readonly string[];
  limitsCalls: boolean;
  limitsVerifying: boolean;
  requestLog: 'errors' | 'all';
  maxStalenessMs: number;
  /** How old the last answer of the feed may be before a call waits for the next one. */
  feedWaitMs: number;
  pollIntervalMs: number;
  outageGraceMs: number;
  hasRegions: boolean;
  regionPollMs: number;
  regionShards: number;
  nearPrimary: RegionName | null;
  auditKeepMs: number;
  countsUsage: boolean;
  usageFlushMs: number;
  /** Who may sign in by Cloudflare Access; null: nobody. */
  access: { teamDomain: string; audience: string } | null;
}

/** @throws when a variable is missing or has a bad value; the message names the variable, for the operator */
export function parseSettings(variables: unknown): Settings {
  const result = settingsSchema.safeParse(variables);
  if (!result.success) {
    const wrong = result.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    throw new Error(`Settings in wrangler.toml: ${wrong.join('; ')}`);
  }
  const { data } = result;
  const access = { teamDomain: data.ACCESS_TEAM_DOMAIN, audience: data.ACCESS_AUD };
  if ((access.teamDomain === '') !== (access.audience === '')) {
    throw new Error('Settings in wrangler.toml: ACCESS_TEAM_DOMAIN and ACCESS_AUD need each other');
  }
  return {
    access: access.teamDomain === '' ? null : access,
    keyPrefix: data.KEY_PREFIX,
    acceptedPrefixes: [data.KEY_PREFIX, ...data.RETIRED_KEY_PREFIXES],
    limitsCalls: data.RATE_LIMIT === 'on',
    limitsVerifying: data.RATE_LIMIT === 'on' && data.RATE_LIMIT_VERIFY === 'on',
    requestLog: data.REQUEST_LOG,
    maxStalenessMs: data.MAX_STALENESS_SECONDS * 1000,
    pollIntervalMs: Math.min(data.FEED_POLL_SECONDS, data.MAX_STALENESS_SECONDS / 2) * 1000,
    feedWaitMs: data.MAX_STALENESS_SECONDS * 1000,
    outageGraceMs: data.OUTAGE_GRACE_SECONDS * 1000,
    hasRegions: data.REGION === 'on',
    regionPollMs: data.REGION_POLL_SECONDS * 1000,
    regionShards: data.REGION_SHARDS,
    nearPrimary: data.REGION_NEAR_PRIMARY === '' ? null : data.REGION_NEAR_PRIMARY,
    countsUsage: data.USAGE === 'on',
    usageFlushMs: data.USAGE_FLUSH_SECONDS * 1000,
    auditKeepMs: data.AUDIT_KEEP_DAYS * 24 * 60 * 60 * 1000,
  };
}
