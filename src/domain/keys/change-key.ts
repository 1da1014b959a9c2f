import { changeKeyFields } from '../../storage/change-keys.ts';
import { differences } from '../audit/differences.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import { effectivePermissions, isPermissionName, type PermissionName } from '../permissions/permissions.ts';
import type { Acting } from '../services.ts';
import { effectiveFromNow } from '../verification/effective-by.ts';
import { actOnKey } from './act-on-key.ts';
import { type ChangedKey, fieldsOf, KEY_FIELDS, type Key, type KeyFields } from './key.ts';
import { findKeyShortfall, refuseKeyReach } from './key-reach.ts';
import { findWrongKeyFields } from './key-rules.ts';

type Restriction = Pick<KeyFields, 'hasRestrictedPermissions' | 'permissions'>;

/** The fields to change; what is undefined stays as it is. */
export type KeyPatch = {
  [Name in Exclude<keyof KeyFields, keyof Restriction>]: KeyFields[Name] | undefined;
} & {
  /** Both are given together. `permissions` counts only for a restricted key. */
  restriction: Restriction | undefined;
};

/**
 * Changes fields of a key that the caller has access to. The key must be in the caller's reach both as it is and as it
 * will be. Otherwise a narrow key could widen another key, or itself, and go on with the wider one.
 */
export function changeKey(services: Acting, caller: Caller, key: Key, patch: KeyPatch): Promise<Outcome<ChangedKey>> {
  return actOnKey(services, caller, key, (confirmed, present) => tryChange(services, confirmed, present, patch));
}

/** @returns null when the caller or the key was changed between the judgement and the write */
async function tryChange(
  services: Acting,
  caller: Caller,
  key: Key,
  patch: KeyPatch,
): Promise<Outcome<ChangedKey> | null> {
  const applied = applyPatch(key, patch, services.now());
  if (applied.refused) return applied;
  const { fields, judgedPermissions } = applied;
  const shortfall = findKeyShortfall(caller, key) ?? findKeyShortfall(caller, { ...key, ...fields }, judgedPermissions);
  if (shortfall !== null) return refuseKeyReach(services, caller, 'api_key.change', key, shortfall);

  const changes = differences(KEY_FIELDS, fieldsOf(key), fields);
  if (Object.keys(changes).length === 0) return { key, effectiveBy: effectiveFromNow(services) };
  const changed = await changeKeyFields(services, key, fields, {
    audit: { action: 'api_key.changed', changes },
    actor: actorOf(caller, { apiKeyIds: [key.id], userIds: [key.userId] }),
    now: services.now(),
  });
  return changed === null ? null : { key: changed, effectiveBy: effectiveFromNow(services) };
}

interface Applied {
  /** The fields of the key after the change. */
  fields: KeyFields;
  /** The permissions that the changed key is judged by. */
  judgedPermissions: PermissionName[];
}

/**
 * Applies a patch to a key. Pure.
 * @param now unix milliseconds
 * @returns refused as `invalid` when a field breaks a rule, or the key is revoked
 */
export function applyPatch(key: Key, patch: KeyPatch, now: number): Outcome<Applied> {
  const given = { expirationDate: patch.expirationDate, ...patch.restriction };
  const wrong = findWrongKeyFields(given, { now, present: key });
  if (Object.keys(wrong).length > 0) return { refused: 'invalid', fields: wrong };
  if (key.revokedAt !== null) {
    return { refused: 'invalid', fields: { disabled: 'A revoked key cannot be changed. Create a new one.' } };
  }
  return apply(key, patch);
}

function apply(key: Key, patch: KeyPatch): Applied {
  const { restriction: wanted, ...others } = patch;
  const kept = { hasRestrictedPermissions: key.hasRestrictedPermissions, permissions: key.permissions };
  const restriction = wanted === undefined ? kept : restrict(key, wanted);
  const isNewList = restriction.hasRestrictedPermissions && restriction.permissions !== key.permissions;
  return {
    fields: {
      label: others.label ?? key.label,
      description: others.description === undefined ? key.description : others.description,
      expirationDate: others.expirationDate === undefined ? key.expirationDate : others.expirationDate,
      ipWhitelist: others.ipWhitelist ?? key.ipWhitelist,
      ...restriction,
    },
    judgedPermissions: isNewList
      ? restriction.permissions.filter(isPermissionName)
      : effectivePermissions(restriction, key.userRole),
  };
}

/**
 * What is stored for a new restriction. When a client puts back the list that it was shown, filtered by the role or
 * not, the stored list stays as it is.
 */
function restrict(key: Key, given: Restriction): Restriction {
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
