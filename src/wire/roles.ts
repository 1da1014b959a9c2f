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
