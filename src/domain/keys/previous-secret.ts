import { readOverlaps } from '../../storage/secrets.ts';
import type { Stores, Usage } from '../services.ts';
import { findLastUsesOfSecrets } from '../usage/report-usage.ts';
import type { Key } from './key.ts';

/** The secret of a key that was rotated out and still works. */
export interface PreviousSecret {
  /** Enough to recognise it by; null: it was rotated out before the hints of such secrets were kept. */
  hint: string | null;
  /** When it stops working, in unix milliseconds. */
  retiresAt: number;
  /** Its last allowed call, in unix milliseconds; null: none is known; undefined: that could not be read. */
  lastUsedAt: number | null | undefined;
}

/** The previous secrets of those keys that are within an overlap, by key id. */
export async function findPreviousSecrets(
  services: Pick<Stores, 'heard' | 'now' | 'readList'> & Usage,
  keys: readonly Key[],
): Promise<Map<number, PreviousSecret>> {
  const ids = keys.filter(({ revokedAt }) => revokedAt === null).map(({ id }) => id);
  if (ids.length === 0) return new Map();
  const now = services.now();
  const overlaps = await services.readList(services.heard.lookupBookmark, (db) => readOverlaps(db, ids, now));
  const lastUses = await findLastUsesOfSecrets(services, overlaps);
  return new Map(
    overlaps.map(({ keyId, hint, retiresAt }, at) => [keyId, { hint, retiresAt, lastUsedAt: lastUses?.[at] }]),
  );
}
