/** The roles of users, from the widest to the narrowest. */
export const ROLES = [
  'PROVIDER',
  'ORG_ADMIN',
  'ORG_MANAGER',
  'GROUP_MANAGER',
  'BUSINESS_MANAGER',
  'PUBLISHER',
] as const;

export type Role = (typeof ROLES)[number];

/** `bot`: the user of an organisation's main integration keys; `user`: a person. */
export const USER_TYPES = ['bot', 'user'] as const;

export type UserType = (typeof USER_TYPES)[number];

/** Main integration keys belong to administrators, so their user is one. */
export const BOT_ROLE: Role = 'ORG_ADMIN';

const ROLES_GIVEN: Record<Role, readonly Role[]> = {
  PROVIDER: ROLES,
  ORG_ADMIN: ['ORG_ADMIN', 'ORG_MANAGER', 'GROUP_MANAGER', 'BUSINESS_MANAGER', 'PUBLISHER'],
  ORG_MANAGER: ['GROUP_MANAGER', 'BUSINESS_MANAGER', 'PUBLISHER'],
  GROUP_MANAGER: [],
  BUSINESS_MANAGER: [],
  PUBLISHER: [],
};

/** Whether a user with the role `giver` may give `role` to a user, or make a key for one who has it. */
export function mayGiveRole(giver: Role, role: Role): boolean {
  return ROLES_GIVEN[giver].includes(role);
}

/** The roles that may give a role, narrowest included. */
export function rolesThatMayGive(role: Role): Role[] {
  return ROLES.filter((giver) => mayGiveRole(giver, role));
}

/** Whether this role has access to the keys of others: main integration keys, and other users' personal ones. */
export function administersKeys(role: Role): boolean {
  return role === 'ORG_ADMIN' || role === 'PROVIDER';
}
