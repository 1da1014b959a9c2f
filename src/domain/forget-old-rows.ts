import { logFailure } from '../log.ts';
import { pruneAuditLog } from '../storage/audit-log.ts';
import { pruneFeed } from '../storage/change-feed.ts';
import { rollUpUsage } from '../storage/usage.ts';
import type { Services } from './services.ts';
import { forgetUnusedKeys } from './usage/forget-unused-keys.ts';

/**
 * How long changes stay in the feed. An isolate that was idle for longer reads its records anew; so does one that finds
 * a record of KV, which keeps them for an hour, from before the feed's beginning.
 */
const FEED_KEEP_MS = 24 * 60 * 60 * 1000;

/**
 * Rows of one table in one transaction, and transactions of one job in an hour. D1 ends a statement after 30 s and
 * answers nothing else meanwhile: a backlog, after months without the trigger, goes in slices, and over several hours.
 */
const SLICE_ROWS = 5_000;
const MOST_SLICES = 40;

/**
 * Forgets what is kept no longer. Run by the cron trigger, and harmless at any time. A job that fails is logged, and
 * keeps no other from its turn.
 */
export async function forgetOldRows(services: Pick<Services, 'db' | 'usage' | 'now' | 'settings'>): Promise<void> {
  const { db, usage, now, settings } = services;
  const jobs: [name: string, job: () => Promise<void>][] = [
    ['the change feed', () => inSlices(() => pruneFeed(db, now() - FEED_KEEP_MS, SLICE_ROWS))],
    ['the audit log', () => inSlices(() => pruneAuditLog(db, now() - settings.auditKeepMs, SLICE_ROWS))],
    ['usage', () => inSlices(() => rollUpUsage(usage.db, now(), SLICE_ROWS))],
    ['keys that are not used', () => forgetUnusedKeys(services)],
  ];
  for (const [name, job] of jobs) {
    await job().catch((error: unknown) => logFailure('old rows could not be forgotten', error, { of: name }));
  }
}

/** Forgets a slice after the other, until one is not full. `forget` gives how many rows it touched. */
async function inSlices(forget: () => Promise<number>): Promise<void> {
  for (let slices = 0; slices < MOST_SLICES; slices++) {
    if ((await forget()) < SLICE_ROWS) return;
  }
}
