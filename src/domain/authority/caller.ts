import type { Actor } from '../../storage/commit-change.ts';
import type { VerifiedKey } from '../verification/key-record.ts';

/** Who makes a call: the key that was verified for it, and where the call comes from. */
export interface Caller {
  key: VerifiedKey;
  clientIp: string | null;
}

export function actorOf(caller: Caller): Actor {
  return { userId: caller.key.userId, apiKeyId: caller.key.id, clientIp: caller.clientIp };
}
