import { dependencyOf, isPermissionName, PERMISSION_NAMES } from '../permissions/permissions.ts';
import { mayExpireOn } from './expiration.ts';
import { KEY_FIELDS, type Key } from './key.ts';

/*
 * What the fields of a key may hold. Sizes are constants, which schemas and forms use. What the day or the key decides is
 * judged by the acts, and by whoever wants to name every wrong field at once.
 */

/** In code points. */
export const MAX_LABEL_LENGTH = 100;
/** In code points. */
export const MAX_DESCRIPTION_LENGTH = 500;
export const MAX_ALLOWLIST_ENTRIES = 100;
/** A list of permissions that is longer is not looked at. How many a key may have is less: see `findWrongKeyFields`. */
export const MAX_LISTED_PERMISSIONS = 1_000;
/** How long an old secret may go on working. */
export const MAX_OVERLAP_SECONDS = 7 * 24 * 60 * 60;

/** What was given of the fields that are judged here. Undefined: not given, or not of the right type. */
export interface GivenKeyFields {
  /** A date that exists, as `YYYY-MM-DD`. */
  expirationDate?: string | null | undefined;
  hasRestrictedPermissions?: boolean | undefined;
  /** Null stands for an entry that is no text. */
  permissions?: readonly (string | null)[] | undefined;
}

/**
 * What is wrong with the fields of a key by the day and by what the key has already. Pure.
 * @param now unix milliseconds
 * @param present the key as it is, null for a new one. It may keep its date, and names that the catalogue has lost.
 * @returns messages by the names on the wire, `permissions.2` for an entry; nothing when all is right
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

/** The list holds what exists, each with what it depends on. A list that does not count is only not to be too long. */
function findWrongPermissions(
  { hasRestrictedPermissions, permissions = [] }: GivenKeyFields,
  stored: readonly string[],
): Record<string, string> {
  // Each that there is and each that is stored, once. Of a longer list only that is said.
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
  return needed === null || list.includes(needed) ? null : `Needs ${needed} in the list too.`;
}

export const NO_SUCH_PERMISSION = 'There is no such permission. GET /v2/permissions lists them.';
