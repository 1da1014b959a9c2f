import { statusOf, type User } from '../../domain/users/user.ts';
import { span } from '../words.ts';
import type { KeyStatusWords } from './key-status.tsx';

/** A user as the pages of the console show it. */
export interface UserView {
  user: User;
  /** How many keys the user has; null: it was not counted. */
  keys: number | null;
  /** How its keys were used; null: it was not counted, or cannot be read now. */
  use: { callsIn24h: number; lastUsedAt: number | null } | null;
  /** When the sign-in link that was made for it stops working, in unix milliseconds; null: there is none. */
  linkEndsAt: number | null;
  /** What the viewer may do with the user: null when it may, else why not, in a few words. */
  acts: UserActs;
}

export interface UserActs {
  change: string | null;
  invite: string | null;
  createKey: string | null;
  remove: string | null;
}

/** The status of a user in words: Disabled, Invited or Active, the first that holds. */
export function describeUserStatus(
  { user, keys, linkEndsAt }: UserView,
  now: number,
): Pick<KeyStatusWords, 'shape' | 'tone' | 'detail'> & { word: 'Active' | 'Invited' | 'Disabled' } {
  if (user.disabled) {
    const detail = keys === null || keys === 0 ? null : keys === 1 ? 'Its key is refused' : 'Its keys are refused';
    return { word: 'Disabled', shape: 'bars', tone: 'dim', detail };
  }
  if (statusOf(user) === 'invited') {
    const detail = linkEndsAt === null || linkEndsAt <= now ? null : `Link ends in ${span(linkEndsAt - now)}`;
    return { word: 'Invited', shape: 'clock', tone: 'warn', detail };
  }
  return { word: 'Active', shape: 'dot', tone: 'ok', detail: null };
}
