import type { OrganisationRow } from '../../storage/organisations.ts';
import { readHolderOfEmail, type UserRow } from '../../storage/users.ts';
import type { Caller } from '../authority/caller.ts';
import { foldCompatible, foldText } from '../fold-text.ts';
import { mayGiveRole, type Role } from '../permissions/roles.ts';
import type { Services } from '../services.ts';
import { hasInvisible, lettersOf } from '../text-rules.ts';

export interface UserFields {
  firstName: string;
  lastName: string;
  email: string;
}

/** How emails are compared: whatever their case, and whichever of two forms of a letter is in them. */
export const foldEmail = foldCompatible;

/** Something before and after one @, and no white space: beyond that, only a message that arrives tells. */
const EMAIL = /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)*$/;

/** What is wrong with an email by itself; null when nothing is. */
export function findEmailProblem(email: string): string | null {
  if (hasInvisible(email)) return 'Must not contain invisible characters.';
  // As it is compared, too: a full-width @ is one.
  return EMAIL.test(email) && EMAIL.test(foldEmail(email)) ? null : 'Must be an email address.';
}

/** What is shown for main integrations, whose user has no name. */
const BOT_LETTERS = lettersOf('Main integration');

/** Whether a person would be taken for a main integration, in the audit log say. */
function isCalledLikeTheBot({ firstName, lastName }: Pick<UserFields, 'firstName' | 'lastName'>): boolean {
  return [firstName, lastName, firstName + lastName].some((name) => lettersOf(name) === BOT_LETTERS);
}

/** The columns that follow from a user's names and email: what is unique, and what is searched. */
export function foldedUserFields({ firstName, lastName, email }: UserFields) {
  return { emailFolded: foldEmail(email), searchFolded: foldText(`${firstName} ${lastName} ${email}`) };
}

/** The same for a change. An email that stays keeps its fold: one from before today's may collide only if written now. */
export function refoldedUserFields(present: UserRow, after: UserFields) {
  const { emailFolded, searchFolded } = foldedUserFields(after);
  return { emailFolded: after.email === present.email ? undefined : emailFolded, searchFolded };
}

/** Why the last one with this role, ORG_ADMIN or PROVIDER, cannot go. */
export function describeLastInOffice(role: Role): string {
  const whose = role === 'PROVIDER' ? 'The deployment' : 'An organisation';
  return `${whose} keeps one enabled ${role}, and this is the last. Appoint another one first.`;
}

/**
 * What is wrong with what a user is to be, by field.
 * @param present the user as it is, null for a new one. What stays as it is, is not judged: it must not keep anyone from
 * disabling that user.
 */
export async function findWrongUserFields(
  services: Services,
  caller: Caller,
  organisation: OrganisationRow,
  wanted: UserFields & { role: Role },
  present: UserRow | null,
): Promise<Record<string, string>> {
  const wrong: Record<string, string> = {};
  if (wanted.email !== present?.email) {
    const holder = await readHolderOfEmail(services.db, foldEmail(wanted.email));
    if (holder !== null && holder !== present?.id) wrong.email = 'A user with this email exists already.';
  }
  if (wanted.firstName !== present?.firstName || wanted.lastName !== present.lastName) {
    if (isCalledLikeTheBot(wanted)) wrong.last_name = 'This is what main integrations are called.';
  }
  // For those who may not give the role at all, that is what is said.
  if (wanted.role === 'PROVIDER' && !organisation.isDeployment && mayGiveRole(caller.user.role, 'PROVIDER')) {
    wrong.role = "PROVIDER users belong to the deployment's own organisation.";
  }
  return wrong;
}
