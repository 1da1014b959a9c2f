import { foldText } from './fold-text.ts';

export interface UserFields {
  firstName: string;
  lastName: string;
  email: string;
}

/** The columns that follow from a user's names and email: what is unique, and what is searched. */
export function foldedUserFields({ firstName, lastName, email }: UserFields) {
  return { emailFolded: foldText(email), searchFolded: foldText(`${firstName} ${lastName} ${email}`) };
}
