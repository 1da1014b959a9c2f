import type { Counts } from './counts.ts';

/*
 * What a month costs on the Workers Paid plan, by the published prices, in dollars. All prices are for a million, beyond
 * what the plan includes.
 * - Workers: developers.cloudflare.com/workers/platform/pricing (read 2026-08-03)
 * - KV: developers.cloudflare.com/kv/platform/pricing (read 2026)
 * - D1: developers.cloudflare.com/d1/platform/pricing (read 2026-08-03)
 * - Durable Objects: developers.cloudflare.com/durable-objects/platform/pricing (read 2026). Rows of their storage are
 *   billed since 2026-01. To set an alarm writes one row, and an alarm is a request.
 * - Queues: developers.cloudflare.com/queues/platform/pricing (read 2026)
 */
const PLAN = 5;
const PRICES = {
  requests: { each: 0.3, included: 10 },
  cpuMs: { each: 0.02, included: 30 },
  kvReads: { each: 0.5, included: 10 },
  kvWrites: { each: 5, included: 1 },
  rowsRead: { each: 0.001, included: 25_000 },
  rowsWritten: { each: 1, included: 50 },
  objectRequests: { each: 0.15, included: 1 },
  objectGbSeconds: { each: 12.5, included: 0.4 },
  objectRowsWritten: { each: 1, included: 50 },
  queueOperations: { each: 0.4, included: 1 },
} as const;

type Bill = Record<keyof typeof PRICES, number>;

export const SECONDS_OF_MONTH = (365.25 * 24 * 3600) / 12;

/** A verification over HTTP takes less, by `npm run bench`. */
const CPU_MS = 1;
/** A record is one row of each of four tables. The feed's state, its lowest number and a few changes are as many. */
const ROWS_OF_QUERY = 4;
/** A message is written, read and deleted. */
const QUEUE_OPERATIONS = 3;
/** An object counts as 128 MB, whatever it needs. */
const OBJECT_GB = 0.128;
/** The consumer adds up to so many messages at once, or those of so many seconds. */
const MESSAGES_OF_BATCH = 20;
const SECONDS_OF_BATCH = 5;
/** Of each key: hours, last use, networks, uses. Of each message: its id, and that in two indexes. */
const ROWS_OF_KEY = 4;
const ROWS_OF_MESSAGE = 3;

export interface Usage {
  /** What was counted in so many seconds of that month. */
  counts: Counts;
  seconds: number;
  /** How many keys there are. */
  keys: number;
  /** Regions with an alarm. */
  regions: number;
}

/** Dollars for a month of this. A service of one's own is not priced: its fee is added to what Workers cost. */
export function priceOfMonth({ counts, seconds, keys, regions }: Usage): {
  total: number;
  parts: Record<string, number>;
} {
  const monthly = (count: number) => (count / seconds) * SECONDS_OF_MONTH;
  const messages = monthly(counts.usageMessages);
  const batches = Math.min(messages, Math.max(messages / MESSAGES_OF_BATCH, SECONDS_OF_MONTH / SECONDS_OF_BATCH));
  const keysOfBatch = batches === 0 ? 0 : Math.min(keys, monthly(counts.usageKeys) / batches);
  const bill: Bill = {
    requests: monthly(counts.calls) + batches,
    cpuMs: CPU_MS * (monthly(counts.calls) + monthly(counts.asks) + monthly(counts.alarms)),
    kvReads: monthly(counts.kvReads),
    kvWrites: monthly(counts.kvWrites),
    rowsRead: ROWS_OF_QUERY * monthly(counts.d1OfIsolates + counts.d1OfRegions),
    rowsWritten: batches * keysOfBatch * ROWS_OF_KEY + messages * ROWS_OF_MESSAGE,
    objectRequests: monthly(counts.asks + counts.alarms),
    // The most that it can be: while it waits for its next alarm, an object is idle and should cost nothing.
    objectGbSeconds: regions * OBJECT_GB * SECONDS_OF_MONTH,
    objectRowsWritten: monthly(counts.alarms),
    queueOperations: QUEUE_OPERATIONS * messages,
  };
  const cost = (...names: (keyof Bill)[]) => names.reduce((sum, name) => sum + costOf(name, bill[name]), 0);
  const parts = {
    Workers: PLAN + cost('requests', 'cpuMs'),
    KV: cost('kvReads', 'kvWrites'),
    'D1, reading': cost('rowsRead'),
    objects: cost('objectRequests', 'objectGbSeconds', 'objectRowsWritten'),
    'counting uses': cost('rowsWritten', 'queueOperations'),
  };
  return { total: Object.values(parts).reduce((sum, part) => sum + part, 0), parts };
}

function costOf(name: keyof Bill, amount: number): number {
  const { each, included } = PRICES[name];
  return Math.max(0, amount / 1e6 - included) * each;
}
