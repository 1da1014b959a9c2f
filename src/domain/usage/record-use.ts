import { logFailure } from '../../log.ts';
import type { UseCount } from '../../storage/usage.ts';
import type { Usage } from '../services.ts';
import type { Verdict } from '../verification/verify-key.ts';
import { withinBudget } from '../within-budget.ts';
import { addUsage } from './add-usage.ts';
import { describeFlush } from './describe-flush.ts';
import type { Use } from './use-counter.ts';

/*
 * Counting, off the path: a call only adds to the isolate's memory. What was counted is sent to a queue a few times a
 * minute, by which it gets into the usage database in large pieces.
 */

/** A message of the queue may have 128 KB; what the counts are wrapped in, and their id, take some of it. */
const MOST_BYTES = 100_000 - 200;
/** Sent earlier than usual when so many different things have been counted, for the memory they take. */
const MOST_COUNTS = 5_000;
/**
 * All that a flush takes, from the call that it was planned by: `waitUntil` keeps an event for 30 s, and what is under way
 * then ends without a trace. What the wait leaves of it is shared by the queue and the database.
 */
const WHOLE_MS = 28_000;
/** So much is left even where `USAGE_FLUSH_SECONDS` is at its most. */
const LEAST_BUDGET_MS = 1_500;
/** A planned flush that has not come after so many intervals ended with its event, and another one is planned. */
const LOST_AFTER = 2;

/** Counts a call, and sees to it that what was counted is sent in time. */
export function recordUse(services: Usage, use: Use): void {
  const { settings, counting } = services;
  if (!settings.countsUsage) return;
  const now = services.now();
  counting.counter.count(use, now);
  if (counting.counter.size >= MOST_COUNTS) {
    services.defer(flushUses(services));
  } else if (now < counting.plannedAt || now - counting.plannedAt >= LOST_AFTER * settings.usageFlushMs) {
    // A clock that was set back says nothing of when the flush was planned.
    // Once for all calls of an interval: the event of its first call sends what they leave, after its answer.
    counting.plannedAt = now;
    services.defer(flushLater(services));
  }
}

/** Counts a call by the verdict about it. */
export function recordVerdict(services: Usage, verdict: Verdict, clientIp: string | null): void {
  const code = verdict.allowed ? 'VALID' : verdict.code;
  recordUse(services, { keyId: verdict.key?.id ?? null, code, clientIp });
}

async function flushLater(services: Usage): Promise<void> {
  const wait = Math.min(services.settings.usageFlushMs, WHOLE_MS - 2 * LEAST_BUDGET_MS);
  await new Promise<void>((resolve) => services.after(wait, resolve));
  await flushUses(services, wait);
}

/**
 * Sends what was counted. What can be sent nowhere is logged with its counts, so that it is not lost without a trace.
 * @param waited how long the event has waited for this already, in milliseconds
 */
export async function flushUses(services: Usage, waited = 0): Promise<void> {
  services.counting.plannedAt = Number.NEGATIVE_INFINITY;
  const budget = (WHOLE_MS - waited) / 2;
  // Side by side: one after the other, a queue that is silent would use up the time of all but the first.
  await Promise.all(inPieces(services.counting.counter.take()).map((counts) => sendOrAdd(services, counts, budget)));
}

async function sendOrAdd(services: Usage, counts: UseCount[], budget: number): Promise<void> {
  const flush = { id: crypto.randomUUID(), counts };
  const sent = await withinBudget(services, budget, services.usage.send(flush));
  if (sent.ok) return;
  logFailure('usage could not be sent to its queue, and goes to its database', sent.reason);
  // The same id, in case the queue did take it and only its answer was lost.
  const added = await withinBudget(services, budget, addUsage(services, [flush]));
  if (!added.ok) logFailure('usage was lost', added.reason, describeFlush(flush));
}

function inPieces(counts: readonly UseCount[]): UseCount[][] {
  const pieces: UseCount[][] = [];
  let room = 0;
  for (const count of counts) {
    const bytes = JSON.stringify(count).length + 1;
    if (bytes > room) {
      pieces.push([]);
      room = MOST_BYTES;
    }
    pieces.at(-1)?.push(count);
    room -= bytes;
  }
  return pieces;
}
