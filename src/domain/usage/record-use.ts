import { logFailure } from '../../log.ts';
import type { UseCount } from '../../storage/usage.ts';
import type { Usage } from '../services.ts';
import type { Call } from '../verification/decide-access.ts';
import type { KeyRecord } from '../verification/key-record.ts';
import type { Verdict } from '../verification/verify-key.ts';
import { withinBudget } from '../within-budget.ts';
import { addUsage } from './add-usage.ts';
import { describeFlush } from './describe-flush.ts';
import type { Use } from './use-counter.ts';

/*
 * Counting of calls. A call only adds to the isolate's memory. A few times a minute the counts are sent to a queue,
 * which brings them to the usage database in large batches.
 */

/**
 * Bytes of counts in one message. A message of the queue may have 128 KB, of which the flush's id and the wrapping take
 * some.
 */
const MAX_MESSAGE_BYTES = 100_000 - 200;
/** With so many distinct counts in memory, they are sent at once, because of the memory that they take. */
const MAX_COUNTS_IN_MEMORY = 5_000;
/**
 * The time for a whole flush, from the call that planned it. `waitUntil` keeps an event alive for 30 s; what is still
 * under way then ends without a trace. The time that the wait leaves is split between the queue and the database.
 */
const FLUSH_BUDGET_MS = 28_000;
/** The least time for the queue, and for the database, that the longest `USAGE_FLUSH_SECONDS` still leaves. */
const MIN_BUDGET_MS = 1_500;
/**
 * A flush that has not come after so many intervals (`USAGE_FLUSH_SECONDS`) was lost: the platform ended its event. The
 * next call plans another one.
 */
const LOST_AFTER_INTERVALS = 2;

/** Counts a call. Plans a flush when none is planned; sends the counts at once when there are MAX_COUNTS_IN_MEMORY. */
export function recordUse(services: Usage, use: Use): void {
  const { settings, counting } = services;
  if (!settings.countsUsage) return;
  const now = services.now();
  counting.counter.count(use, now);
  if (counting.counter.size >= MAX_COUNTS_IN_MEMORY) {
    services.defer(flushUses(services));
  } else if (now < counting.plannedAt || now - counting.plannedAt >= LOST_AFTER_INTERVALS * settings.usageFlushMs) {
    // When the clock was set back, `plannedAt` lies in the future and means nothing.
    // One flush serves all calls of an interval: after its response, the event of the first call sends all counts.
    counting.plannedAt = now;
    services.defer(flushLater(services));
  }
}

/** Counts a call by the verdict about it. */
export function recordVerdict(services: Usage, verdict: Verdict, { clientIp, needs }: Call): void {
  if (verdict.allowed) recordAllowed(services, verdict.record, { clientIp, needs });
  else recordUse(services, { keyId: verdict.key?.id ?? null, code: verdict.code, clientIp });
}

/** Counts a call that was allowed. `needs` are the permissions that it asked for. */
export function recordAllowed(
  services: Usage,
  { keyId, secretCreatedAt }: Pick<KeyRecord, 'keyId' | 'secretCreatedAt'>,
  { clientIp, needs }: Call,
): void {
  recordUse(services, { keyId, code: 'VALID', clientIp, secret: secretCreatedAt, needs });
}

async function flushLater(services: Usage): Promise<void> {
  const wait = Math.min(services.settings.usageFlushMs, FLUSH_BUDGET_MS - 2 * MIN_BUDGET_MS);
  await new Promise<void>((resolve) => services.after(wait, resolve));
  await flushUses(services, wait);
}

/**
 * Sends the counts to the queue; where that fails, adds them to the usage database. What neither takes is logged with
 * its counts, so that it is not lost without a trace.
 * @param waited how long the event has already waited, in milliseconds
 */
export async function flushUses(services: Usage, waited = 0): Promise<void> {
  services.counting.plannedAt = Number.NEGATIVE_INFINITY;
  const budget = (FLUSH_BUDGET_MS - waited) / 2;
  // In parallel. In sequence, a silent queue would use up the time of all messages but the first.
  await Promise.all(inPieces(services.counting.counter.take()).map((counts) => sendOrAdd(services, counts, budget)));
}

async function sendOrAdd(services: Usage, counts: UseCount[], budget: number): Promise<void> {
  const flush = { id: crypto.randomUUID(), counts };
  const sent = await withinBudget(services, budget, services.usage.send(flush));
  if (sent.ok) return;
  logFailure('usage could not be sent to its queue, and goes to its database', sent.reason);
  // With the same id: the queue may have taken the message, and only its answer was lost. The flush is then added only
  // once.
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
      room = MAX_MESSAGE_BYTES;
    }
    pieces.at(-1)?.push(count);
    room -= bytes;
  }
  return pieces;
}
