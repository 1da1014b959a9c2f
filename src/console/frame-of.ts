import type { Caller } from '../domain/authority/caller.ts';
import type { ConsoleContext, SessionEnv } from './context.ts';
import type { Frame, Section, SignedInFrame, Viewer } from './parts/frame.ts';
import { personName } from './parts/names.ts';

/** The frame of any page: the clock, the bound, and who is signed in. */
export function frameOf(c: ConsoleContext): Frame {
  const { services, session, caller, csrfToken } = c.var;
  const isInSession = session !== undefined && caller !== undefined && csrfToken !== undefined;
  const viewer = isInSession ? viewerOf({ session, caller, csrfToken }) : null;
  return { now: services.now(), boundSeconds: services.settings.maxStalenessMs / 1000, viewer };
}

/** The frame of a page that only someone who is signed in sees. */
export function signedInFrameOf(c: { var: Readonly<SessionEnv['Variables']> }): SignedInFrame {
  const { services } = c.var;
  return { now: services.now(), boundSeconds: services.settings.maxStalenessMs / 1000, viewer: viewerOf(c.var) };
}

type InSession = Pick<SessionEnv['Variables'], 'session' | 'caller' | 'csrfToken'>;

function viewerOf({ session: { user, by, hint, endsAt }, caller, csrfToken }: InSession): Viewer {
  return {
    id: user.id,
    name: caller.user.type === 'bot' ? 'Main integration' : personName(user),
    role: caller.user.role,
    organisation: user.organisation,
    signedInBy: by === 'key' ? { by, hint: hint ?? '' } : { by },
    sessionEndsAt: endsAt,
    csrfToken,
    sections: SECTIONS.filter(([, isFor]) => isFor(caller)).map(([section]) => section),
  };
}

/** Which sections a viewer has a use for. The acts behind them judge for themselves. */
const SECTIONS: readonly (readonly [Section, (caller: Caller) => boolean])[] = [
  ['keys', ({ reach }) => reach.permissions.includes('api_key_read')],
  ['users', ({ reach }) => reach.permissions.includes('user_read')],
  ['audit', () => true],
  ['organisations', ({ user }) => user.role === 'PROVIDER'],
];
