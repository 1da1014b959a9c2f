import { logFailure } from '../../log.ts';
import { touchSession } from '../../storage/change-sessions.ts';
import type { StoredSession } from '../../storage/sessions.ts';
import { effectivePermissions, type PermissionName } from '../permissions/permissions.ts';
import type { Stores, Verification } from '../services.ts';
import { decideAccess } from '../verification/decide-access.ts';
import { D1_BUDGET_MS } from '../verification/follow-feed.ts';
import { compileKeyRecord, type KeyRecord, type Reach } from '../verification/key-record.ts';
import { readClock } from '../verification/read-clock.ts';
import { withinBudget } from '../within-budget.ts';
import type { Caller } from './caller.ts';
import type { Outcome, Refusal } from './refusal.ts';
import { findEnd, SESSION_MS, type Session, TOUCH_MS } from './session.ts';

/** A request in a session: where it comes from, and the permissions that it needs. */
interface SessionCall {
  clientIp: string | null;
  needs: readonly PermissionName[];
}

type Read = { session: Session; caller: Caller; lastSeenAt: number };

/**
 * Reads a session from D1's primary, and judges it by what holds now: its age, its user and, for a session by key, the
 * whole decision on that key, address included. Nothing of it is cached, so a session that was ended is ended everywhere.
 * @param hash SHA-256 of the session's id, in hex
 * @returns refused as `session_ended` when it has ended, or its key would be refused; as `unavailable` when D1 gives no
 * answer
 */
export async function readSession(
  services: Verification,
  hash: string,
  { clientIp, needs }: SessionCall,
): Promise<Outcome<Read>> {
  const read = await withinBudget(services, D1_BUDGET_MS, services.source.readSession(hash));
  if (!read.ok) {
    logFailure('D1 could not be read', read.reason);
    return { refused: 'unavailable' };
  }
  const stored = read.value;
  const now = readClock(services);
  if (stored === null) return { refused: 'session_ended', why: 'gone' };
  const end = findEnd(stored, now);
  if (end !== null) return { refused: 'session_ended', why: end };
  const key = stored.kind === 'key' ? judgeKey(stored, clientIp, now) : null;
  if (key !== null && 'refused' in key) return key;

  const caller = callerIn(stored, { hash, endsAt: stored.startedAt + SESSION_MS }, key, { clientIp, needs });
  const missing = needs.filter((name) => !caller.reach.permissions.includes(name));
  if (missing.length > 0) return { refused: 'denied', code: 'PERMISSION_DENIED', missing };
  return { session: sessionOf(stored, hash), caller, lastSeenAt: stored.lastSeenAt };
}

/**
 * Notes that a session is in use, at most once a minute and after the answer. A note that is lost ends the session at the
 * earliest an hour after the last one.
 */
export function noteUse(services: Pick<Stores, 'db' | 'defer' | 'now'>, hash: string, lastSeenAt: number): void {
  const now = services.now();
  if (now - lastSeenAt >= TOUCH_MS) services.defer(touchSession(services, hash, now));
}

/** Judges the key of a session as it would be judged if it made the call itself. */
function judgeKey(
  { key, secretHash }: StoredSession,
  clientIp: string | null,
  now: number,
): { secretHash: string; record: KeyRecord } | Refusal {
  if (key === null || secretHash === null) return { refused: 'session_ended', why: 'key' };
  let record: KeyRecord;
  try {
    record = compileKeyRecord(key);
  } catch (error) {
    logFailure('what is stored of a key cannot be used', error, { key_id: key.keyId });
    return { refused: 'unavailable' };
  }
  const decision = decideAccess(record, { clientIp, needs: [] }, now);
  if (!decision.allowed) return { refused: 'session_ended', why: 'key' };
  // A secret that was rotated out may be in the wrong hands. Within its overlap it still calls, but opens no console.
  if (record.retiresAt !== null) return { refused: 'session_ended', why: 'key' };
  return { secretHash, record };
}

function callerIn(
  stored: StoredSession,
  session: { hash: string; endsAt: number },
  key: { secretHash: string; record: KeyRecord } | null,
  { clientIp, needs }: SessionCall,
): Caller {
  const { userId, orgId, role, type, epoch, seq } = stored;
  return {
    user: { id: userId, orgId, role, type },
    reach: key === null ? reachOfPerson(stored) : key.record.reach,
    apiKeyId: key?.record.keyId ?? null,
    clientIp,
    confirm: { needs, epoch, seq, key, session },
  };
}

/** A person who is signed in by link or by Access can do all that the role can, from anywhere. */
function reachOfPerson({ role }: StoredSession): Reach {
  const unrestricted = { hasRestrictedPermissions: false, permissions: [] };
  return {
    userRole: role,
    isUnrestricted: true,
    permissions: effectivePermissions(unrestricted, role),
    ipWhitelist: [],
    expirationDate: null,
  };
}

function sessionOf(stored: StoredSession, hash: string): Session {
  const { userId, firstName, lastName, organisation, kind, hint, startedAt } = stored;
  return {
    hash,
    by: kind,
    user: { id: userId, firstName, lastName, organisation },
    hint,
    startedAt,
    endsAt: startedAt + SESSION_MS,
  };
}
