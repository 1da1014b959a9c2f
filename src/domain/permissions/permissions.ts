import { CATALOGUE, type PermissionName } from './catalogue.ts';
import type { Permission } from './define-catalogue.ts';
import { ROLES, type Role } from './roles.ts';

export type { PermissionName };

const PERMISSIONS: readonly Permission<PermissionName>[] = CATALOGUE.flatMap((section) =>
  section.subsections.flatMap((subsection) => subsection.permissions),
);

const BY_NAME: ReadonlyMap<string, Permission<PermissionName>> = new Map(
  PERMISSIONS.map((permission) => [permission.name, permission]),
);

/** Every permission name, in catalogue order. */
export const PERMISSION_NAMES: readonly PermissionName[] = PERMISSIONS.map((permission) => permission.name);

const NAMES_BY_ROLE = new Map<Role, ReadonlySet<PermissionName>>(
  ROLES.map((role) => [
    role,
    new Set(PERMISSIONS.filter((permission) => !permission.disabledFor?.includes(role)).map(({ name }) => name)),
  ]),
);

/** Whether the catalogue has a permission of this name. */
export function isPermissionName(name: string): name is PermissionName {
  return BY_NAME.has(name);
}

/** The permissions of the catalogue that are not disabled for the role. */
export function permissionsOfRole(role: Role): ReadonlySet<PermissionName> {
  return NAMES_BY_ROLE.get(role) ?? new Set();
}

/**
 * Whether a change of role widens what the user can do: the new role ranks higher, or has a permission that the old one
 * lacks.
 */
export function isRaise(before: Role, after: Role): boolean {
  if (ROLES.indexOf(after) < ROLES.indexOf(before)) return true;
  const held = permissionsOfRole(before);
  return [...permissionsOfRole(after)].some((name) => !held.has(name));
}

/** The permissions of a key as stored: `permissions` counts only when `hasRestrictedPermissions` is set. */
export interface StoredPermissions {
  hasRestrictedPermissions: boolean;
  permissions: readonly string[];
}

/**
 * What a key can do. For a restricted key: its stored list, in the stored order, without what its user's role lacks
 * today. For an unrestricted key: all permissions of the role, in catalogue order. Every answer uses this function, so
 * no two disagree.
 */
export function effectivePermissions(stored: StoredPermissions, role: Role): PermissionName[] {
  const held = permissionsOfRole(role);
  if (!stored.hasRestrictedPermissions) return [...held];
  return stored.permissions.filter(isPermissionName).filter((name) => held.has(name));
}

/**
 * A list for a key that is to hold these permissions: they and all that they depend on, in catalogue order. Names that are
 * not in the catalogue are left out.
 */
export function withDependencies(names: readonly string[]): PermissionName[] {
  const listed = new Set<PermissionName>();
  for (const given of names.filter(isPermissionName)) {
    for (let name: PermissionName | null = given; name !== null && !listed.has(name); name = dependencyOf(name)) {
      listed.add(name);
    }
  }
  return PERMISSION_NAMES.filter((name) => listed.has(name));
}

/** The permission that a key must also hold to hold this one, or null. */
export function dependencyOf(name: PermissionName): PermissionName | null {
  return BY_NAME.get(name)?.dependsOn ?? null;
}
