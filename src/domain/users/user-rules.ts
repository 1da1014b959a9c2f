import type { OrganisationRow } from '../../storage/organisations.ts';
import { readHolderOfEmail } from '../../storage/users.ts';
import type { Caller } from '../authority/caller.ts';
import { foldText } from '../fold-text.ts';
import { mayGiveRole, type Role } from '../permissions/roles.ts';
import type { Services } from '../services.ts';

export interface UserFields {
  firstName: string;
  lastName: string;
  email: string;
}

/** The columns that follow from a user's names and email: what is unique, and what is searched. */
export function foldedUserFields({ firstName, lastName, email }: UserFields) {
  return { emailFolded: foldText(email), searchFolded: foldText(`${firstName} ${lastName} ${email}`) };
}

/** Why the last one with this role, ORG_ADMIN or PROVIDER, cannot go. */
export function describeLastInOffice(role: Role): string {
  const whose = role === 'PROVIDER' ? 'The deployment' : 'An organisation';
  return `${whose} keeps one enabled ${role}, and this is the last. Appoint another one first.`;
}

/** What is wrong with the email and the role that a user is to have, by field. `userId`: whose they are already. */
export async function findWrongUserFields(
  services: Services,
  caller: Caller,
  organisation: OrganisationRow,
  wanted: { email: string; role: Role },
  userId: string | null,
): Promise<Record<string, string>> {
  const wrong: Record<string, string> = {};
  const holder = await readHolderOfEmail(services.db, foldText(wanted.email));
  if (holder !== null && holder !== userId) wrong.email = 'A user with this email exists already.';
  // For those who may not give the role at all, that is what is said.
  if (wanted.role === 'PROVIDER' && !organisation.isDeployment && mayGiveRole(caller.user.role, 'PROVIDER')) {
    wrong.role = "PROVIDER users belong to the deployment's own organisation.";
  }
  return wrong;
}
