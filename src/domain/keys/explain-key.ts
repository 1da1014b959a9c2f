import { readRecordInUse } from '../../storage/secrets.ts';
import type { Stores } from '../services.ts';
import type { Call } from '../verification/decide-access.ts';
import { type AccessExplanation, explainAccess } from '../verification/explain-access.ts';
import { compileKeyRecord } from '../verification/key-record.ts';
import type { Key } from './key.ts';

/**
 * Why a call with a key would be allowed or refused, by what D1's primary holds now.
 * @param at the moment to judge at, in unix milliseconds
 * @returns null when the key was deleted since it was read
 * @throws when the stored allowlist or date cannot be read
 */
export async function explainKey(
  services: Stores,
  key: Key,
  call: Call,
  at: number,
): Promise<AccessExplanation | null> {
  const record = await readRecordInUse(services.db, key.id);
  return record === null ? null : explainAccess(compileKeyRecord(record), call, at);
}
