import { statusOf, type User } from '../../domain/users/user.ts';

/** The user object of the contract. */
export function userObject(user: User) {
  return {
    id: user.id,
    org_id: user.orgId,
    first_name: user.firstName,
    last_name: user.lastName,
    email: user.email,
    role: user.role,
    status: statusOf(user),
    disabled: user.disabled,
    created_at: Math.floor(user.createdAt / 1000),
  };
}

/** The read-only fields of the user object. */
export const READ_ONLY_USER_FIELDS: readonly string[] = ['id', 'org_id', 'status', 'created_at'];
