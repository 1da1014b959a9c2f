import { readExistingKeys } from '../../storage/keys.ts';
import { forgetUses, type KeyRange, readHighestKey, readLongUnused } from '../../storage/usage.ts';
import type { Stores, Usage } from '../services.ts';

const HOUR_MS = 60 * 60 * 1000;
/**
 * Key ids checked in one run. A million keys take three weeks. Nobody notices, because sources that are too old and
 * deleted keys are not shown anyway. An index by time would be faster, but would double what each flush writes.
 */
const KEYS_PER_RUN = 2_000;

/**
 * Deletes the sources of keys that are too old, and the last use of keys that were deleted. The last use of an existing
 * key stays for ever. Without it the key would look as if it had never been used, and someone could revoke it for that.
 */
export async function forgetUnusedKeys({
  db,
  usage,
  now,
}: Pick<Stores & Usage, 'db' | 'usage' | 'now'>): Promise<void> {
  const range = rangeOfHour(await readHighestKey(usage.db), now());
  const unused = await readLongUnused(usage.db, range, now());
  const existing = await readExistingKeys(db, unused);
  const gone = unused.filter((id) => !existing.has(id));
  await forgetUses(usage.db, range, gone, now());
}

/** The range of key ids whose turn it is: each hour the next range, and after the last the first again. */
function rangeOfHour(highestKey: number, now: number): KeyRange {
  const ranges = Math.max(1, Math.ceil((highestKey + 1) / KEYS_PER_RUN));
  const from = (Math.floor(now / HOUR_MS) % ranges) * KEYS_PER_RUN;
  return { from, to: from + KEYS_PER_RUN };
}
