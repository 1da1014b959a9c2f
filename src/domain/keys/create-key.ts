import { commitKeyChange, nameOfActor } from '../../storage/commit-change.ts';
import { insertFirstSecret, insertKey, type KeyRow, keyIdOfSecret } from '../../storage/keys.ts';
import { botOf, insertBotIfMissing } from '../../storage/users.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import { findShortfall } from '../authority/reach.ts';
import type { Outcome, Refusal } from '../authority/refusal.ts';
import { refuseReach } from '../authority/refuse-reach.ts';
import { untilUncontended } from '../authority/until-uncontended.ts';
import { foldText } from '../fold-text.ts';
import { findOrganisationNamed } from '../organisations/find-organisation.ts';
import { effectivePermissions, isPermissionName } from '../permissions/permissions.ts';
import { administersKeys, BOT_ROLE, type Role, type UserType } from '../permissions/roles.ts';
import { mintSecret } from '../secrets/mint-secret.ts';
import type { Services } from '../services.ts';
import { findUserById } from '../users/find-user.ts';
import { newUserId } from '../users/user-id.ts';

export interface KeyRequest {
  label: string;
  description: string | null;
  expirationDate: string | null;
  ipWhitelist: string[];
  hasRestrictedPermissions: boolean;
  /** Counts only with `hasRestrictedPermissions`. */
  permissions: string[];
  /** `bot`: a main integration key. Left out: `user` when a user is named, else the type of the caller's own user. */
  userType?: UserType | undefined;
  /** The user that the key is for; left out: the caller's. */
  userId?: string | undefined;
  /** The organisation that a main integration key is for; left out: the caller's. */
  orgId?: number | undefined;
}

/** Whom a new key will belong to. */
type Owner =
  | { belongsTo: 'caller' | 'new_for_another'; userId: string; role: Role }
  | { belongsTo: 'main'; orgId: number; role: Role };

/**
 * Makes a key: for the caller, for another user, or as a main integration key.
 * @returns the key, and its secret, which is not kept in a readable form anywhere
 */
export function createKey(
  services: Services,
  caller: Caller,
  request: KeyRequest,
): Promise<Outcome<{ key: KeyRow; apiKey: string }>> {
  return untilUncontended(services, caller, (confirmed) => tryCreate(services, confirmed, request));
}

/** @returns null when the caller or the new key's user was changed between the judgement and the write */
async function tryCreate(
  services: Services,
  caller: Caller,
  request: KeyRequest,
): Promise<Outcome<{ key: KeyRow; apiKey: string }> | null> {
  const attempt = { action: 'api_key.create', orgId: caller.user.orgId } as const;
  const owner = await findOwner(services, caller, request);
  if ('refused' in owner) {
    return owner.refused === 'out_of_reach' ? refuseReach(services, caller, attempt, owner.shortfall) : owner;
  }

  const permissions = request.hasRestrictedPermissions
    ? [...new Set(request.permissions)].filter(isPermissionName)
    : [];
  const shortfall = findShortfall(caller.reach, {
    ...owner,
    userRole: owner.role,
    isUnrestricted: !request.hasRestrictedPermissions,
    permissions: request.hasRestrictedPermissions
      ? permissions
      : effectivePermissions({ hasRestrictedPermissions: false, permissions }, owner.role),
    ipWhitelist: request.ipWhitelist,
    expirationDate: request.expirationDate,
  });
  if (shortfall !== null) return refuseReach(services, caller, attempt, shortfall);

  const secret = await mintSecret(services);
  if (secret === null) return { refused: 'no_keyring' };

  const { db } = services;
  const now = services.now();
  const actor = actorOf(caller, { userIds: owner.belongsTo === 'main' ? [] : [owner.userId] });
  const key = await commitKeyChange(services, {
    before:
      owner.belongsTo === 'main'
        ? [insertBotIfMissing(db, { id: newUserId(), orgId: owner.orgId, role: BOT_ROLE, createdAt: now })]
        : [],
    rows: [
      insertKey(db, {
        userId: owner.belongsTo === 'main' ? botOf(owner.orgId) : owner.userId,
        label: request.label,
        labelFolded: foldText(request.label),
        description: request.description,
        hint: secret.hint,
        hintFolded: secret.hintFolded,
        expirationDate: request.expirationDate,
        ipWhitelist: request.ipWhitelist,
        hasRestrictedPermissions: request.hasRestrictedPermissions,
        permissions,
        createdBy: caller.user.id,
        createdByName: nameOfActor(actor),
        createdAt: now,
      }),
      insertFirstSecret(db, { ...secret, createdAt: now, mintedBy: caller.user.id }),
    ],
    keyId: keyIdOfSecret(secret.hash),
    audit: {
      action: 'api_key.created',
      changes: {
        label: [null, request.label],
        description: [null, request.description],
        expiration_date: [null, request.expirationDate],
        ip_whitelist: [null, request.ipWhitelist],
        has_restricted_permissions: [null, request.hasRestrictedPermissions],
        permissions: [null, permissions],
      },
    },
    actor,
    now,
  });
  return key === null ? null : { key, apiKey: secret.apiKey };
}

type OwnerRequest = Pick<KeyRequest, 'userType' | 'userId' | 'orgId'>;

/** What does not go together in whom a key is asked for, by field; nothing when it all does. Pure. */
export function findOwnerConflicts(caller: Caller, request: OwnerRequest): Record<string, string> {
  const { userId, orgId } = request;
  const isOwn = userId === undefined || userId === caller.user.id;
  if (wantedType(caller, request) === 'bot') {
    const isBotItself = isOwn && caller.user.type === 'bot';
    return userId === undefined || isBotItself
      ? {}
      : { user_id: 'A main integration key belongs to no person: leave user_id out.' };
  }
  return {
    ...(orgId === undefined ? {} : { org_id: 'It goes with "user_type": "bot" only.' }),
    ...(isOwn && caller.user.type === 'bot'
      ? { user_id: 'A main integration has no personal keys of its own: name the user that the key is for.' }
      : {}),
  };
}

/** The type that is asked for; unasked, `user` where another user is named, else that of the caller's own user. */
function wantedType(caller: Caller, { userType, userId }: OwnerRequest): UserType {
  const isOwn = userId === undefined || userId === caller.user.id;
  return userType ?? (isOwn ? caller.user.type : 'user');
}

async function findOwner(services: Services, caller: Caller, request: OwnerRequest): Promise<Owner | Refusal> {
  const conflicts = findOwnerConflicts(caller, request);
  if (Object.keys(conflicts).length > 0) return { refused: 'invalid', fields: conflicts };
  if (wantedType(caller, request) === 'bot') {
    const organisation = await findOrganisationNamed(services, caller, request.orgId);
    return 'refused' in organisation ? organisation : { belongsTo: 'main', orgId: organisation.id, role: BOT_ROLE };
  }
  if (request.userId === undefined || request.userId === caller.user.id) {
    return { belongsTo: 'caller', userId: caller.user.id, role: caller.user.role };
  }
  // Before any look-up, so that those who may not do this cannot find out which users exist.
  if (!administersKeys(caller.user.role)) {
    return { refused: 'out_of_reach', shortfall: { rule: 'administrators_only' } };
  }
  const user = await findUserById(services, caller, request.userId);
  if (user === null) return { refused: 'not_found' };
  return { belongsTo: 'new_for_another', userId: user.id, role: user.role };
}
