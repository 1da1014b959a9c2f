import { describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../src/domain/permissions/catalogue.ts';
import {
  dependencyOf,
  PERMISSION_NAMES,
  type PermissionName,
  permissionsOfRole,
} from '../../src/domain/permissions/permissions.ts';
import { ROLES } from '../../src/domain/permissions/roles.ts';

/* What a deployer who edits the catalogue can get wrong, and the compiler does not see. */

describe('the catalogue', () => {
  const permissions = CATALOGUE.flatMap(({ subsections }) =>
    subsections.flatMap((subsection) => subsection.permissions),
  );

  test('names each thing in lower-case snake', () => {
    const names = CATALOGUE.flatMap((section) => [
      section.name,
      ...section.subsections.flatMap(({ name, permissions }) => [name, ...permissions.map((it) => it.name)]),
    ]);
    expect(names.filter((name) => !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name))).toEqual([]);
  });

  test('names no permission twice', () => {
    expect(new Set(PERMISSION_NAMES).size).toBe(PERMISSION_NAMES.length);
  });

  test('lets no permission depend on itself, at any distance', () => {
    const circular = PERMISSION_NAMES.filter((name) => {
      const seen = new Set<PermissionName>();
      for (let next = dependencyOf(name); next !== null && !seen.has(next); next = dependencyOf(next)) seen.add(next);
      return seen.has(name);
    });
    expect(circular).toEqual([]);
  });

  test('takes from a role all that depends on what it takes', () => {
    const kept = permissions.flatMap(({ name }) => {
      const dependency = dependencyOf(name);
      return dependency === null
        ? []
        : ROLES.filter((role) => permissionsOfRole(role).has(name) && !permissionsOfRole(role).has(dependency)).map(
            (role) => `${role} has ${name} without ${dependency}`,
          );
    });
    expect(kept).toEqual([]);
  });

  test('takes nothing from the administrators, who could not give it then', () => {
    expect(permissions.filter(({ disabledFor = [] }) => disabledFor.includes('PROVIDER'))).toEqual([]);
    expect(permissions.filter(({ disabledFor = [] }) => disabledFor.includes('ORG_ADMIN'))).toEqual([]);
  });
});
