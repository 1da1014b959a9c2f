import { readRecentCalls, readUsesOfKeys, type UsesOfKeys } from '../../storage/uses-of-keys.ts';
import type { Usage } from '../services.ts';
import { readUsageDatabase } from './read-usage-database.ts';

/*
 * How the keys of a page are used: what a list shows beside each key. A list is shown without it when the usage database
 * cannot be read.
 */

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
const ALLOWED = 'VALID';
/** Days of a strip, today included. */
const STRIP_DAYS = 14;
/** Keys that are looked up at once: what a page of a list has at most. */
const MAX_KEYS_OF_PAGE = 100;

/** The calls of one day (UTC), or of one hour. */
export interface CallCount {
  /** When the day or the hour began, in unix milliseconds. */
  at: number;
  allowed: number;
  refused: number;
}

/** How a key is used, as a list shows it. */
export interface KeyUse {
  /** When it last allowed a call, in unix milliseconds; null: never. */
  lastUsedAt: number | null;
  /** From where that call came; null: not known. */
  lastNetwork: string | null;
  /** The last `STRIP_DAYS` days, the oldest first, days without a call included. */
  days: readonly CallCount[];
  /** Calls that were allowed in the last 24 hours: in the present hour and the 23 before it. */
  allowedIn24h: number;
  /** Today's (UTC) refused calls by code, the commonest first. */
  refusedToday: readonly (readonly [code: string, count: number])[];
}

/**
 * How each of these keys is used, by key id, a key that was never called included.
 * @param apiKeyIds at most `MAX_KEYS_OF_PAGE`. Throws for more
 * @returns null when the usage database cannot be read. That does not mean that there was no use
 */
export async function findUses(
  services: Usage,
  apiKeyIds: readonly number[],
): Promise<ReadonlyMap<number, KeyUse> | null> {
  if (apiKeyIds.length > MAX_KEYS_OF_PAGE)
    throw new RangeError(`The use of ${apiKeyIds.length} keys is not read at once`);
  if (apiKeyIds.length === 0) return new Map();
  const now = services.now();
  const since = { day: Math.floor(now / DAY_MS) - (STRIP_DAYS - 1), hour: firstHourOf24(now) };
  const uses = await readUsageDatabase(services, (db) => readUsesOfKeys(db, apiKeyIds, since));
  return uses === null ? null : usesByKey(apiKeyIds, uses, since.day);
}

/** What keys were used for together. */
export interface SharedUse {
  /** Calls that were allowed in the last 24 hours: in the present hour and the 23 before it. */
  callsIn24h: number;
  /** When one of the keys last allowed a call, in unix milliseconds; null: none ever did. */
  lastUsedAt: number | null;
}

/**
 * How the keys of each owner were used together, by owner, an owner without keys included.
 * @param keyIds by owner; the caller bounds how many they are
 * @returns null when the usage database cannot be read. That does not mean that there was no use
 */
export async function findSharedUses<Owner>(
  services: Usage,
  keyIds: ReadonlyMap<Owner, readonly number[]>,
): Promise<Map<Owner, SharedUse> | null> {
  const ids = [...keyIds.values()].flat();
  const sinceHour = firstHourOf24(services.now());
  const read =
    ids.length === 0
      ? { calls: [], last: [] }
      : await readUsageDatabase(services, (db) => readRecentCalls(db, ids, sinceHour));
  if (read === null) return null;
  const calls = new Map(read.calls.map(({ keyId, count }) => [keyId, count]));
  const last = new Map(read.last.map(({ keyId, lastUsedAt }) => [keyId, lastUsedAt]));
  return new Map(
    [...keyIds].map(([owner, keys]) => {
      const lasts = keys.map((id) => last.get(id)).filter((at) => at !== undefined);
      const callsIn24h = keys.reduce((sum, id) => sum + (calls.get(id) ?? 0), 0);
      return [owner, { callsIn24h, lastUsedAt: lasts.length === 0 ? null : Math.max(...lasts) }];
    }),
  );
}

/** The first of the 24 hours (hours since the epoch) that end with the present one. */
function firstHourOf24(now: number): number {
  return Math.floor(now / HOUR_MS) - 23;
}

function usesByKey(apiKeyIds: readonly number[], uses: UsesOfKeys, firstDay: number): Map<number, KeyUse> {
  const counts = Map.groupBy(uses.days, ({ keyId }) => keyId);
  const last = new Map(uses.last.map(({ keyId, lastUsedAt }) => [keyId, lastUsedAt]));
  const sources = new Map(uses.sources.map((source) => [source.keyId, source]));
  return new Map(
    apiKeyIds.map((id) => {
      const lastUsedAt = last.get(id) ?? null;
      const source = sources.get(id);
      return [
        id,
        {
          ...addUp(counts.get(id) ?? [], firstDay),
          lastUsedAt,
          // A call whose network was not counted leaves an older one as the newest that is known.
          lastNetwork: source !== undefined && source.lastSeen === lastUsedAt ? source.network : null,
        },
      ];
    }),
  );
}

function addUp(counts: UsesOfKeys['days'], firstDay: number): Pick<KeyUse, 'days' | 'allowedIn24h' | 'refusedToday'> {
  const days = Array.from({ length: STRIP_DAYS }, (_, index) => ({
    at: (firstDay + index) * DAY_MS,
    allowed: 0,
    refused: 0,
  }));
  let allowedIn24h = 0;
  const refusedToday = new Map<string, number>();
  for (const { day, code, count, recent } of counts) {
    const place = day - firstDay;
    const sums = days[place];
    // A flush may have been counted in an hour that this clock has yet to reach.
    if (sums === undefined) continue;
    if (code === ALLOWED) {
      sums.allowed += count;
      allowedIn24h += recent;
    } else {
      sums.refused += count;
      if (place === STRIP_DAYS - 1) refusedToday.set(code, (refusedToday.get(code) ?? 0) + count);
    }
  }
  return { days, allowedIn24h, refusedToday: [...refusedToday].sort(([, one], [, other]) => other - one) };
}
