import { expect, test } from 'vitest';
import { administersKeys, mayGiveRole, ROLES, type Role } from '../../../src/domain/permissions/roles.ts';

test.each<[Role, readonly Role[]]>([
  ['PROVIDER', ROLES],
  ['ORG_ADMIN', ['ORG_ADMIN', 'ORG_MANAGER', 'GROUP_MANAGER', 'BUSINESS_MANAGER', 'PUBLISHER']],
  ['ORG_MANAGER', ['GROUP_MANAGER', 'BUSINESS_MANAGER', 'PUBLISHER']],
  ['GROUP_MANAGER', []],
  ['BUSINESS_MANAGER', []],
  ['PUBLISHER', []],
])('%s may give %j', (giver, given) => {
  expect(ROLES.filter((role) => mayGiveRole(giver, role))).toEqual(given);
});

test('only ORG_ADMIN and PROVIDER administer the keys of others', () => {
  expect(ROLES.filter(administersKeys).toSorted()).toEqual(['ORG_ADMIN', 'PROVIDER']);
});
