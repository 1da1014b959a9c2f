import { commitKeyChange } from '../../storage/commit-change.ts';
import { type KeyFields, type KeyRow, updateKey } from '../../storage/keys.ts';
import { differences } from '../audit/differences.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import { findKeyShortfall } from '../authority/key-reach.ts';
import type { Outcome } from '../authority/refusal.ts';
import { refuseKeyReach } from '../authority/refuse-reach.ts';
import { untilUncontended } from '../authority/until-uncontended.ts';
import { foldText } from '../fold-text.ts';
import { effectivePermissions, isPermissionName, type PermissionName } from '../permissions/permissions.ts';
import type { Services } from '../services.ts';
import { findKeyById } from './find-key.ts';

/** The fields to change; those left out stay as they are. */
export interface KeyPatch {
  label?: string | undefined;
  description?: string | null | undefined;
  expirationDate?: string | null | undefined;
  ipWhitelist?: string[] | undefined;
  /** The two come together. `permissions` counts only for a restricted key. */
  restriction?: { hasRestrictedPermissions: boolean; permissions: string[] } | undefined;
}

/**
 * Changes fields of a key that the caller has access to. The caller needs to reach the key both as it is and as it
 * will be; otherwise a narrow key could widen another one (or itself) and go on with that.
 */
export function changeKey(
  services: Services,
  caller: Caller,
  key: KeyRow,
  patch: KeyPatch,
): Promise<Outcome<{ key: KeyRow }>> {
  return untilUncontended(services, caller, async (confirmed, isFirst) => {
    const present = isFirst ? key : await findKeyById(services, confirmed, key.id);
    return present === null ? { refused: 'not_found' } : tryChange(services, confirmed, present, patch);
  });
}

/** @returns null when the key was changed by someone else between the judgement and the write */
async function tryChange(
  services: Services,
  caller: Caller,
  key: KeyRow,
  patch: KeyPatch,
): Promise<Outcome<{ key: KeyRow }> | null> {
  if (key.revokedAt !== null) {
    return { refused: 'invalid', fields: { disabled: 'A revoked key cannot be changed. Create a new one.' } };
  }
  const after = apply(key, patch);
  const shortfall =
    findKeyShortfall(caller, key) ?? findKeyShortfall(caller, { ...key, ...after.fields }, after.judgedPermissions);
  if (shortfall !== null) return refuseKeyReach(services, caller, 'api_key.change', key, shortfall);

  const { fields } = after;
  const changes = differences({
    label: [key.label, fields.label],
    description: [key.description, fields.description],
    expiration_date: [key.expirationDate, fields.expirationDate],
    ip_whitelist: [key.ipWhitelist, fields.ipWhitelist],
    has_restricted_permissions: [key.hasRestrictedPermissions, fields.hasRestrictedPermissions],
    permissions: [key.permissions, fields.permissions],
  });
  if (Object.keys(changes).length === 0) return { key };
  const changed = await commitKeyChange(services, {
    rows: [updateKey(services.db, key, fields)],
    keyId: key.id,
    audit: { action: 'api_key.changed', changes },
    actor: actorOf(caller, { apiKeyIds: [key.id], userIds: [key.userId] }),
    now: services.now(),
  });
  return changed === null ? null : { key: changed };
}

function apply(key: KeyRow, patch: KeyPatch): { fields: KeyFields; judgedPermissions: PermissionName[] } {
  const label = patch.label ?? key.label;
  const kept = { hasRestrictedPermissions: key.hasRestrictedPermissions, permissions: key.permissions };
  const restriction = patch.restriction === undefined ? kept : restrict(key, patch.restriction);
  const isNewList = restriction.hasRestrictedPermissions && restriction.permissions !== key.permissions;
  return {
    fields: {
      label,
      labelFolded: foldText(label),
      description: patch.description === undefined ? key.description : patch.description,
      expirationDate: patch.expirationDate === undefined ? key.expirationDate : patch.expirationDate,
      ipWhitelist: patch.ipWhitelist ?? key.ipWhitelist,
      hasRestrictedPermissions: restriction.hasRestrictedPermissions,
      permissions: restriction.permissions,
    },
    judgedPermissions: isNewList
      ? restriction.permissions.filter(isPermissionName)
      : effectivePermissions(restriction, key.userRole),
  };
}

/** What a new restriction stores. A list put back as it was shown, filtered or not, leaves what was stored alone. */
function restrict(
  key: KeyRow,
  given: { hasRestrictedPermissions: boolean; permissions: string[] },
): { hasRestrictedPermissions: boolean; permissions: string[] } {
  if (!given.hasRestrictedPermissions) return { hasRestrictedPermissions: false, permissions: [] };
  if (key.hasRestrictedPermissions) {
    const shown = effectivePermissions(key, key.userRole);
    if (sameList(given.permissions, shown) || sameList(given.permissions, key.permissions)) {
      return { hasRestrictedPermissions: true, permissions: key.permissions };
    }
  }
  return { hasRestrictedPermissions: true, permissions: [...new Set(given.permissions)] };
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}
