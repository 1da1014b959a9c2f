import { findUserShortfall } from '../domain/authority/reach.ts';
import { findCreationHindrance } from '../domain/keys/key-acts.ts';
import { findKeysOfUsers } from '../domain/keys/keys-of-users.ts';
import { findInviteShortfall } from '../domain/sessions/invite-user.ts';
import type { User } from '../domain/users/user.ts';
import type { SessionEnv } from './context.ts';
import type { UserActs, UserView } from './parts/user-view.ts';
import { inFewWords } from './view-keys.ts';

/** Users as pages show them, with what the viewer may do. Each act judges again when it is done. */
export async function viewUsers(
  { services, caller }: SessionEnv['Variables'],
  users: readonly User[],
): Promise<UserView[]> {
  const keys = await findKeysOfUsers(services, caller, users);
  return users.map((user) => {
    const { count = null, use = null } = keys.get(user.id) ?? {};
    return { user, keys: count, use, linkEndsAt: null, acts: actsOn(caller, user) };
  });
}

/** One user as its page shows it. */
export async function viewUser(variables: SessionEnv['Variables'], user: User): Promise<UserView> {
  const [view] = await viewUsers(variables, [user]);
  if (view === undefined) throw new Error('A user has a view');
  return view;
}

function actsOn(caller: SessionEnv['Variables']['caller'], user: User): UserActs {
  const { reach } = caller;
  const lacks = reach.permissions.includes('user_manage') ? null : 'Needs user_manage';
  const shortfall = lacks ?? (findUserShortfall(reach, user.role) === null ? null : 'Your role does not reach it');
  return {
    change: shortfall,
    invite: lacks ?? (findInviteShortfall(caller, user) === null ? null : 'Not for you'),
    createKey: inFewWords(findCreationHindrance(caller, user)),
    remove: user.id === caller.user.id ? 'That is you' : shortfall,
  };
}
