import { logFailure } from '../../log.ts';
import type { VerificationRecord } from '../../storage/verification-record.ts';
import type { Verification } from '../services.ts';
import { type Budgeted, TOOK_TOO_LONG, withinBudget } from '../within-budget.ts';
import { askRegion } from './ask-region.ts';
import { D1_BUDGET_MS, isPollUnderWay, keepUp, pollIfDue, type ReadWithFeed } from './follow-feed.ts';
import { compile, concludeAbsence, type Found, holdLate, holdRecord, type Tier, type Wanted } from './hold-record.ts';
import type { KeyRecord } from './key-record.ts';
import { admitLookUp, FREE_ADMISSION, type MissPayer } from './miss-budget.ts';
import { readClock } from './read-clock.ts';
import { cachedSince, refreshIfDue } from './refresh-cache.ts';

/*
 * The tiers: isolate memory, the region, KV, D1. A record found in a lower tier fills the upper ones. A record from any
 * tier is used only if `HeardChanges.isUsable` accepts it at that moment. Only what `lookUpInPrimary` reads needs no
 * such check.
 */

const KV_BUDGET_MS = 300;
/** While a tier answers, the last feed answer may become too old. The look-up then runs once more. */
const MAX_ROUNDS = 2;

export type LookUp =
  | Found
  /** There were too many look-ups of keys that are in no cache: by this payer, from its site, or in the location. */
  | { outcome: 'over_budget' }
  /** Storage gave no reliable answer. That is no verdict about the key. */
  | { outcome: 'unavailable' };

/**
 * The record in memory, if it may be used at `now`; else null. Nearly every call ends here, so it waits for nothing.
 */
export function recallRecord(services: Verification, hash: string, now: number): KeyRecord | null {
  const held = services.memory.records.get(hash);
  if (held === undefined || !services.heard.isUsable(held, now, services.settings.maxStalenessMs)) return null;
  pollIfDue(services, now);
  refreshIfDue(services, hash, held, now);
  return held;
}

/**
 * Finds the record of a secret in memory, KV or D1.
 * @param hash its SHA-256, in hex
 * @param payer names who pays if there is no such key
 */
export async function lookUpRecord(services: Verification, hash: string, payer: () => MissPayer): Promise<LookUp> {
  const { memory, settings } = services;
  const asOf = recallAbsence(services, hash);
  if (asOf !== null) return { outcome: 'absent', asOf, tier: 'memory' };
  // A key in memory was found before, so this look-up is not a stranger's guess.
  const isKnown = memory.records.get(hash) !== undefined;
  const admission = isKnown ? FREE_ADMISSION : await admitLookUp(services, payer());
  if (admission === null) return { outcome: 'over_budget' };
  const look: Look = { services, hash, foundKey: () => admission.foundKey() };
  let found: LookUp | null = null;
  try {
    found = settings.maxStalenessMs === 0 ? await lookUpWithoutCache(look) : await lookUpByRegion(look);
    return found;
  } finally {
    if (found?.outcome === 'found') admission.foundKey();
    else if (found?.outcome === 'absent') admission.foundNone();
    else admission.foundNothingOut();
  }
}

/** One look-up that the budget admitted. */
interface Look extends Wanted {
  services: Verification;
}

/** When the feed had last been heard before a look-up that found no key, if that still counts (unix milliseconds). */
export function recallAbsence(services: Verification, hash: string): number | null {
  const { heard, memory, settings } = services;
  const asOf = memory.absences.get(hash);
  return asOf !== undefined && heard.isAbsentStill(asOf, readClock(services), settings.maxStalenessMs) ? asOf : null;
}

/**
 * Asks the region. Without a usable answer in time, the own way starts beside the question, and the first usable answer
 * wins.
 */
async function lookUpByRegion(look: Look): Promise<LookUp> {
  const { services } = look;
  const asked = askRegion(services, look);
  if (asked === null) return lookUpInTiers(look);
  const soon = await asked.soon;
  if (soon !== null) return soon;
  const own = lookUpInTiers(look);
  const first = await Promise.race([own, asked.late.then((late) => late ?? own)]);
  if (first.outcome !== 'unavailable') return first;
  const late = await withinBudget(services, D1_BUDGET_MS, asked.late);
  return late.ok && late.value !== null ? late.value : first;
}

/**
 * The way without a region: memory, KV, D1.
 * @param mustPoll whether to wait for a poll of the feed however recent the last one is
 */
export async function lookUpInTiers(look: Look, mustPoll = false): Promise<LookUp> {
  const { services } = look;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const early = readEarlyFromKv(look);
    const { mostAge, read } = await keepUp(services, look, mustPoll && round === 0);
    if (mostAge === null) return { outcome: 'unavailable' };
    const found = await lookUpOnce(look, mostAge, { read, early });
    if (found !== 'outdated') return found;
  }
  return { outcome: 'unavailable' };
}

/** What was read of a key while the feed was waited for; null: it was not. */
interface ReadBefore {
  read: ReadWithFeed | null;
  early: ReturnType<typeof readFromKv> | null;
}

