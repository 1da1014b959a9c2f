import { log } from '../../log.ts';
import { recordRefusal } from '../../storage/commit-change.ts';
import type { Stores } from '../services.ts';
import { actorOf, type Caller } from './caller.ts';
import type { Refusal, Shortfall } from './refusal.ts';

/** What the caller tried to act on: a key, a user, or only the organisation when the target was still to be created. */
export interface Attempt {
  action:
    | 'api_key.create'
    | 'api_key.change'
    | 'api_key.rotate'
    | 'api_key.overlap'
    | 'api_key.revoke'
    | 'api_key.pause'
    | 'api_key.resume'
    | 'api_key.see'
    | 'user.create'
    | 'user.change'
    | 'user.delete'
    | 'user.invite'
    | 'organisation.create';
  orgId: number;
  apiKeyId?: number;
  userId?: string;
}

/**
 * Refuses an act that is out of the caller's reach, and appends an audit event, because administrators should know who
 * tries. The event has its own action, such as `api_key.create_refused`. Of a caller who tries again and again, only
 * the first attempts of each minute become events. The next event says how many attempts before it did not (`dropped`).
 * @throws when the event cannot be written
 */
export async function refuseReach(
  services: Stores,
  caller: Caller,
  attempt: Attempt,
  shortfall: Shortfall,
): Promise<Refusal> {
  const now = services.now();
  const who = caller.apiKeyId === null ? `user ${caller.user.id}` : `key ${caller.apiKeyId}`;
  const counted = services.refusals.count(who, now);
  if (counted.onRecord) {
    await recordRefusal(services, {
      orgId: attempt.orgId,
      apiKeyId: attempt.apiKeyId ?? null,
      userId: attempt.userId ?? null,
      audit: {
        action: `${attempt.action}_refused`,
        changes: { ...shortfall, ...(counted.dropped > 0 ? { dropped: counted.dropped } : {}) },
      },
      actor: actorOf(caller),
      now,
    });
  } else if (counted.first) {
    log('refused attempts of one caller are counted, and no longer put on record one by one', {
      api_key_id: caller.apiKeyId,
      user_id: caller.user.id,
      org_id: caller.user.orgId,
    });
  }
  return { refused: 'out_of_reach', shortfall };
}
