import { logFailure } from '../../log.ts';
import type { RegionName } from '../../storage/regions.ts';
import type { RegionLink } from '../isolate.ts';
import type { Verification } from '../services.ts';
import { withinBudget } from '../within-budget.ts';
import { compile, concludeAbsence, type Found, holdForLater, holdRecord, type Wanted } from './hold-record.ts';
import { readClock } from './read-clock.ts';
import { parseRegionAnswer, type RegionAnswer } from './region-answer.ts';

/*
 * The isolate's end of the question to its region. What a region answers is held against the same rule as everything
 * else, so a region that is behind, cut off or gone costs time and never a wrong verdict.
 *
 * A region in an outage is no outage of this isolate: its old answer is merged, and helps only if the isolate's own poll
 * of the primary fails too.
 */

/** How long a call waits for its region. Then its own way starts beside the question. */
const OWN_BUDGET_MS = 250;
/** The same for the region near the primary, which is asked while the own one rests. It may be at the other end of the world. */
const NEAR_PRIMARY_BUDGET_MS = 500;
/** How long the feed is waited for in the background. */
const BACKGROUND_BUDGET_MS = 2_000;
/** After so many questions in a row without a usable answer, a region is not asked for REST_MS. */
const MOST_MISSES = 3;
const REST_MS = 60_000;

/** A question to a region that was sent. */
export interface AskedRegion {
  /** What it found, if a usable answer comes in time; else null. */
  soon: Promise<Found | null>;
  /** What it found, whenever that comes; null when the answer is not usable. Never rejects, but may never settle. */
  late: Promise<Found | null>;
}

/** Whether this isolate has a region. Without one, it follows the feed itself. */
export function hasRegion({ regions, region }: Verification): boolean {
  return regions !== null && region.own.name !== null;
}

/** Asks the region for the feed and a record. @returns null when there is no region to be asked at present */
export function askRegion(services: Verification, wanted: Wanted): AskedRegion | null {
  const sentAt = readClock(services);
  const link = pickRegion(services, sentAt);
  if (link === null) return null;
  const late = hearRegion(services, link.name, wanted).then((answer) =>
    answer === null ? null : findInAnswer(services, wanted, answer),
  );
  services.defer(late);
  const budget = link === services.region.own ? OWN_BUDGET_MS : NEAR_PRIMARY_BUDGET_MS;
  const soon = withinBudget(services, budget, late).then((outcome) => {
    const found = outcome.ok ? outcome.value : null;
    noteAnswer(services, link, { isUsable: found !== null, sentAt });
    return found;
  });
  return { soon, late };
}

/** Asks the region for the feed alone, in the background. When regions are lost, nothing is asked. */
export async function followRegion(services: Verification, now: number): Promise<void> {
  const link = pickRegion(services, now);
  if (link === null) return;
  const told = await withinBudget(services, BACKGROUND_BUDGET_MS, hearRegion(services, link.name, null));
  const isHeard = services.heard.isRecent(readClock(services), services.settings.maxStalenessMs);
  noteAnswer(services, link, { isUsable: told.ok && told.value !== null && isHeard, sentAt: now });
}

/**
 * Asks the isolate's own region for the feed, and tells how that went. `failing`: there was no usable answer. `resting`: it
 * is not asked at present. `off`: no verdict comes from a region here.
 */
export async function tellRegion(services: Verification): Promise<'ok' | 'failing' | 'resting' | 'off'> {
  const { own } = services.region;
  const now = readClock(services);
  if (!hasRegion(services) || services.settings.maxStalenessMs === 0) return 'off';
  if (!isAwake(own, now)) return 'resting';
  await followRegion(services, now);
  return own.misses === 0 && isAwake(own, readClock(services)) ? 'ok' : 'failing';
}

/** The isolate's own region. While that rests, the one near the primary. */
function pickRegion(services: Verification, now: number): (RegionLink & { name: RegionName }) | null {
  if (!hasRegion(services)) return null;
  const { own, nearPrimary } = services.region;
  return [own, nearPrimary].find((link) => isAwake(link, now)) ?? null;
}

function isAwake(link: RegionLink, now: number): link is RegionLink & { name: RegionName } {
  return link.name !== null && !(now - link.restsSince < REST_MS);
}

/** Questions that were under way at the same time count as one miss. */
function noteAnswer(
  services: Verification,
  link: RegionLink,
  { isUsable, sentAt }: { isUsable: boolean; sentAt: number },
): void {
  if (isUsable) link.misses = 0;
  if (isUsable || sentAt <= link.missedAt) return;
  link.misses += 1;
  link.missedAt = readClock(services);
  if (link.misses < MOST_MISSES) return;
  link.misses = 0;
  link.restsSince = link.missedAt;
  logFailure('a region is not asked for a minute', `${MOST_MISSES} questions without a usable answer`, {
    region: link.name,
  });
}

/** Asks a region, and merges what it has heard of the feed. @returns null when the answer vouches for nothing */
async function hearRegion(
  services: Verification,
  name: RegionName,
  wanted: Wanted | null,
): Promise<{ answer: RegionAnswer; sentAt: number; clockSteps: number } | null> {
  const { heard, polls, regions, settings } = services;
  const asked = heard.ask(readClock(services));
  polls.startedAt = asked.sentAt;
  try {
    const question = { hash: wanted?.hash ?? null, after: asked.after, epoch: heard.followedEpoch };
    const answer = parseRegionAnswer(await regions?.ask(name, question));
    readClock(services);
    if (answer === null || !heard.hearRegion(asked, answer.feed)) return null;
    // Whoever hears the feed within the bound is in no outage. Else a poll that failed long ago would open the grace when
    // D1 is merely slow.
    if (heard.isRecent(readClock(services), settings.maxStalenessMs)) polls.areFailing = false;
    return { answer, sentAt: asked.sentAt, clockSteps: asked.clockSteps };
  } catch (error) {
    logFailure('a region could not be asked', error, { region: name });
    return null;
  }
}

function findInAnswer(
  services: Verification,
  { hash, foundKey }: Wanted,
  { answer, sentAt, clockSteps }: NonNullable<Awaited<ReturnType<typeof hearRegion>>>,
): Found | null {
  const { heard, settings } = services;
  const now = readClock(services);
  const { found } = answer;
  if (found === null || heard.clockSteps !== clockSteps) return null;
  if ('absentFor' in found) {
    const asOf = sentAt - found.absentFor;
    if (!heard.isAbsentStill(asOf, now, settings.maxStalenessMs)) return null;
    // A key that this isolate has just created works here at once, and KV has it.
    if (heard.isBehindOwnChanges(answer.feed.head)) return null;
    return concludeAbsence(services, hash, asOf, 'region');
  }
  foundKey();
  const record = compile(found.record, now);
  if (record === null) return null;
  if (heard.isUsable(record, now, settings.maxStalenessMs)) {
    holdRecord(services, hash, record);
    return { outcome: 'found', record, tier: 'region' };
  }
  // The region's feed is too old. In an outage of this isolate's own, the record may be used by the grace.
  holdForLater(services, hash, record);
  return null;
}
