import { createdAtSeconds, statusOf, type User } from '../../domain/users/user.ts';
import type { UserAnswer } from '../answers/users.ts';

/** The user object of the contract. */
export function userObject(user: User): UserAnswer {
  return {
    id: user.id,
    org_id: user.orgId,
    first_name: user.firstName,
    last_name: user.lastName,
    email: user.email,
    role: user.role,
    status: statusOf(user),
    disabled: user.disabled,
    created_at: createdAtSeconds(user),
  };
}
