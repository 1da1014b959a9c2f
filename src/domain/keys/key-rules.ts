import { dependencyOf, isPermissionName, PERMISSION_NAMES } from '../permissions/permissions.ts';
import { mayExpireOn } from '../verification/expiration.ts';
import { KEY_FIELDS, type Key } from './key.ts';

/*
 * The rules for the fields of a key. Sizes are constants, which schemas and forms use. Rules that depend on the day or
 * on the stored key are functions. The acts call them, and so do the routes, to name every wrong field at once.
 */

/** In code points. */
export const MAX_LABEL_LENGTH = 100;
/** In code points. */
export const MAX_DESCRIPTION_LENGTH = 500;
export const MAX_ALLOWLIST_ENTRIES = 100;
/** A longer list of permissions is refused by its length alone. A key may have fewer: see `findWrongPermissions`. */
export const MAX_LISTED_PERMISSIONS = 1_000;
/** The longest overlap: for how long a rotated-out secret may go on working. */
export const MAX_OVERLAP_SECONDS = 30 * 24 * 60 * 60;

/** The given fields that are judged here. Undefined: left out, or of the wrong type. */
export interface GivenKeyFields {
  /** A date that exists, as `YYYY-MM-DD`. */
  expirationDate?: string | null | undefined;
  hasRestrictedPermissions?: boolean | undefined;
  /** Null stands for an entry that is no text. */
  permissions?: readonly (string | null)[] | undefined;
}

/**
 * What is wrong with the fields of a key, on this day and for this stored key. Pure.
 * @param now unix milliseconds
 * @param present the stored key; null for a new one. A key may keep its date, and permissions that the catalogue no
 * longer has.
 * @returns messages by field name on the wire, `permissions.2` for an entry; empty when nothing is wrong
 */
export function findWrongKeyFields(
  given: GivenKeyFields,
  { now, present }: { now: number; present: Pick<Key, 'expirationDate' | 'permissions'> | null },
): Record<string, string> {
  const { expirationDate = null } = given;
  return {
    ...(expirationDate === null || mayExpireOn(expirationDate, now, present?.expirationDate)
      ? {}
      : {
          [KEY_FIELDS.expirationDate]:
            'Must be at least the day after today (UTC). If you want it to expire today you must revoke it.',
        }),
    ...findWrongPermissions(given, present?.permissions ?? []),
  };
}

/**
 * Each entry must be in the catalogue or stored on the key already. The permission that it depends on must be in the
 * list too, unless the key has the one without the other already. The list of an unrestricted key does not count, so
 * only its length is checked.
 */
function findWrongPermissions(
  { hasRestrictedPermissions, permissions = [] }: GivenKeyFields,
  stored: readonly string[],
): Record<string, string> {
  // A useful list has at most every permission of the catalogue and every stored one, once. For a longer list the
  // length is the only message.
  const most = PERMISSION_NAMES.length + stored.length;
  if (permissions.length > most) return { [KEY_FIELDS.permissions]: `Must have at most ${most} entries.` };
  if (hasRestrictedPermissions === false) return {};
  const wrong: Record<string, string> = {};
  for (const [index, name] of permissions.entries()) {
    const problem = name === null ? null : findPermissionProblem(name, permissions, stored);
    if (problem !== null) wrong[`${KEY_FIELDS.permissions}.${index}`] = problem;
  }
  return wrong;
}

function findPermissionProblem(name: string, list: readonly (string | null)[], stored: readonly string[]) {
  if (!isPermissionName(name)) return stored.includes(name) ? null : NO_SUCH_PERMISSION;
  const needed = dependencyOf(name);
  // The catalogue may have gained the dependency after the key was made. What was read of the key can be put back.
  const isKept = needed !== null && stored.includes(name) && !stored.includes(needed);
  return needed === null || list.includes(needed) || isKept ? null : `Needs ${needed} in the list too.`;
}

export const NO_SUCH_PERMISSION = 'There is no such permission. GET /v2/permissions lists them.';
