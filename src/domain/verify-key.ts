import { readVerificationRecord } from '../storage/keys.ts';
import { hashApiKey, isWellFormedApiKey } from './api-key-format.ts';
import { type Call, decideAccess } from './decide-access.ts';
import type { DenialCode } from './denial.ts';
import { compileKeyRecord, type KeyRecord } from './key-record.ts';
import type { PermissionName } from './permissions.ts';
import type { Role, UserType } from './roles.ts';
import type { Services } from './services.ts';

/** Until the change feed is followed, what memory holds counts only this long. */
const MEMORY_MS = 3_000;

/** A key that was allowed a call, and what it may do. */
export interface VerifiedKey {
  id: number;
  label: string;
  orgId: number;
  userId: string;
  userRole: Role;
  userType: UserType;
  expirationDate: string | null;
  ipWhitelist: readonly string[];
  permissions: readonly PermissionName[];
}

/** `keyId` names the key that was refused, where there is one. */
export type Verdict = { allowed: true; key: VerifiedKey } | { allowed: false; code: DenialCode; keyId: number | null };

/**
 * Decides about one call with a key.
 * @param apiKey as the client sent it; null when it sent none
 * @throws when no answer can be had from storage: a refusal is an answer, a failure is not
 */
export async function verifyKey(services: Services, apiKey: string | null, call: Call): Promise<Verdict> {
  if (apiKey === null) return { allowed: false, code: 'MISSING_KEY', keyId: null };
  if (!isWellFormedApiKey(apiKey, services.settings.keyPrefix)) {
    return { allowed: false, code: 'MALFORMED_KEY', keyId: null };
  }
  const record = await lookUp(services, await hashApiKey(apiKey));
  const decision = decideAccess(record, call, services.now());
  if (!decision.allowed || record === null) {
    const code = decision.allowed ? 'UNKNOWN_KEY' : decision.code;
    return { allowed: false, code, keyId: record?.keyId ?? null };
  }
  return {
    allowed: true,
    key: {
      id: record.keyId,
      label: record.label,
      orgId: record.orgId,
      userId: record.userId,
      userRole: record.userRole,
      userType: record.userType,
      expirationDate: record.expirationDate,
      ipWhitelist: record.ipWhitelist,
      permissions: decision.permissions,
    },
  };
}

/** Memory, then KV, then D1; what is found fills the tiers above. Nothing is used that a change heard of contradicts. */
async function lookUp(services: Services, hash: string): Promise<KeyRecord | null> {
  const { memory, heard, cache, db, now } = services;
  const held = memory.get(hash);
  if (held !== undefined && now() - held.readAt < MEMORY_MS && heard.agreesWith(held)) return held;

  const cached = await cache.read(hash);
  if (cached !== null && heard.agreesWith(cached)) return remember(services, hash, compileKeyRecord(cached, now()));

  const stored = await readVerificationRecord(db, hash);
  if (stored === null) {
    memory.delete(hash);
    return null;
  }
  services.defer(cache.write(hash, stored));
  return remember(services, hash, compileKeyRecord(stored, now()));
}

function remember(services: Services, hash: string, record: KeyRecord): KeyRecord {
  services.memory.set(hash, record);
  return record;
}
