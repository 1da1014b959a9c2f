import { commitUserChange } from '../storage/commit-change.ts';
import { readOrganisation } from '../storage/organisations.ts';
import { insertUser } from '../storage/users.ts';
import { actorOf, type Caller } from './caller.ts';
import { hasAccessToOrganisation } from './key-access.ts';
import { findUserShortfall } from './reach.ts';
import type { Outcome } from './refusal.ts';
import type { Role } from './roles.ts';
import type { Services } from './services.ts';
import { foldedUserFields, type UserFields } from './user-fields.ts';
import { newUserId } from './user-id.ts';

export interface UserRequest extends UserFields {
  role: Role;
  /** PROVIDER only; left out: the caller's own organisation. */
  orgId?: number | undefined;
}

/** Adds a person to an organisation. */
export async function createUser(
  services: Services,
  caller: Caller,
  request: UserRequest,
): Promise<Outcome<{ userId: string }>> {
  const orgId = request.orgId ?? caller.key.orgId;
  if (!hasAccessToOrganisation(caller, orgId)) return { refused: 'out_of_reach', shortfall: { rule: 'provider_only' } };
  const organisation = await readOrganisation(services.db, orgId);
  if (organisation === null) return { refused: 'not_found' };
  if (request.role === 'PROVIDER' && !organisation.isDeployment) {
    return { refused: 'invalid', fields: { role: "PROVIDER users belong to the deployment's own organisation." } };
  }
  const shortfall = findUserShortfall(caller.key, request.role);
  if (shortfall !== null) return { refused: 'out_of_reach', shortfall };

  const { firstName, lastName, email, role } = request;
  const id = newUserId();
  const now = services.now();
  const added = await commitUserChange(services, {
    rows: [
      insertUser(services.db, {
        id,
        orgId,
        role,
        firstName,
        lastName,
        email,
        ...foldedUserFields(request),
        createdAt: now,
      }),
    ],
    userId: id,
    orgId,
    audit: {
      action: 'user.created',
      changes: { first_name: [null, firstName], last_name: [null, lastName], email: [null, email], role: [null, role] },
    },
    actor: actorOf(caller),
    now,
  });
  return added ? { userId: id } : { refused: 'invalid', fields: { email: 'A user with this email exists already.' } };
}
