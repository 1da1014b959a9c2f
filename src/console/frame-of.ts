import type { ConsoleContext } from './context.ts';
import type { Frame, Section, Viewer } from './parts/frame.ts';
import { personName } from './parts/names.ts';

/** The frame of a page: the clock, the bound, and who is signed in. */
export function frameOf(c: ConsoleContext): Frame {
  const { services } = c.var;
  return { now: services.now(), boundSeconds: services.settings.maxStalenessMs / 1000, viewer: viewerOf(c) };
}

function viewerOf(c: ConsoleContext): Viewer | null {
  const { session, caller, csrfToken } = c.var;
  if (session === undefined || caller === undefined || csrfToken === undefined) return null;
  const { user, by, hint, endsAt } = session;
  return {
    id: user.id,
    name: caller.user.type === 'bot' ? 'Main integration' : personName(user),
    role: caller.user.role,
    organisation: user.organisation,
    signedInBy: by === 'key' ? { by, hint: hint ?? '' } : { by },
    sessionEndsAt: endsAt,
    csrfToken,
    sections: SECTIONS.filter(([, isOf]) => isOf(c)).map(([section]) => section),
  };
}

/** Which sections a viewer has a use for. The acts behind them judge for themselves. */
const SECTIONS: readonly (readonly [Section, (c: ConsoleContext) => boolean])[] = [
  ['keys', (c) => c.var.caller?.reach.permissions.includes('api_key_read') ?? false],
  ['users', (c) => c.var.caller?.reach.permissions.includes('user_read') ?? false],
  ['audit', () => true],
  ['organisations', (c) => c.var.caller?.user.role === 'PROVIDER'],
];
