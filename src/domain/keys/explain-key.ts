import { readRecordInUse } from '../../storage/secrets.ts';
import type { Stores } from '../services.ts';
import type { Call } from '../verification/decide-access.ts';
import { type AccessExplanation, explainAccess } from '../verification/explain-access.ts';
import { compileKeyRecord } from '../verification/key-record.ts';
import type { Key } from './key.ts';

/**
 * Why a call with a key would be allowed or refused, by what the primary has of it now.
 * @param at the moment asked about, in unix milliseconds
 * @returns null when the key was deleted since it was read
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
