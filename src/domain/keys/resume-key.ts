import * as storage from '../../storage/change-keys.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import type { Outcome, Shortfall } from '../authority/refusal.ts';
import { administersKeys } from '../permissions/roles.ts';
import type { Acting } from '../services.ts';
import { effectiveFromNow } from '../verification/effective-by.ts';
import { actOnKey } from './act-on-key.ts';
import type { ChangedKey, Key } from './key.ts';
import { belongingOf, findKeyShortfall, refuseKeyReach } from './key-reach.ts';

/**
 * Resumes a key that the caller has access to. The key must be in the caller's reach, because it gives back rights; but it
 * may be another user's, because whoever may pause a key has to be able to take that back. A key that is not paused stays
 * as it is.
 */
export function resumeKey(services: Acting, caller: Caller, key: Key): Promise<Outcome<ChangedKey>> {
  return actOnKey(services, caller, key, (confirmed, present) => tryResume(services, confirmed, present));
}

/** @returns null when the caller, the key or its user was changed between the judgement and the write */
async function tryResume(services: Acting, caller: Caller, key: Key): Promise<Outcome<ChangedKey> | null> {
  if (key.revokedAt !== null) {
    return { refused: 'invalid', fields: { disabled: 'A revoked key cannot be resumed. Create a new one.' } };
  }
  const shortfall = findResumeShortfall(caller, key);
  if (shortfall !== null) return refuseKeyReach(services, caller, 'api_key.resume', key, shortfall);
  if (key.pausedAt === null) return { key, effectiveBy: effectiveFromNow(services) };
  const resumed = await storage.resumeKey(services, key, {
    audit: { action: 'api_key.resumed', changes: { paused: [true, false] } },
    actor: actorOf(caller, { apiKeyIds: [key.id], userIds: [key.userId] }),
    now: services.now(),
  });
  return resumed === null ? null : { key: resumed, effectiveBy: effectiveFromNow(services) };
}

/** Why the caller may not resume a paused key; null: it may. */
export function findResumeShortfall(caller: Caller, key: Key): Shortfall | null {
  const belongsTo = belongingOf(caller, key);
  // Of another user's personal key counts what would count if it were made now: whether the caller may give the role.
  const counted = belongsTo === 'another' ? 'new_for_another' : belongsTo;
  const shortfall = findKeyShortfall(caller, key, undefined, counted);
  if (shortfall !== null) return shortfall;
  const pausedByAnother = key.pausedAt !== null && key.pausedBy !== caller.user.id;
  return pausedByAnother && !administersKeys(caller.user.role) ? { rule: 'paused_by_another' } : null;
}
