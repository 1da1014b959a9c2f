import { findNarrowing, findUserShortfall } from '../domain/authority/reach.ts';
import { findInviteShortfall } from '../domain/sessions/invite-user.ts';
import type { User } from '../domain/users/user.ts';
import type { SessionEnv } from './context.ts';
import type { UserActs, UserView } from './parts/user-view.ts';

/** Users as pages show them, with what the viewer may do. Each act judges again when it is done. */
export function viewUsers({ caller }: SessionEnv['Variables'], users: readonly User[]): UserView[] {
  return users.map((user) => ({ user, keys: null, use: null, linkEndsAt: null, acts: actsOn(caller, user) }));
}

/** One user as its page shows it. */
export function viewUser(variables: SessionEnv['Variables'], user: User): UserView {
  const [view] = viewUsers(variables, [user]);
  if (view === undefined) throw new Error('A user has a view');
  return view;
}

function actsOn(caller: SessionEnv['Variables']['caller'], user: User): UserActs {
  const { reach } = caller;
  const lacks = reach.permissions.includes('user_manage') ? null : 'Needs user_manage';
  const shortfall = lacks ?? (findUserShortfall(reach, user.role) === null ? null : 'Your role does not reach it');
  const createsFor = reach.permissions.includes('api_key_manage') && findNarrowing(reach) === null;
  return {
    change: shortfall,
    invite: lacks ?? (findInviteShortfall(caller, user) === null ? null : 'Not for you'),
    createKey: createsFor ? null : 'Needs api_key_manage',
    remove: user.id === caller.user.id ? 'That is you' : shortfall,
  };
}
