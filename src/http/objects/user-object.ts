import type { User } from '../../domain/users/user.ts';

/** The user object of the contract. */
export function userObject(user: User) {
  return {
    id: user.id,
    org_id: user.orgId,
    first_name: user.firstName,
    last_name: user.lastName,
    email: user.email,
    role: user.role,
    // A bot is never invited: it has nothing to sign in to.
    status: user.type === 'user' && user.signedInAt === null ? 'invited' : 'active',
    disabled: user.disabled,
    created_at: Math.floor(user.createdAt / 1000),
  };
}

/** The fields of the user object that a client reads and cannot set. */
export const READ_ONLY_USER_FIELDS: readonly string[] = ['id', 'org_id', 'status', 'created_at'];
