import { addKey } from '../../storage/change-keys.ts';
import { differences } from '../audit/differences.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import { findShortfall } from '../authority/reach.ts';
import type { Outcome, Refusal } from '../authority/refusal.ts';
import { refuseReach } from '../authority/refuse-reach.ts';
import { untilUncontended } from '../authority/until-uncontended.ts';
import { chargedOnce } from '../limits.ts';
import { findOrganisationNamed } from '../organisations/find-organisation.ts';
import { effectivePermissions, isPermissionName } from '../permissions/permissions.ts';
import { administersKeys, BOT_ROLE, type Role, type UserType } from '../permissions/roles.ts';
import { keepForRetries, RETRY_OF_ANOTHER, type Retry, recallAnswer, settleEffectiveBy } from '../retries/retry.ts';
import { mintSecret } from '../secrets/mint-secret.ts';
import type { Acting, Secrets, Stores } from '../services.ts';
import { findUserById } from '../users/find-user.ts';
import { newUserId } from '../users/user.ts';
import { effectiveFromNow } from '../verification/effective-by.ts';
import { KEY_FIELDS, type KeyFields } from './key.ts';
import { findWrongKeyFields, type GivenKeyFields } from './key-rules.ts';
import { type KeyWithSecret, replayKey } from './replay-key.ts';

/** The fields of a new key, and whose key it is to be. `permissions` counts only with `hasRestrictedPermissions`. */
export interface KeyRequest extends KeyFields {
  /**
   * `bot`: a main integration key. Undefined: `user` when another user is named, else the type of the caller's own
   * user.
   */
  userType: UserType | undefined;
  /** The user that the key is for; undefined: the caller's. */
  userId: string | undefined;
  /** The organisation that a main integration key is for; undefined: the caller's. */
  orgId: number | undefined;
}

/** Whom a new key will belong to. */
type Owner =
  | { belongsTo: 'caller' | 'new_for_another'; userId: string; role: Role }
  | { belongsTo: 'main'; orgId: number; role: Role };

/**
 * Creates a key: for the caller's user, for another user, or as a main integration key.
 * @param retry identifies the call for its retries; undefined: the call had no `Idempotency-Key`, and always creates a key
 * @returns the key, and its secret, which is stored nowhere in readable form
 */
export function createKey(
  services: Acting & Secrets,
  caller: Caller,
  request: KeyRequest,
  retry?: Retry,
): Promise<Outcome<KeyWithSecret>> {
  const mayReveal = chargedOnce(services.limits.secrets, caller.user.id);
  return untilUncontended(services, caller, (confirmed) => tryCreate(services, confirmed, request, retry, mayReveal));
}

/** @returns null when the caller or the new key's user was changed between the judgement and the write */
async function tryCreate(
  services: Acting & Secrets,
  caller: Caller,
  request: KeyRequest,
  retry: Retry | undefined,
  mayReveal: () => Promise<boolean>,
): Promise<Outcome<KeyWithSecret> | null> {
  const earlier = await recallAnswer(services, retry);
  // A retry is judged by the day of the first call. An expiration date that was right then may be wrong today.
  const now = earlier === null || earlier === 'of_another' ? services.now() : earlier.at;
  const wrong = findWrongKeyRequest({ ...request, owner: request }, { now, caller });
  if (Object.keys(wrong).length > 0) return { refused: 'invalid', fields: wrong };
  const attempt = { action: 'api_key.create', orgId: caller.user.orgId } as const;
  const owner = await findOwner(services, caller, request);
  if ('refused' in owner) {
    return owner.refused === 'out_of_reach' ? refuseReach(services, caller, attempt, owner.shortfall) : owner;
  }

  const { userType, userId, orgId, ...given } = request;
  const permissions = given.hasRestrictedPermissions ? [...new Set(given.permissions)].filter(isPermissionName) : [];
  const fields = { ...given, permissions };
  const shortfall = findShortfall(caller.reach, {
    ...owner,
    userRole: owner.role,
    isUnrestricted: !fields.hasRestrictedPermissions,
    permissions: fields.hasRestrictedPermissions ? permissions : effectivePermissions(fields, owner.role),
    ipWhitelist: fields.ipWhitelist,
    expirationDate: fields.expirationDate,
  });
  if (shortfall !== null) return refuseReach(services, caller, attempt, shortfall);

  if (earlier === 'of_another') return RETRY_OF_ANOTHER;
  if (earlier !== null) {
    return replayKey(services, caller, { retry, answer: earlier, belongsTo: owner.belongsTo, mayReveal });
  }

  const secret = await mintSecret(services);
  if (secret === null) return { refused: 'no_keyring' };
  const madeAt = services.now();
  const isMain = owner.belongsTo === 'main';
  const key = await addKey(
    services,
    {
      fields,
      secret,
      owner: isMain ? { botOf: owner.orgId, bot: { id: newUserId(), role: BOT_ROLE } } : { userId: owner.userId },
    },
    {
      audit: { action: 'api_key.created', changes: differences(KEY_FIELDS, null, fields) },
      actor: actorOf(caller, { userIds: isMain ? [] : [owner.userId] }),
      now: madeAt,
      keep: keepForRetries(retry, { secretHash: secret.hash, lastUsedAt: null }, madeAt),
    },
  );
  if (key === null) return null;
  const effectiveBy = await settleEffectiveBy(services, retry, effectiveFromNow(services));
  return { key, apiKey: secret.apiKey, madeAt, lastUsedAt: null, previous: null, effectiveBy, isReplay: false };
}

