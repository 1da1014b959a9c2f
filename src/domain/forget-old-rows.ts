import { logFailure } from '../log.ts';
import { pruneAuditLog } from '../storage/audit-log.ts';
import { pruneFeed } from '../storage/change-feed.ts';
import { pruneLinks, pruneSessions } from '../storage/change-sessions.ts';
import { pruneAnswers } from '../storage/idempotent-answers.ts';
import { rollUpUsage } from '../storage/usage.ts';
import { SESSION_MS } from './authority/session.ts';
import { ANSWER_KEEP_MS } from './retries/retry.ts';
import type { Services } from './services.ts';
import { forgetUnusedKeys } from './usage/forget-unused-keys.ts';

/**
 * How long changes stay in the feed. An isolate that was idle for longer reads its records again. A record from KV is
 * read again too when it is older than the feed's beginning; KV keeps a record for an hour.
 */
const FEED_KEEP_MS = 24 * 60 * 60 * 1000;

/** How long a link stays that has expired: whoever opens it is told that it has ended, and the try is on record. */
const LINK_KEEP_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * Rows of one table in one transaction, and transactions of one job in one hourly run. D1 ends a statement after 30 s,
 * and answers nothing else meanwhile. So a backlog, after months without the trigger, is deleted in slices and over
 * several hours.
 */
const SLICE_ROWS = 5_000;
const MAX_SLICES = 40;

/**
 * Deletes the rows that are kept no longer. The cron trigger runs it; it is harmless at any other time. A job that
 * fails is logged, and the other jobs run all the same.
 */
export async function forgetOldRows(services: Pick<Services, 'db' | 'usage' | 'now' | 'settings'>): Promise<void> {
  const { db, usage, now, settings } = services;
  const jobs: [name: string, job: () => Promise<void>][] = [
    ['the change feed', () => inSlices(() => pruneFeed(db, now() - FEED_KEEP_MS, SLICE_ROWS))],
    ['answers for retries', () => inSlices(() => pruneAnswers(db, now() - ANSWER_KEEP_MS, SLICE_ROWS))],
    ['the audit log', () => inSlices(() => pruneAuditLog(db, now() - settings.auditKeepMs, SLICE_ROWS))],
    ['sessions', () => inSlices(() => pruneSessions(db, now() - SESSION_MS, SLICE_ROWS))],
    ['sign-in links', () => inSlices(() => pruneLinks(db, now() - LINK_KEEP_MS, SLICE_ROWS))],
    ['usage', () => inSlices(() => rollUpUsage(usage.db, now(), SLICE_ROWS))],
    ['keys that are not used', () => forgetUnusedKeys(services)],
  ];
  for (const [name, job] of jobs) {
    await job().catch((error: unknown) => logFailure('old rows could not be forgotten', error, { of: name }));
  }
}

/**
 * Calls `forget` for one slice after the other, until a slice is not full or MAX_SLICES are done. `forget` returns how
 * many rows it touched.
 */
async function inSlices(forget: () => Promise<number>): Promise<void> {
  for (let slices = 0; slices < MAX_SLICES; slices++) {
    if ((await forget()) < SLICE_ROWS) return;
  }
}
