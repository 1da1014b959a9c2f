import { ROLES, type Role, USER_TYPES, type UserType } from '../../wire/roles.ts';

export { ROLES, type Role, USER_TYPES, type UserType };

/** The role of the bot user that main integration keys are linked to. Only administrators have access to these keys. */
export const BOT_ROLE: Role = 'ORG_ADMIN';

const ROLES_GIVEN: Record<Role, readonly Role[]> = {
  PROVIDER: ROLES,
  ORG_ADMIN: ['ORG_ADMIN', 'ORG_MANAGER', 'GROUP_MANAGER', 'BUSINESS_MANAGER', 'PUBLISHER'],
  ORG_MANAGER: ['GROUP_MANAGER', 'BUSINESS_MANAGER', 'PUBLISHER'],
  GROUP_MANAGER: [],
  BUSINESS_MANAGER: [],
  PUBLISHER: [],
};

/** Whether a user with the role `giver` may give `role` to a user, or create a key for a user with `role`. */
export function mayGiveRole(giver: Role, role: Role): boolean {
  return ROLES_GIVEN[giver].includes(role);
}

/** The roles that may give this role. */
export function rolesThatMayGive(role: Role): Role[] {
  return ROLES.filter((giver) => mayGiveRole(giver, role));
}

/** Whether this role has access to the keys of others: main integration keys, and other users' personal ones. */
export function administersKeys(role: Role): boolean {
  return role === 'ORG_ADMIN' || role === 'PROVIDER';
}
