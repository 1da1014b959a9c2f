import type { Actor } from '../../storage/commit-change.ts';
import type { Judgement } from '../../storage/commit-guard.ts';
import type { PermissionName } from '../permissions/permissions.ts';
import type { Role, UserType } from '../permissions/roles.ts';
import type { KeyRecord, Reach } from '../verification/key-record.ts';

/** Who makes a call: a person or an integration, how far it reaches, and where the call comes from. */
export interface Caller {
  user: { id: string; orgId: number; role: Role; type: UserType };
  reach: Reach;
  /** The key that makes the call; null: it is made without a key. */
  apiKeyId: number | null;
  /** The client's address as Cloudflare saw it; null when unknown. */
  clientIp: string | null;
  /** What let the call in. It is checked again before the call writes. */
  confirm: Confirmation;
}

/** What a caller was judged by: the key that it calls with, the session of the console that it calls in, or both. */
export type Confirmation = {
  /** The permissions that the call needs. */
  needs: readonly PermissionName[];
  /** The place in the change feed at which the caller was read. */
  epoch: string;
  seq: number;
} & ({ key: CallingKey; session: null } | { key: CallingKey | null; session: CallingSession });

interface CallingKey {
  /** SHA-256 of the secret that the call carries, in hex. */
  secretHash: string;
  /** The key's record when the call was let in. */
  record: KeyRecord;
}

interface CallingSession {
  /** SHA-256 of the session's id, in hex. */
  hash: string;
  /** When it ends at the latest, in unix milliseconds. */
  endsAt: number;
}

/** The caller of a verified key. */
export function callerOf(
  { secretHash, needs, record }: CallingKey & Pick<Confirmation, 'needs'>,
  clientIp: string | null,
): Caller {
  const { user, reach, epoch, seq } = record;
  const confirm = { needs, epoch, seq, key: { secretHash, record }, session: null };
  return { user, reach, apiKeyId: record.keyId, clientIp, confirm };
}

/**
 * The keys and users that an act concerns besides its caller: the key that it acts on, and the user who owns that key
 * or is changed.
 */
interface Concerned {
  apiKeyIds?: readonly number[];
  userIds?: readonly string[];
}

/**
 * The actor of an act, for its audit event, with the judgement that must still hold at the commit: no change of these
 * keys and users since, the calling key not expired, and the session not ended.
 */
export function actorOf(caller: Caller, { apiKeyIds = [], userIds = [] }: Concerned = {}): Actor {
  const { key } = caller.confirm;
  return judgedBy(caller, {
    apiKeyIds: key === null ? apiKeyIds : [key.record.keyId, ...apiKeyIds],
    userIds: [caller.user.id, ...userIds],
    expiresAt: key?.record.expiresAt ?? null,
  });
}

/**
 * Who is written down for revoking the key that it calls with. Key and user may have changed since: the statement itself
 * asks whether the calling secret is still live. Otherwise whoever else holds a leaked key could change it between each
 * judgement and its write, and so prevent its revocation.
 */
export function holderOf(caller: Caller): Actor {
  return judgedBy(caller, { apiKeyIds: [], userIds: [], expiresAt: null });
}

function judgedBy(caller: Caller, by: Pick<Judgement, 'apiKeyIds' | 'userIds' | 'expiresAt'>): Actor {
  const { epoch, seq, session } = caller.confirm;
  const expiresAt = earlier(by.expiresAt, session?.endsAt ?? null);
  return {
    userId: caller.user.id,
    apiKeyId: caller.apiKeyId,
    clientIp: caller.clientIp,
    judgement: { epoch, seq, ...by, expiresAt, sessionHash: session?.hash ?? null },
  };
}

function earlier(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}

/** Whether the caller has access to this organisation: its own, or any for a PROVIDER. */
export function hasAccessToOrganisation(caller: Caller, orgId: number): boolean {
  return caller.user.role === 'PROVIDER' || caller.user.orgId === orgId;
}
