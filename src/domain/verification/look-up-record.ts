import { logFailure } from '../../log.ts';
import type { VerificationRecord } from '../../storage/verification-record.ts';
import type { Verification } from '../services.ts';
import { type Budgeted, TOOK_TOO_LONG, withinBudget } from '../within-budget.ts';
import { D1_BUDGET_MS, keepUp, pollIfDue } from './follow-feed.ts';
import { compileKeyRecord, type KeyRecord } from './key-record.ts';
import { admitLookUp, FREE_ADMISSION, type MissPayer } from './miss-budget.ts';
import { readClock } from './read-clock.ts';
import { cachedSince, refreshIfDue } from './refresh-cache.ts';

/*
 * The tiers: isolate memory, KV, D1. A record found in a lower tier fills the upper ones. A record from any tier is
 * used only if `HeardChanges.isUsable` accepts it at that moment. Only what `lookUpInPrimary` reads needs no such
 * check.
 */

const KV_BUDGET_MS = 300;
/** While a tier answers, the last feed answer may become too old. The look-up then runs once more. */
const MAX_ROUNDS = 2;

export type LookUp =
  | { outcome: 'found'; record: KeyRecord }
  | { outcome: 'absent' }
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
  if (isKnownAbsent(services, hash)) return { outcome: 'absent' };
  // A key in memory was found before, so this look-up is not a stranger's guess.
  const isKnown = memory.records.get(hash) !== undefined;
  const admission = isKnown ? FREE_ADMISSION : await admitLookUp(services, payer());
  if (admission === null) return { outcome: 'over_budget' };
  const look = { services, hash, foundKey: () => admission.foundKey() };
  let found: LookUp | null = null;
  try {
    found = settings.maxStalenessMs === 0 ? await lookUpWithoutCache(look) : await lookUpInTiers(look);
    return found;
  } finally {
    if (found?.outcome === 'found') admission.foundKey();
    else if (found?.outcome === 'absent') admission.foundNone();
    else admission.foundNothingOut();
  }
}

/** One look-up that the budget admitted. */
interface Look {
  services: Verification;
  hash: string;
  /** To be called when a key is found after the look-up was given up. */
  foundKey: () => void;
}

function isKnownAbsent(services: Verification, hash: string): boolean {
  const { heard, memory, settings } = services;
  const asOf = memory.absences.get(hash);
  return asOf !== undefined && heard.isAbsentStill(asOf, readClock(services), settings.maxStalenessMs);
}

async function lookUpInTiers(look: Look): Promise<LookUp> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const mostAge = await keepUp(look.services);
    if (mostAge === null) return { outcome: 'unavailable' };
    const found = await lookUpOnce(look, mostAge);
    if (found !== 'outdated') return found;
  }
  return { outcome: 'unavailable' };
}

async function lookUpOnce(look: Look, mostAge: number): Promise<LookUp | 'outdated'> {
  const { services, hash } = look;
  const { heard, memory, cache } = services;
  const isUsable = (record: VerificationRecord) => heard.isUsable(record, readClock(services), mostAge);

  const held = memory.records.get(hash);
  if (held !== undefined && isUsable(held)) return { outcome: 'found', record: held };

  const cached = await withinBudget(services, KV_BUDGET_MS, cache.read(hash));
  if (!cached.ok) logFailure('KV could not be read', cached.reason);
  // A record in KV that cannot be compiled counts as a miss.
  const inKv = cached.ok && cached.value !== null ? compileCached(services, cached.value) : null;
  if (inKv !== null && isUsable(inKv)) return remember(services, hash, inKv);
  return lookUpInD1(look, mostAge);
}

async function lookUpInD1(look: Look, mostAge: number): Promise<LookUp | 'outdated'> {
  const { services, hash } = look;
  const { heard, memory, settings } = services;
  const isUsable = (record: VerificationRecord) => heard.isUsable(record, readClock(services), mostAge);
  // A replica at this bookmark lacks at most the changes since the feed was last heard.
  const asOf = heard.lastHeardAt;
  const { clockSteps } = heard;
  let stored = await readFromD1(look, { bookmark: heard.lookupBookmark });
  if (stored.ok && stored.value !== null && !isUsable(stored.value)) {
    // The replica lacks a change that this isolate has heard of since or made itself, so the primary is read.
    stored = await readFromD1(look, 'primary');
  }
  if (!stored.ok) {
    logFailure('D1 could not be read', stored.reason);
    return { outcome: 'unavailable' };
  }
  if (stored.value === null) {
    // An absence never uses the grace: a key created during the outage would be called unknown.
    const isKnown = heard.isAbsentStill(asOf, readClock(services), settings.maxStalenessMs);
    if (!isKnown || heard.clockSteps !== clockSteps) return 'outdated';
    memory.records.delete(hash);
    memory.absences.set(hash, asOf);
    return { outcome: 'absent' };
  }
  if (!isUsable(stored.value)) return 'outdated';
  const record = compile(stored.value, readClock(services));
  if (record === null) return { outcome: 'unavailable' };
  services.defer(services.cache.write(hash, stored.value));
  return remember(services, hash, record);
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
        keepLate(services, hash, late);
      }),
    );
  }
  return stored;
}

function keepLate(services: Verification, hash: string, late: VerificationRecord): void {
  const record = compile(late, readClock(services));
  const held = services.memory.records.get(hash);
  if (record === null || (held?.epoch === record.epoch && held.seq > record.seq)) return;
  remember(services, hash, record);
  const isUsable = services.heard.isUsable(record, readClock(services), services.settings.maxStalenessMs);
  if (isUsable) services.defer(services.cache.write(hash, late));
}

/**
 * With a bound of zero: every call reads the primary, and there is no grace. Memory only tells the budget which keys
 * exist; no verdict is made from it.
 */
async function lookUpWithoutCache({ services, hash }: Look): Promise<LookUp> {
  const found = await lookUpInPrimary(services, hash);
  if (found.outcome === 'found') remember(services, hash, found.record);
  if (found.outcome === 'absent') services.memory.records.delete(hash);
  return found;
}

/**
 * Reads the primary, without cache and without grace. Calls that write use it too, because a write outlives its
 * verdict.
 */
export async function lookUpInPrimary(services: Verification, hash: string): Promise<LookUp> {
  const stored = await withinBudget(services, D1_BUDGET_MS, services.source.readRecord(hash, 'primary'));
  if (!stored.ok) {
    logFailure('D1 could not be read', stored.reason);
    return { outcome: 'unavailable' };
  }
  if (stored.value === null) return { outcome: 'absent' };
  const record = compile(stored.value);
  return record === null ? { outcome: 'unavailable' } : { outcome: 'found', record };
}

/** The compiled record; null when the stored values cannot be read, which lets no one in. */
function compile(stored: VerificationRecord, cachedAt?: number): KeyRecord | null {
  try {
    return compileKeyRecord(stored, cachedAt);
  } catch (error) {
    logFailure('what is stored of a key cannot be used', error, { key_id: stored.keyId });
    return null;
  }
}

function compileCached(
  services: Verification,
  { record, writtenAt }: NonNullable<Awaited<ReturnType<Verification['cache']['read']>>>,
): KeyRecord | null {
  return compile(record, cachedSince(writtenAt, readClock(services)));
}

function remember(services: Verification, hash: string, record: KeyRecord): LookUp {
  services.memory.records.set(hash, record);
  services.memory.absences.delete(hash);
  return { outcome: 'found', record };
}
