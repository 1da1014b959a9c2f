import { expect, test } from 'vitest';
import { CATALOGUE } from '../../../src/domain/permissions/catalogue.ts';
import {
  dependencyOf,
  effectivePermissions,
  isPermissionName,
  PERMISSION_NAMES,
  permissionsOfRole,
} from '../../../src/domain/permissions/permissions.ts';
import { ROLES, type Role } from '../../../src/domain/permissions/roles.ts';
import { CATALOGUE as FIXED } from '../../support/catalogue.ts';

/** The catalogue that the contract starts from: what each depends on, and who has it (P, A, M, G, B, U: the roles). */
const CONTRACT: [name: string, dependsOn: string | null, heldBy: string][] = [
  ['business_edit', null, 'PAMGB '],
  ['business_edit_name', 'business_edit', 'PAMGB '],
  ['business_edit_categories', 'business_edit', 'PAMGB '],
  ['business_edit_open_hours', 'business_edit', 'PAMGB '],
  ['review_read', null, 'PAMGBU'],
  ['review_reply', 'review_read', 'PAMGB '],
  ['api_key_read', null, 'PAMGBU'],
  ['api_key_manage', 'api_key_read', 'PAMGB '],
  ['api_key_verify', null, 'PAM   '],
  ['user_read', null, 'PAMGB '],
  ['user_manage', 'user_read', 'PAM   '],
];

const LETTERS: Record<Role, string> = {
  PROVIDER: 'P',
  ORG_ADMIN: 'A',
  ORG_MANAGER: 'M',
  GROUP_MANAGER: 'G',
  BUSINESS_MANAGER: 'B',
  PUBLISHER: 'U',
};

test('the tests run with the catalogue that is fixed for them, whatever the deployment’s is', () => {
  expect(CATALOGUE).toBe(FIXED);
});

test('the permissions are those of the contract, in its order', () => {
  expect(PERMISSION_NAMES).toEqual(CONTRACT.map(([name]) => name));
});

test.each(ROLES)('%s has the permissions that the contract gives it', (role) => {
  const held = CONTRACT.filter(([, , heldBy]) => heldBy.includes(LETTERS[role])).map(([name]) => name);
  expect([...permissionsOfRole(role)]).toEqual(held);
});

test.each(CONTRACT)('%s depends on %s', (name, dependsOn) => {
  expect(isPermissionName(name) && dependencyOf(name)).toBe(dependsOn);
});

test.each(['', 'business', 'Business_edit', 'business_edit ', 'constructor', '__proto__', 'toString'])(
  '%j is no permission',
  (name) => {
    expect(isPermissionName(name)).toBe(false);
  },
);

test.each<[string, boolean, string[], Role, string[]]>([
  ['an unrestricted key has all of its role', false, [], 'PUBLISHER', ['review_read', 'api_key_read']],
  [
    'a list left over on an unrestricted key does not count',
    false,
    ['user_manage'],
    'PUBLISHER',
    ['review_read', 'api_key_read'],
  ],
  ['a restricted key has its list', true, ['review_read'], 'ORG_ADMIN', ['review_read']],
  ['a restricted key with an empty list may do nothing', true, [], 'PROVIDER', []],
  [
    'a list keeps its own order',
    true,
    ['user_read', 'review_read', 'business_edit'],
    'ORG_ADMIN',
    ['user_read', 'review_read', 'business_edit'],
  ],
  [
    'a list loses what its role lacks',
    true,
    ['review_reply', 'review_read', 'user_manage'],
    'PUBLISHER',
    ['review_read'],
  ],
  ['a list loses what the catalogue no longer has', true, ['review_read', 'retired'], 'ORG_ADMIN', ['review_read']],
])('%s', (_, hasRestrictedPermissions, permissions, role, effective) => {
  expect(effectivePermissions({ hasRestrictedPermissions, permissions }, role)).toEqual(effective);
});
