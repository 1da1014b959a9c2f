import type { Role } from '../../domain/permissions/roles.ts';

/*
 * What every page is given besides its own values.
 */

export interface Frame {
  /** The clock of the server, in unix milliseconds. All relative times of the page are judged by it. */
  now: number;
  /** Within how many seconds a change holds everywhere. */
  boundSeconds: number;
  /** Who is signed in; null on the pages before that. */
  viewer: Viewer | null;
}

/** A frame of a page that only someone who is signed in sees. */
export interface SignedInFrame extends Frame {
  viewer: Viewer;
}

export interface Viewer {
  id: string;
  name: string;
  role: Role;
  organisation: string;
  signedInBy: { by: 'key'; hint: string } | { by: 'link' } | { by: 'access' };
  /** When the session ends at the latest, in unix milliseconds. */
  sessionEndsAt: number;
  /** The token of the session that every form sends back. */
  csrfToken: string;
  /** The sections that the viewer has a use for. */
  sections: readonly Section[];
}

/** A link in the top bar. */
export type Section = 'keys' | 'users' | 'audit' | 'organisations';
