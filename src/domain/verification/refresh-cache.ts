import { KEEP_SECONDS } from '../../storage/record-cache.ts';
import type { Verification } from '../services.ts';
import { type KeyRecord, storedRecord } from './key-record.ts';
import { readClock } from './read-clock.ts';

/*
 * KV forgets a record an hour after it was written, also of a key that is in use all the time. An isolate that has it in
 * memory writes it again before that, so that other isolates need not go to D1 for it.
 */

/** When a record in KV is written again: half of the time that it is kept. */
export const REFRESH_AFTER_MS = (KEEP_SECONDS / 2) * 1000;

/** When a record that KV gave was written. A moment that cannot be, because clocks differ, is taken for now. */
export function cachedSince(writtenAt: number | null, now: number): number {
  return writtenAt !== null && writtenAt <= now && now - writtenAt <= KEEP_SECONDS * 1000 ? writtenAt : now;
}

/**
 * Writes a record into KV again when what is known there of it is old. An isolate asks once in half an hour for each
 * key, and writes only what no other isolate has written meanwhile.
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
  // Also what is written has to be usable at this moment: after the await it may not be any more.
  const isUsable = (record: Parameters<typeof heard.isUsable>[0]) =>
    heard.isUsable(record, now, settings.maxStalenessMs);
  if (cached !== null && cached.writtenAt !== null && isUsable(cached.record)) {
    const age = now - cached.writtenAt;
    if (age >= 0 && age < memory.refreshAfterMs) {
      held.cachedAt = cached.writtenAt;
      return;
    }
  }
  // True up to what was heard last: so an isolate that begins, and knows of few changes, can use it too.
  if (isUsable(held)) await cache.write(hash, storedRecord(held, heard.vouchedSeq(held)));
}
