import { pruneAuditLog } from '../storage/audit-log.ts';
import { pruneFeed } from '../storage/change-feed.ts';
import { rollUpUsage } from '../storage/usage.ts';
import type { Services } from './services.ts';

/**
 * How long changes stay in the feed. An isolate that was idle for longer reads its records anew; so does one that finds
 * a record of KV, which keeps them for an hour, from before the feed's beginning.
 */
const FEED_KEEP_MS = 24 * 60 * 60 * 1000;

/** Forgets what is kept no longer. Run by the cron trigger, and harmless at any time. */
export async function forgetOldRows({
  db,
  usage,
  now,
  settings,
}: Pick<Services, 'db' | 'usage' | 'now' | 'settings'>): Promise<void> {
  await db.batch([pruneFeed(db, now() - FEED_KEEP_MS), pruneAuditLog(db, now() - settings.auditKeepMs)]);
  await usage.db.batch(rollUpUsage(usage.db, now()));
}
