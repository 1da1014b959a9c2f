import type { UserRow } from '../storage/users.ts';

/** The user object of the contract. */
export function userObject(user: UserRow) {
  return {
    id: user.id,
    org_id: user.orgId,
    first_name: user.firstName,
    last_name: user.lastName,
    email: user.email,
    role: user.role,
    status: user.signedInAt === null ? 'invited' : 'active',
    disabled: user.disabled,
    created_at: Math.floor(user.createdAt / 1000),
  };
}
