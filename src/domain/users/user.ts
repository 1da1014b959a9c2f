import type { PersonFields } from '../../storage/change-users.ts';
import type { UserRow } from '../../storage/users.ts';

/** A user: a person, or the bot that an organisation's main integration keys are linked to. */
export type User = UserRow;

export type { PersonFields };

/** The fields of a person that a client gives, with their names on the wire and in the audit log. */
export const PERSON_FIELDS = {
  firstName: 'first_name',
  lastName: 'last_name',
  email: 'email',
  role: 'role',
} as const satisfies Record<keyof PersonFields, string>;

/** The values of a user's `status`. Whether the user is disabled is apart from it. */
export const USER_STATUSES = ['active', 'invited'] as const;
export type UserStatus = (typeof USER_STATUSES)[number];

/** Derives a user's status. The filter in storage/users.ts states the same rule in SQL. */
export function statusOf(user: Pick<User, 'type' | 'signedInAt'>): UserStatus {
  // A bot cannot sign in, so it is never invited.
  return user.type === 'user' && user.signedInAt === null ? 'invited' : 'active';
}

/** The `created_at` of a user, in unix seconds. */
export function createdAtSeconds(user: Pick<User, 'createdAt'>): number {
  return Math.floor(user.createdAt / 1000);
}

/** The read-only fields of a user, as a body gives them; a field left out says nothing. */
export interface FixedUserFields {
  id?: string | undefined;
  orgId?: number | undefined;
  status?: UserStatus | undefined;
  /** Unix seconds. */
  createdAt?: number | undefined;
}

/**
 * A new id for a user: 24 lower-case hex digits, all random, so that an id does not tell when or in which order users
 * were created.
 */
export function newUserId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Whether a text has the form of a user id. */
export function isUserId(text: string): boolean {
  return /^[0-9a-f]{24}$/.test(text);
}