type OwnerRequest = Pick<KeyRequest, 'userType' | 'userId' | 'orgId'>;

/** The given fields of a new key. `owner` is undefined when one of its fields has the wrong type. */
export interface GivenKeyRequest extends GivenKeyFields {
  owner: OwnerRequest | undefined;
}

/**
 * What is wrong with a request for a key, on this day and from this caller. Pure.
 * @param now unix milliseconds
 * @returns messages by field name on the wire; empty when nothing is wrong
 */
export function findWrongKeyRequest(
  given: GivenKeyRequest,
  { now, caller }: { now: number; caller: Caller },
): Record<string, string> {
  return {
    ...findWrongKeyFields(given, { now, present: null }),
    ...(given.owner === undefined ? {} : findOwnerConflicts(caller, given.owner)),
  };
}

/** Conflicts between `user_type`, `user_id` and `org_id`: messages by field name on the wire. */
function findOwnerConflicts(caller: Caller, request: OwnerRequest): Record<string, string> {
  const { userId, orgId } = request;
  const isOwn = userId === undefined || userId === caller.user.id;
  if (wantedType(caller, request) === 'bot') {
    const isBotItself = isOwn && caller.user.type === 'bot';
    return userId === undefined || isBotItself
      ? {}
      : { user_id: 'A main integration key belongs to no person: leave user_id out.' };
  }
  return {
    ...(orgId === undefined ? {} : { org_id: 'Allowed only with "user_type": "bot".' }),
    ...(isOwn && caller.user.type === 'bot'
      ? { user_id: 'A main integration has no personal keys of its own: name the user that the key is for.' }
      : {}),
  };
}

/** The requested type. Left out: `user` when another user is named, else the type of the caller's own user. */
function wantedType(caller: Caller, { userType, userId }: OwnerRequest): UserType {
  const isOwn = userId === undefined || userId === caller.user.id;
  return userType ?? (isOwn ? caller.user.type : 'user');
}

async function findOwner(services: Stores, caller: Caller, request: OwnerRequest): Promise<Owner | Refusal> {
  if (wantedType(caller, request) === 'bot') {
    const organisation = await findOrganisationNamed(services, caller, request.orgId);
    return 'refused' in organisation ? organisation : { belongsTo: 'main', orgId: organisation.id, role: BOT_ROLE };
  }
  if (request.userId === undefined || request.userId === caller.user.id) {
    return { belongsTo: 'caller', userId: caller.user.id, role: caller.user.role };
  }
  // Refused before any look-up, so that a caller without this right cannot find out which users exist.
  if (!administersKeys(caller.user.role)) {
    return { refused: 'out_of_reach', shortfall: { rule: 'administrators_only' } };
  }
  const user = await findUserById(services, caller, request.userId);
  if (user === null) return { refused: 'not_found' };
  return { belongsTo: 'new_for_another', userId: user.id, role: user.role };
}
