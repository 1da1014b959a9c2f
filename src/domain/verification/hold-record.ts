import { logFailure } from '../../log.ts';
import type { VerificationRecord } from '../../storage/verification-record.ts';
import type { Verification } from '../services.ts';
import { compileKeyRecord, type KeyRecord } from './key-record.ts';
import { readClock } from './read-clock.ts';

/**
 * Where an answer about a secret came from. `d1`: the nearest replica, or the primary where there is none. `primary`: the
 * primary, which was asked as such.
 */
export type Tier = 'memory' | 'region' | 'kv' | 'd1' | 'primary';

/** What a look-up has found of a secret. `asOf`: when that was certainly so, in unix milliseconds. */
export type Found = ({ outcome: 'found'; record: KeyRecord } | { outcome: 'absent'; asOf: number }) & { tier: Tier };

/** The secret whose record a call wants. */
export interface Wanted {
  /** Its SHA-256, in hex. */
  hash: string;
  /** To be called when a key is found after the call has given up. */
  foundKey: () => void;
}

/** The compiled record; null when the stored values cannot be read, which lets no one in. */
export function compile(stored: VerificationRecord, cachedAt?: number): KeyRecord | null {
  try {
    return compileKeyRecord(stored, cachedAt);
  } catch (error) {
    logFailure('what is stored of a key cannot be used', error, { key_id: stored.keyId });
    return null;
  }
}

/** Keeps a record in memory. */
export function holdRecord({ memory }: Verification, hash: string, record: KeyRecord): void {
  memory.records.set(hash, record);
  memory.absences.delete(hash);
}

/**
 * What follows when a secret was not found. Where another look-up has found its record meanwhile, and that may be used,
 * the absence comes from a place that lags, and counts for nothing. Else it is kept in memory.
 * @param asOf when the feed had last been heard before the look-up (unix milliseconds)
 */
export function concludeAbsence(services: Verification, hash: string, asOf: number, tier: Tier): Found {
  const { heard, memory, settings } = services;
  const held = memory.records.get(hash);
  if (held !== undefined && heard.isUsable(held, readClock(services), settings.maxStalenessMs)) {
    return { outcome: 'found', record: held, tier: 'memory' };
  }
  memory.records.delete(hash);
  memory.absences.set(hash, asOf);
  return { outcome: 'absent', asOf, tier };
}

/**
 * Keeps a record that helps no call now, unless memory has a newer one. The next call checks it against the feed.
 * @returns whether it is kept
 */
export function holdForLater(services: Verification, hash: string, record: KeyRecord): boolean {
  const held = services.memory.records.get(hash);
  if (held?.epoch === record.epoch && held.seq > record.seq) return false;
  holdRecord(services, hash, record);
  return true;
}

/** Keeps a record of D1 that comes too late for its call, in memory and in KV. */
export function holdLate(services: Verification, hash: string, late: VerificationRecord): void {
  const record = compile(late, readClock(services));
  if (record === null || !holdForLater(services, hash, record)) return;
  const isUsable = services.heard.isUsable(record, readClock(services), services.settings.maxStalenessMs);
  if (isUsable) services.defer(services.cache.write(hash, late));
}
