import { logFailure } from '../../log.ts';
import { readAddedFlushes } from '../../storage/usage.ts';
import { networkOfClient } from '../addresses/client-network.ts';
import type { Isolate } from '../isolate.ts';
import type { Limits } from '../limits.ts';
import type { Secrets, Usage, Verification } from '../services.ts';
import { tellRegion } from '../verification/ask-region.ts';
import { poll } from '../verification/follow-feed.ts';
import { readClock } from '../verification/read-clock.ts';
import { TOOK_TOO_LONG, withinBudget } from '../within-budget.ts';
import { type Answered, type HealthChecks, type HealthReport, reportHealth } from './health-report.ts';

/*
 * Asks every part of the service how it is. Anyone may ask, without a key, and each check costs a query of both databases
 * and a read of KV. So an isolate checks at most once in KEEP_MS, and gives what it found to all who ask meanwhile. The
 * platform's limits hold as well, because a flood makes isolates: 60 checks a minute for each address in a location, so
 * that one stranger cannot keep another's monitor from its answer, and 300 for all addresses together.
 * `RATE_LIMIT=off` does not lift them.
 */

/** How long an answer is given again. */
const KEEP_MS = 5_000;
/** How long a part has to answer, which is what a call waits for D1. The parts are asked at the same time. */
const BUDGET_MS = 2_000;
/** How often one who waits for another one's check looks whether it is done. */
const LOOK_AGAIN_MS = 100;
/** A check that takes longer was lost: the platform ends what a request was doing when the request ends. */
const LOST_AFTER_MS = 2 * BUDGET_MS;
/** Who has waited so long for other ones' checks gives up. */
const MOST_WAIT_MS = 10_000;
/** A name that no secret has. A read of it costs KV what any other read costs. */
const NO_HASH = 'health';

/** What health is checked with. */
interface Checked extends Verification, Secrets, Usage, Pick<Isolate, 'health'> {
  settings: Verification['settings'] & Secrets['settings'] & Usage['settings'];
  limits: Verification['limits'] & Secrets['limits'] & Pick<Limits, 'costlyReads' | 'user'>;
}

/**
 * How the parts of the service are, as of at most KEEP_MS ago.
 * @param clientIp who asks; null: the address is not known
 */
export async function checkHealth(
  services: Checked,
  clientIp: string | null,
): Promise<{ refused?: never; report: HealthReport } | { refused: 'rate_limited' }> {
  const { health } = services;
  const startedAt = readClock(services);
  for (;;) {
    const now = readClock(services);
    if (health.report !== null && isWithin(health.madeAt, now, KEEP_MS)) return { report: health.report };
    if (!isWithin(health.begunAt, now, LOST_AFTER_MS)) break;
    if (!isWithin(startedAt, now, MOST_WAIT_MS)) return { refused: 'rate_limited' };
    // By a timer of one's own: the other request's promise may never settle.
    await new Promise<void>((resolve) => services.after(LOOK_AGAIN_MS, resolve));
  }
  // No await lies between the look and this mark. Else all who wait would check.
  health.begunAt = readClock(services);
  if (!(await mayCheck(services, clientIp))) {
    health.begunAt = Number.NEGATIVE_INFINITY;
    return { refused: 'rate_limited' };
  }
  const checking = checkParts(services).then((checks) => {
    health.report = reportHealth(checks);
    health.madeAt = readClock(services);
    health.begunAt = Number.NEGATIVE_INFINITY;
    return health.report;
  });
  // The check goes on when the one who asked has gone, because others wait for it.
  services.defer(checking);
  return { report: await checking };
}

async function mayCheck({ limits }: Checked, clientIp: string | null): Promise<boolean> {
  const network = (clientIp === null ? null : networkOfClient(clientIp)) ?? 'no address';
  return (await limits.costlyReads.allows(`health ${network}`)) && (await limits.user.allows('health'));
}

async function checkParts(services: Checked): Promise<HealthChecks> {
  const [keys_database, usage_database, kv, region, keyring] = await Promise.all([
    askKeysDatabase(services),
    ask(services, 'usage_database', () => readAddedFlushes(services.usage.db, [])),
    ask(services, 'kv', () => services.cache.read(NO_HASH)),
    tellRegion(services),
    askKeyring(services),
  ]);
  // Last: the answers above have brought what there is to be heard.
  return { keys_database, usage_database, kv, feed: tellFeed(services), region, keyring };
}

/** Polls the change feed, as verification does: then the answer also says what verdicts can rest on. */
async function askKeysDatabase(services: Checked): Promise<Answered> {
  const polling = poll(services, null);
  services.defer(polling);
  const polled = await withinBudget(services, BUDGET_MS, polling);
  if (polled.ok) return polled.value.heard ? 'ok' : 'failing';
  return polled.reason === TOOK_TOO_LONG ? 'silent' : 'failing';
}

async function askKeyring(services: Checked): Promise<HealthChecks['keyring']> {
  let isUsable = false;
  const answered = await ask(services, 'keyring', async () => {
    isUsable = (await services.keyring()) !== null;
  });
  return answered === 'ok' && !isUsable ? 'unusable' : answered;
}

/** Asks one part. Why it failed is for the operator, and so only in the log. */
async function ask(services: Checked, part: keyof HealthChecks, act: () => Promise<unknown>): Promise<Answered> {
  // A binding may throw before it gives a promise.
  const asked = await withinBudget(services, BUDGET_MS, Promise.resolve().then(act));
  if (asked.ok) return 'ok';
  logFailure('a part of the service failed its health check', asked.reason, { part });
  return asked.reason === TOOK_TOO_LONG ? 'silent' : 'failing';
}

function tellFeed(services: Checked): HealthChecks['feed'] {
  const { heard, polls, settings } = services;
  if (settings.maxStalenessMs === 0) return 'unused';
  const now = readClock(services);
  if (heard.isRecent(now, settings.maxStalenessMs)) return 'fresh';
  return polls.areFailing && heard.isRecent(now, settings.outageGraceMs) ? 'grace' : 'stale';
}

/** False when the clock was set back since. */
function isWithin(moment: number, now: number, milliseconds: number): boolean {
  return now - moment >= 0 && now - moment < milliseconds;
}
