import { endSession, endSessionsOfKey, endSessionsOfUser } from '../../storage/change-sessions.ts';
import type { Caller } from '../authority/caller.ts';
import type { Stores } from '../services.ts';

/** Ends the session that the caller is in. A session that has ended already stays as it is. */
export async function signOut(services: Pick<Stores, 'db' | 'now'>, caller: Caller): Promise<void> {
  const ending = endingBy(caller);
  if (ending === null) return;
  await endSession(services, ending, {
    audit: { action: 'user.signed_out', changes: {} },
    actor: actorWho(caller),
    now: services.now(),
  });
}

/**
 * Ends the session that the caller is in, and others with it. By link or by Access: all sessions and sign-in links of the
 * user. By key: the sessions that were started with this key, and no others. Whoever has a leaked key of a user could
 * otherwise keep the user out of the console, where it is revoked.
 */
export async function signOutEverywhere(services: Pick<Stores, 'db' | 'now'>, caller: Caller): Promise<void> {
  const ending = endingBy(caller);
  if (ending === null) return;
  const { apiKeyId } = ending;
  const event = {
    audit: { action: 'user.signed_out_everywhere' as const, changes: {} },
    actor: actorWho(caller),
    now: services.now(),
  };
  if (apiKeyId === null) await endSessionsOfUser(services, ending, event);
  else await endSessionsOfKey(services, { ...ending, apiKeyId }, event);
}

function endingBy({ user, apiKeyId, confirm }: Caller) {
  return confirm.session === null ? null : { hash: confirm.session.hash, userId: user.id, orgId: user.orgId, apiKeyId };
}

/** Signing out takes nothing but the session itself, and the batch asks whether that is still there. */
function actorWho({ user, apiKeyId, clientIp }: Caller) {
  return { userId: user.id, apiKeyId, clientIp, judgement: null };
}
