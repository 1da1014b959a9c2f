import {
  type ReportedUses,
  readLastUsesOfSecrets,
  readReportedUses,
  type SecretOfKey,
} from '../../storage/reported-uses.ts';
import { type RetiredSecret, readSecretsSince } from '../../storage/secrets.ts';
import { DAYS_KEPT, readLastUses, readUsage } from '../../storage/usage.ts';
import { suggestAllowlist } from '../addresses/suggest-allowlist.ts';
import type { Outcome } from '../authority/refusal.ts';
import { withDependencies } from '../permissions/permissions.ts';
import type { Stores, Usage } from '../services.ts';
import { readUsageDatabase } from './read-usage-database.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** The longest report, in days: counts are kept no longer. */
export const MAX_REPORT_DAYS = DAYS_KEPT;
const HOUR_MS = 60 * 60 * 1000;
/** A week of hours: `days` has what is older. */
const HOURS_SHOWN = 7 * 24;
/** Rotated-out secrets in a report, at most. */
const MAX_RETIRED_SECRETS = 4;

interface Source {
  network: string;
  firstSeen: number;
  lastSeen: number;
  count: number;
}

export interface UsageReport {
  totals: Record<string, number>;
  /** Only days with calls, in order; `day` in unix milliseconds. */
  days: { day: number; counts: Record<string, number> }[];
  /** Where allowed calls came from, the most recent first. */
  sources: Source[];
  /** Where refused calls came from, the most recent first. */
  refusedSources: Source[];
  suggestedAllowlist: string[];
  /** What allowed calls asked for, the most frequent first. */
  permissions: { name: string; count: number; lastSeen: number }[];
  /** A list of permissions by which all these calls would have been allowed. */
  suggestedPermissions: string[];
  /** The secret in use, and those before it that still worked in these days, the last one first. Empty without such. */
  secrets: SecretUsage[];
}

/** How, and from where, one secret of a key was used. Moments in unix milliseconds. */
interface SecretUsage {
  /** Null: the secret was rotated out before the hints of such secrets were kept. */
  hint: string | null;
  /** When it stops, or stopped, working; null: it is the one in use. */
  retiresAt: number | null;
  count: number;
  lastUsedAt: number | null;
  /** Hours with calls, of the last seven days, in order; each by its beginning. */
  hours: { hour: number; count: number }[];
  /** The most recent first. */
  sources: Source[];
}

/**
 * How, and from where, a key was used in the last `days` days (UTC), today included. Refused as `unavailable` when the
 * usage database cannot be read.
 */
export async function reportUsage(
  services: Usage & Pick<Stores, 'db'>,
  { id, hint }: { id: number; hint: string },
  days: number,
): Promise<Outcome<{ report: UsageReport }>> {
  const now = services.now();
  const today = Math.floor(now / DAY_MS);
  const sinceDay = today - (days - 1);
  const known = await readSecretsSince(services.db, id, sinceDay * DAY_MS, MAX_RETIRED_SECRETS);
  const secrets = [...(known.inUse === null ? [] : [known.inUse]), ...known.retired.map(({ secret }) => secret)];
  const sinceHour = Math.max(sinceDay * 24, Math.floor(now / HOUR_MS) - HOURS_SHOWN + 1);
  const read = await readUsageDatabase(services, (db) =>
    Promise.all([
      readUsage(db, id, sinceDay),
      readReportedUses(db, { keyId: id, sinceDay, today, secrets, sinceHour }),
    ]),
  );
  if (read === null) return { refused: 'unavailable' };
  const [usage, uses] = read;
  const totals = new Map<string, number>();
  const byDay = new Map<number, Record<string, number>>();
  for (const { day, code, count } of usage.days) {
    totals.set(code, (totals.get(code) ?? 0) + count);
    const counts = byDay.get(day) ?? {};
    counts[code] = (counts[code] ?? 0) + count;
    byDay.set(day, counts);
  }
  const sources = usage.sources.filter(({ refused }) => !refused);
  return {
    report: {
      totals: Object.fromEntries(totals),
      days: [...byDay].map(([day, counts]) => ({ day: day * DAY_MS, counts })),
      sources,
      refusedSources: usage.sources.filter(({ refused }) => refused),
      suggestedAllowlist: suggestAllowlist(sources.map(({ network }) => network)),
      permissions: uses.permissions,
      suggestedPermissions: withDependencies(uses.permissions.map(({ name }) => name)),
      secrets: known.retired.length === 0 ? [] : secretsOf({ inUse: known.inUse, hint, retired: known.retired }, uses),
    },
  };
}

function secretsOf(
  { inUse, hint, retired }: { inUse: number | null; hint: string; retired: readonly RetiredSecret[] },
  uses: ReportedUses,
): SecretUsage[] {
  const present = inUse === null ? [] : [{ secret: inUse, hint, retiresAt: null }];
  return [...present, ...retired].map(({ secret, hint, retiresAt }) => {
    const used = uses.secrets.find((one) => one.secret === secret);
    return {
      hint,
      retiresAt,
      count: used?.count ?? 0,
      lastUsedAt: used?.lastSeen ?? null,
      hours: uses.hours
        .filter((one) => one.secret === secret)
        .map(({ hour, count }) => ({ hour: hour * HOUR_MS, count })),
      sources: uses.sources.filter((one) => one.secret === secret),
    };
  });
}

/**
 * When each key last allowed a call (unix milliseconds), by key id. A key without such a call is left out.
 * @returns null when the usage database cannot be read. That does not mean "never", and the keys are shown all the same
 */
export async function findLastUses(services: Usage, apiKeyIds: readonly number[]): Promise<Map<number, number> | null> {
  return apiKeyIds.length === 0 ? new Map() : readUsageDatabase(services, (db) => readLastUses(db, apiKeyIds));
}

/**
 * When each of these secrets last made an allowed call (unix milliseconds), in the order given; null: not within the days
 * that are kept.
 * @returns null when the usage database cannot be read
 */
export async function findLastUsesOfSecrets(
  services: Usage,
  secrets: readonly SecretOfKey[],
): Promise<(number | null)[] | null> {
  if (secrets.length === 0) return [];
  const today = Math.floor(services.now() / DAY_MS);
  return readUsageDatabase(services, (db) =>
    readLastUsesOfSecrets(db, secrets, { sinceDay: today - DAYS_KEPT, today }),
  );
}
