import type { Actor } from '../../storage/commit-change.ts';
import type { PermissionName } from '../permissions/permissions.ts';
import type { Role, UserType } from '../permissions/roles.ts';
import type { KeyRecord } from '../verification/key-record.ts';
import type { Reach } from './reach.ts';

/** Who makes a call: a person or an integration, how far it reaches, and where the call comes from. */
export interface Caller {
  user: { id: string; orgId: number; role: Role; type: UserType };
  reach: Reach;
  /** The key that makes the call. */
  apiKeyId: number | null;
  /** As Cloudflare saw it; null: not known. */
  clientIp: string | null;
  /** What the call was let in by, for it to be confirmed when the call is about to write. */
  confirm: Confirmation;
}

/** What a caller was judged by. */
export interface Confirmation {
  /** SHA-256 of the secret that the call carries, in hex. */
  secretHash: string;
  /** What the call needs to be allowed. */
  needs: readonly PermissionName[];
  /** The key as it was when the call was let in, with the place in the change feed. */
  record: KeyRecord;
}

/** The caller that calls with a key which was verified. */
export function callerOf({ secretHash, needs, record }: Confirmation, clientIp: string | null): Caller {
  return {
    user: record.user,
    reach: record.reach,
    apiKeyId: record.keyId,
    clientIp,
    confirm: { secretHash, needs, record },
  };
}

/** What an act concerns besides its caller: the key, and the user that owns it or is changed itself. */
interface Concerned {
  apiKeyIds?: readonly number[];
  userIds?: readonly string[];
}

/** Who is written down for an act, with everything that has to be unchanged when it is committed. */
export function actorOf(caller: Caller, { apiKeyIds = [], userIds = [] }: Concerned = {}): Actor {
  const { record } = caller.confirm;
  return {
    userId: caller.user.id,
    apiKeyId: caller.apiKeyId,
    clientIp: caller.clientIp,
    judgement: {
      epoch: record.epoch,
      seq: record.seq,
      apiKeyIds: [record.keyId, ...apiKeyIds],
      userIds: [record.userId, ...userIds],
      expiresAt: record.expiresAt,
    },
  };
}
