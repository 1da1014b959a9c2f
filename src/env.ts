import { z } from 'zod';

/*
 * Every binding and setting of the Worker. Bindings are typed by `wrangler types` from wrangler.toml; settings are its
 * plain variables, which `npm start -- --var NAME:VALUE` changes for one run, and are parsed here, once for an `Env`.
 */

const settingsSchema = z.object({
  /** What keys begin with. Keys made under another prefix stop being accepted. */
  KEY_PREFIX: z.string().regex(/^[a-z][a-z0-9]{1,15}$/, 'must be 2 to 16 characters, [a-z][a-z0-9]*'),
  /** `off` lifts the limits of calls, of users, organisations and what takes rights away: for load tests. */
  RATE_LIMIT: z.enum(['on', 'off']),
  /** Which requests are written to the log. */
  REQUEST_LOG: z.enum(['errors', 'all']),
  /** No verdict rests on anything older than this, in any location; 0: D1's primary is asked at each call. */
  MAX_STALENESS_SECONDS: seconds(3600),
  /** How often an isolate in use asks the change feed, in the background; never less often than half the bound. */
  FEED_POLL_SECONDS: seconds(3600),
  /** What the bound becomes while D1 is out of reach. */
  OUTAGE_GRACE_SECONDS: seconds(24 * 3600),
  /** How long the audit log keeps an event. */
  AUDIT_KEEP_DAYS: number(1, 36_500),
  /** Whether calls are counted. */
  USAGE: z.enum(['on', 'off']),
  /** How long an isolate keeps counts before it sends them; what is shown lags by that and the queue's few seconds. */
  USAGE_FLUSH_SECONDS: seconds(25),
});

function seconds(most: number) {
  return number(0, most);
}

/** A number in digits. An empty text is none: JavaScript reads it as 0, which is a setting of its own. */
function number(least: number, most: number) {
  const digits = z.string().regex(/^\d+(\.\d+)?$/);
  return z
    .union([z.number(), digits.transform(Number)], { error: 'must be a number' })
    .pipe(z.number().min(least).max(most));
}

export interface Settings {
  keyPrefix: string;
  limitsCalls: boolean;
  requestLog: 'errors' | 'all';
  maxStalenessMs: number;
  pollIntervalMs: number;
  outageGraceMs: number;
  auditKeepMs: number;
  countsUsage: boolean;
  usageFlushMs: number;
}

/** @throws when a variable has an unreadable value; the message names it and is meant for the operator. */
export function parseSettings(variables: unknown): Settings {
  const result = settingsSchema.safeParse(variables);
  if (!result.success) {
    const wrong = result.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    throw new Error(`Settings in wrangler.toml: ${wrong.join('; ')}`);
  }
  const { data } = result;
  return {
    keyPrefix: data.KEY_PREFIX,
    limitsCalls: data.RATE_LIMIT === 'on',
    requestLog: data.REQUEST_LOG,
    maxStalenessMs: data.MAX_STALENESS_SECONDS * 1000,
    pollIntervalMs: Math.min(data.FEED_POLL_SECONDS, data.MAX_STALENESS_SECONDS / 2) * 1000,
    outageGraceMs: data.OUTAGE_GRACE_SECONDS * 1000,
    countsUsage: data.USAGE === 'on',
    usageFlushMs: data.USAGE_FLUSH_SECONDS * 1000,
    auditKeepMs: data.AUDIT_KEEP_DAYS * 24 * 60 * 60 * 1000,
  };
}
