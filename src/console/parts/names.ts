import type { Role } from '../../domain/permissions/roles.ts';

/*
 * How the console names roles and people.
 */

const ROLE_NAMES: Record<Role, string> = {
  PROVIDER: 'Provider',
  ORG_ADMIN: 'Organisation admin',
  ORG_MANAGER: 'Organisation manager',
  GROUP_MANAGER: 'Group manager',
  BUSINESS_MANAGER: 'Business manager',
  PUBLISHER: 'Publisher',
};

export function roleName(role: Role): string {
  return ROLE_NAMES[role];
}

/** `a business manager`, `an organisation admin`. */
export function roleWithArticle(role: Role): string {
  const name = ROLE_NAMES[role].toLowerCase();
  return `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}`;
}

const ROLE_MEANINGS: Record<Role, string> = {
  PROVIDER: 'Everything, in every organisation of the deployment.',
  ORG_ADMIN: 'Everything in the organisation: all keys, all users.',
  ORG_MANAGER: 'All permissions, and users below this role. No main keys.',
  GROUP_MANAGER: 'Businesses, reviews, own keys. Reads users.',
  BUSINESS_MANAGER: 'Businesses, reviews, own keys. Reads users.',
  PUBLISHER: 'Reads reviews and keys. Writes nothing.',
};

export function roleMeaning(role: Role): string {
  return ROLE_MEANINGS[role];
}

/** The name of a person as users have stored it; the email, or the id, where there is none. */
export function personName(user: {
  id: string;
  firstName: string | null;
  lastName: string | null;
  email?: string | null;
}): string {
  return [user.firstName, user.lastName].filter(Boolean).join(' ') || (user.email ?? user.id);
}
