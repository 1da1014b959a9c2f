import { KEEP_SECONDS } from '../../storage/record-cache.ts';
import type { Verification } from '../services.ts';
import { type KeyRecord, storedRecord } from './key-record.ts';
import { readClock } from './read-clock.ts';

/*
 * KV drops a record an hour after it was written, even for a key in constant use. An isolate that has the record in
 * memory writes it again before that, so that other isolates need not read D1.
 */

/** Age at which a record in KV is written again: half of the time that KV keeps it. */
export const REFRESH_AFTER_MS = (KEEP_SECONDS / 2) * 1000;

/** When a record read from KV was written. An impossible moment (clocks differ) counts as now. */
export function cachedSince(writtenAt: number | null, now: number): number {
  return writtenAt !== null && writtenAt <= now && now - writtenAt <= KEEP_SECONDS * 1000 ? writtenAt : now;
}

/**
 * Writes a record to KV again when its copy there is old. An isolate checks each key once in half an hour, and writes
 * only when no other isolate has written a usable record meanwhile.
 */
export function refreshIfDue(services: Verification, hash: string, held: KeyRecord, now: number): void {
  if (now - held.cachedAt < services.memory.refreshAfterMs) return;
  held.cachedAt = now;
  services.defer(refresh(services, hash, held));
}

async function refresh(services: Verification, hash: string, held: KeyRecord): Promise<void> {
  const { cache, heard, memory, settings } = services;
  const cached = await cache.read(hash);
  const now = readClock(services);
  // The record must still be usable after the await: only usable records are written.
  const isUsable = (record: Parameters<typeof heard.isUsable>[0]) =>
    heard.isUsable(record, now, settings.maxStalenessMs);
  if (cached !== null && cached.writtenAt !== null && isUsable(cached.record)) {
    const age = now - cached.writtenAt;
    if (age >= 0 && age < memory.refreshAfterMs) {
      held.cachedAt = cached.writtenAt;
      return;
    }
  }
  // The record is marked as true up to the last answer, so that a new isolate, which knows few changes, can use it.
  if (isUsable(held)) await cache.write(hash, storedRecord(held, heard.vouchedSeq(held)));
}
