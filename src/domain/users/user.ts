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
