import { foldCompatible } from '../../storage/fold-text.ts';
import type { OrganisationRow } from '../../storage/organisations.ts';
import { readHolderOfEmail } from '../../storage/users.ts';
import type { Caller } from '../authority/caller.ts';
import { mayGiveRole, type Role } from '../permissions/roles.ts';
import type { Stores } from '../services.ts';
import { findLineProblem, hasInvisible, lettersOf } from '../text-rules.ts';
import {
  createdAtSeconds,
  type FixedUserFields,
  PERSON_FIELDS,
  type PersonFields,
  statusOf,
  type User,
} from './user.ts';

/** Of a first or a last name, in code points. */
export const MAX_NAME_LENGTH = 100;
/** The longest address that mail can be sent to (RFC 5321, as RFC 3696's erratum 1690 counts it). */
export const MAX_EMAIL_LENGTH = 254;

/**
 * Something before and after one @, and no white space. Whether the address is right, only a message that arrives can
 * tell.
 */
const EMAIL = /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)*$/;

/** What is wrong with the form of an email; null when nothing is. */
export function findEmailProblem(email: string): string | null {
  if (hasInvisible(email)) return 'Must not contain invisible characters.';
  // The folded form, by which emails are compared, must match too: it turns a full-width @ into an @.
  return EMAIL.test(email) && EMAIL.test(foldCompatible(email)) ? null : 'Must be an email address.';
}

/**
 * What is wrong with the names and the email of a person, for commands, which have no schema. Looks nothing up. Pure.
 * @returns messages by field name on the wire; empty when nothing is wrong
 */
export function findWrongPersonTexts(person: Omit<PersonFields, 'role'>): Record<string, string> {
  const problems: [field: string, problem: string | null][] = [
    [PERSON_FIELDS.email, findLineProblem(person.email, MAX_EMAIL_LENGTH) ?? findEmailProblem(person.email)],
    [PERSON_FIELDS.firstName, findLineProblem(person.firstName, MAX_NAME_LENGTH)],
    [
      PERSON_FIELDS.lastName,
      findLineProblem(person.lastName, MAX_NAME_LENGTH) ?? (isCalledLikeTheBot(person) ? BOT_NAME_IS_TAKEN : null),
    ],
  ];
  return Object.fromEntries(problems.flatMap(([field, problem]) => (problem === null ? [] : [[field, problem]])));
}

/** The letters of the name that is shown for a main integration, whose user has none. */
const BOT_LETTERS = lettersOf('Main integration');

/** Whether a person's name could be taken for a main integration, for example in the audit log. */
function isCalledLikeTheBot({ firstName, lastName }: Pick<PersonFields, 'firstName' | 'lastName'>): boolean {
  return [firstName, lastName, firstName + lastName].some((name) => lettersOf(name) === BOT_LETTERS);
}

const BOT_NAME_IS_TAKEN = 'This is what main integrations are called.';

/**
 * Checks the read-only fields of a body against the user. A field with the user's own value is accepted, so that a user can
 * be posted back as it was read. Pure.
 * @returns messages by field, for the fields with another value; empty when there are none
 */
export function findChangedFixedFields(given: FixedUserFields, user: User): Record<string, string> {
  const fields: [field: string, given: unknown, present: unknown, problem: string][] = [
    ['id', given.id, user.id, 'The id of a user does not change.'],
    ['org_id', given.orgId, user.orgId, 'A user does not move to another organisation.'],
    ['status', given.status, statusOf(user), 'The status follows from whether the user has ever signed in.'],
    ['created_at', given.createdAt, createdAtSeconds(user), 'When a user was made does not change.'],
  ];
  const wrong = fields.filter(([, value, present]) => value !== undefined && value !== present);
  return Object.fromEntries(
    wrong.map(([field, , , problem]) => [field, `${problem} Leave it out, or as it was read.`]),
  );
}

/** The message when the last enabled user with this role (ORG_ADMIN or PROVIDER) would go. */
export function describeLastInOffice(role: Role): string {
  const whose = role === 'PROVIDER' ? 'The deployment' : 'An organisation';
  return `${whose} keeps one enabled ${role}, and this is the last. Appoint another one first.`;
}

/**
 * What is wrong with the wanted fields of a user.
 * @param present the stored user; null for a new one. An email or a name that does not change is not judged. Otherwise
 * a stored one that breaks a rule would prevent disabling its user.
 * @returns messages by field name on the wire; empty when nothing is wrong
 */
export async function findWrongUserFields(
  services: Stores,
  caller: Caller,
  organisation: OrganisationRow,
  wanted: PersonFields,
  present: User | null,
): Promise<Record<string, string>> {
  const wrong: Record<string, string> = {};
  if (wanted.email !== present?.email) {
    const holder = await readHolderOfEmail(services.db, wanted.email);
    if (holder !== null && holder !== present?.id) wrong.email = 'A user with this email exists already.';
  }
  if (wanted.firstName !== present?.firstName || wanted.lastName !== present.lastName) {
    if (isCalledLikeTheBot(wanted)) wrong.last_name = BOT_NAME_IS_TAKEN;
  }
  // A caller that may not give the role is refused for that, not for the organisation.
  if (wanted.role === 'PROVIDER' && !organisation.isDeployment && mayGiveRole(caller.user.role, 'PROVIDER')) {
    wrong.role = "PROVIDER users belong to the deployment's own organisation.";
  }
  return wrong;
}
