import type { RevokedKey } from '../../storage/commit-change.ts';
import { readSecretsOfPromoted } from '../../storage/revoke-keys-of-promoted.ts';
import { readRecordsOfUser } from '../../storage/secrets.ts';
import type { VerificationRecord } from '../../storage/verification-record.ts';
import type { Caller } from '../authority/caller.ts';
import type { Outcome, Refusal } from '../authority/refusal.ts';
import type { Role } from '../permissions/roles.ts';
import type { Stores, Usage } from '../services.ts';
import { judgeUserChange, rolesThatMayRaise } from '../users/change-user.ts';
import { judgeDeletion } from '../users/delete-user.ts';
import type { User } from '../users/user.ts';
import { compileKeyRecord } from '../verification/key-record.ts';
import { type Period, periodOf, readCounts } from './read-counts.ts';
import { type Rehearsal, type RehearsedKey, rehearse } from './rehearse.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/**
 * Keys of a user that one rehearsal judges. Each may have thousands of counts, and all of them are read to know how many calls
 * there were.
 */
const MAX_KEYS = 200;

/** What is to be rehearsed of a user. */
export type UserAct = { act: 'role'; role: Role } | { act: 'disable' } | { act: 'delete' };

/**
 * What a change of its role, disabling or deleting a person would have done to the calls of all its keys in the last `days`
 * days (UTC), today included. Nothing is written, not even that the caller was refused.
 * @returns also the keys that the change would revoke. Refused as the act itself is, and as `unavailable` when the usage
 * database cannot be read
 */
export async function rehearseUser(
  services: Stores & Usage,
  caller: Caller,
  user: User,
  wanted: UserAct,
  days: number,
): Promise<Outcome<{ rehearsal: Rehearsal; revokedKeys: RevokedKey[] }>> {
  const refusal = await findRefusal(services, caller, user, wanted);
  if (refusal !== null) return refusal;
  const period = periodOf(days, services.now());
  const { records, ended } = await readKeys(services, user, wanted, period);
  if (records.length > MAX_KEYS) return TOO_MANY_KEYS;
  const keyIds = records.map(({ keyId }) => keyId);
  const read = await readCounts(services, keyIds, period);
  if (read.refused) return read;

  const revoked = new Set(ended.filter(({ isInUse }) => isInUse).map(({ keyId }) => keyId));
  const endedOf = Map.groupBy(ended, ({ keyId }) => keyId);
  const keys = records.map((record): RehearsedKey => {
    // A present pause is set aside, as for one key.
    const stored = { ...record, paused: false };
    const after = act(revoked.has(stored.keyId) ? { ...stored, revoked: true } : stored, wanted);
    return {
      before: compileKeyRecord(stored),
      after: after === null ? null : compileKeyRecord(after),
      endedSecrets: new Set(endedOf.get(stored.keyId)?.map(({ createdAt }) => createdAt)),
    };
  });
  return {
    rehearsal: rehearse(keys, read.counts, period),
    revokedKeys: records.filter(({ keyId }) => revoked.has(keyId)).map(({ keyId, label }) => ({ id: keyId, label })),
  };
}

const TOO_MANY_KEYS = {
  refused: 'invalid',
  fields: {
    id: `This user has more than ${MAX_KEYS} keys, and this many are not judged at once. Rehearse them one by one.`,
  },
} as const;

/** Why the caller may not do this; null: it may. */
async function findRefusal(services: Stores, caller: Caller, user: User, wanted: UserAct): Promise<Refusal | null> {
  if (wanted.act === 'delete') return judgeDeletion(services, caller, user);
  const patch = wanted.act === 'role' ? { role: wanted.role } : { disabled: true };
  const judged = await judgeUserChange(services, caller, user, patch);
  return judged.refused ? judged : null;
}

/** The keys that may have been called in the period, and their secrets that a raise of the role would end. */
function readKeys(services: Stores, user: User, wanted: UserAct, { sinceDay, now }: Period) {
  const makers = wanted.act === 'role' ? rolesThatMayRaise(user.role, wanted.role) : null;
  return services.readList(services.heard.lookupBookmark, async (db) => ({
    // A day more: for minutes after its revocation, a key may be let in where that was not heard of yet.
    records: await readRecordsOfUser(db, user.id, { since: (sinceDay - 1) * DAY_MS, limit: MAX_KEYS + 1 }),
    ended: makers === null ? [] : await readSecretsOfPromoted(db, { userId: user.id, makers, now }),
  }));
}

/** A key's record as it would be; null: deleted with its user. */
function act(stored: VerificationRecord, wanted: UserAct): VerificationRecord | null {
  switch (wanted.act) {
    case 'role':
      return { ...stored, userRole: wanted.role };
    case 'disable':
      return { ...stored, userDisabled: true };
    case 'delete':
      return null;
  }
}
