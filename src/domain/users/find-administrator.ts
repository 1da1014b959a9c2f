import { readAdministrator } from '../../storage/users.ts';
import type { Caller } from '../authority/caller.ts';
import type { Stores } from '../services.ts';

/** Whom a caller can ask for what it may not do itself. */
export interface Administrator {
  firstName: string | null;
  lastName: string | null;
  email: string;
}

/**
 * An enabled ORG_ADMIN of the caller's organisation other than the caller, the one who has been there longest.
 * @returns null when there is none, or the caller may not read users
 */
export async function findAdministrator(services: Stores, caller: Caller): Promise<Administrator | null> {
  const { user, reach } = caller;
  if (!reach.permissions.includes('user_read')) return null;
  return services.readList(services.heard.lookupBookmark, (db) =>
    readAdministrator(db, { orgId: user.orgId, exceptUserId: user.id }),
  );
}