async function lookUpOnce(look: Look, mostAge: number, { read, early }: ReadBefore): Promise<LookUp | 'outdated'> {
  const { services, hash } = look;
  const { heard, memory } = services;
  const isUsable = (record: VerificationRecord) => heard.isUsable(record, readClock(services), mostAge);

  const known = read === null ? null : conclude(look, { ...read, tier: 'primary' }, isUsable);
  if (known !== null && known !== 'outdated') return known;

  const held = memory.records.get(hash);
  if (held !== undefined && isUsable(held)) return { outcome: 'found', record: held, tier: 'memory' };

  const cached = await (early ?? readFromKv(look));
  if (!cached.ok) logFailure('KV could not be read', cached.reason);
  // A record in KV that cannot be compiled counts as a miss.
  const inKv = cached.ok && cached.value !== null ? compileCached(services, cached.value) : null;
  if (inKv !== null && isUsable(inKv)) return found(services, hash, inKv, 'kv');
  return lookUpInD1(look, isUsable);
}

function readFromKv({ services, hash }: Look) {
  return withinBudget(services, KV_BUDGET_MS, services.cache.read(hash));
}

/**
 * KV is asked beside the feed when another call's poll is under way: that one brings no record for this call. A call that
 * polls itself gets the record with the answer, and need not ask KV.
 */
function readEarlyFromKv(look: Look): ReturnType<typeof readFromKv> | null {
  const { heard, memory, settings } = look.services;
  const now = readClock(look.services);
  const mustWait = !heard.isRecent(now, settings.feedWaitMs) && isPollUnderWay(look.services);
  return mustWait && memory.records.get(look.hash) === undefined ? readFromKv(look) : null;
}

async function lookUpInD1(look: Look, isUsable: (record: VerificationRecord) => boolean): Promise<LookUp | 'outdated'> {
  const { heard, cache, defer } = look.services;
  // A replica at this bookmark lacks at most the changes since the feed was last heard.
  const asOf = heard.lastHeardAt;
  const { clockSteps } = heard;
  let tier: Tier = 'd1';
  let stored = await readFromD1(look, { bookmark: heard.lookupBookmark });
  if (stored.ok && stored.value !== null && !isUsable(stored.value)) {
    // The replica lacks a change that this isolate has heard of since or made itself, so the primary is read.
    tier = 'primary';
    stored = await readFromD1(look, 'primary');
  }
  if (!stored.ok) {
    logFailure('D1 could not be read', stored.reason);
    return { outcome: 'unavailable' };
  }
  const concluded = conclude(look, { record: stored.value, asOf, clockSteps, tier }, isUsable);
  if (concluded !== 'outdated' && concluded.outcome === 'found' && stored.value !== null) {
    defer(cache.write(look.hash, stored.value));
  }
  return concluded;
}

/** What follows from what D1 said of a secret, and keeps it in memory. */
function conclude(
  { services, hash }: Look,
  { record: stored, asOf, clockSteps, tier }: ReadWithFeed & { tier: Tier },
  isUsable: (record: VerificationRecord) => boolean,
): LookUp | 'outdated' {
  const { heard, settings } = services;
  if (stored === null) {
    // An absence never uses the grace: a key created during the outage would be called unknown.
    const isKnown = heard.isAbsentStill(asOf, readClock(services), settings.maxStalenessMs);
    if (!isKnown || heard.clockSteps !== clockSteps) return 'outdated';
    return concludeAbsence(services, hash, asOf, tier);
  }
  if (!isUsable(stored)) return 'outdated';
  const record = compile(stored, readClock(services));
  return record === null ? { outcome: 'unavailable' } : found(services, hash, record, tier);
}

/**
 * Reads D1 within a call's budget. A late answer is kept for the next call, which checks it against the feed. Without
 * that, no key could ever be read from a D1 that is always slower than the budget.
 */
async function readFromD1(
  { services, hash, foundKey }: Look,
  from: Parameters<Verification['source']['readRecord']>[1],
): Promise<Budgeted<VerificationRecord | null>> {
  const work = services.source.readRecord(hash, from);
  const stored = await withinBudget(services, D1_BUDGET_MS, work);
  if (!stored.ok && stored.reason === TOOK_TOO_LONG) {
    services.defer(
      work.then((late) => {
        if (late === null) return;
        foundKey();
        holdLate(services, hash, late);
      }),
    );
  }
  return stored;
}

/**
 * With a bound of zero: every call reads the primary, and there is no grace. Memory only tells the budget which keys
 * exist; no verdict is made from it.
 */
async function lookUpWithoutCache({ services, hash }: Look): Promise<LookUp> {
  const looked = await lookUpInPrimary(services, hash);
  if (looked.outcome === 'found') holdRecord(services, hash, looked.record);
  if (looked.outcome === 'absent') services.memory.records.delete(hash);
  return looked;
}

/**
 * Reads the primary, without cache and without grace. Calls that write use it too, because a write outlives its
 * verdict.
 */
export async function lookUpInPrimary(services: Verification, hash: string): Promise<LookUp> {
  const asOf = readClock(services);
  const stored = await withinBudget(services, D1_BUDGET_MS, services.source.readRecord(hash, 'primary'));
  if (!stored.ok) {
    logFailure('D1 could not be read', stored.reason);
    return { outcome: 'unavailable' };
  }
  if (stored.value === null) return { outcome: 'absent', asOf, tier: 'primary' };
  const record = compile(stored.value);
  return record === null ? { outcome: 'unavailable' } : { outcome: 'found', record, tier: 'primary' };
}

function compileCached(
  services: Verification,
  { record, writtenAt }: NonNullable<Awaited<ReturnType<Verification['cache']['read']>>>,
): KeyRecord | null {
  return compile(record, cachedSince(writtenAt, readClock(services)));
}

function found(services: Verification, hash: string, record: KeyRecord, tier: Tier): LookUp {
  holdRecord(services, hash, record);
  return { outcome: 'found', record, tier };
}
