import { links } from '../links.ts';
import { Door } from '../parts/door.tsx';
import type { Frame } from '../parts/frame.ts';

export interface SessionEndedPageProps {
  frame: Frame;
  /**
   * Why: nobody used it for an hour, its twelve hours are over, its key or its user no longer passes, or it was ended
   * from elsewhere. `unknown` is all that a stranger learns.
   */
  reason: 'idle' | 'over' | 'key' | 'user' | 'ended' | 'unknown';
  /** Whether the request was to change something, which then did not happen. */
  wasActing: boolean;
}

const REASONS: Record<SessionEndedPageProps['reason'], string> = {
  idle: 'Nobody used it for an hour.',
  over: 'A session lasts 12 hours at most.',
  key: 'The key that you signed in with was revoked, has expired, or may not be used from your address.',
  user: 'Your user was changed, disabled or deleted.',
  ended: 'It was ended from another place.',
  unknown: 'This browser holds no session that is still open.',
};

/** The session is over: why, what that means for what one was doing, and the way back in. */
export function SessionEndedPage({ frame, reason, wasActing }: SessionEndedPageProps) {
  return (
    <Door frame={frame} title="Signed out">
      <div class="stack tight">
        <h1>Your session has ended</h1>
        <p role="status">
          {REASONS[reason]}
          {wasActing && ' Nothing was changed by what you just did.'}
        </p>
      </div>
      <a class="btn go" href={links.signIn}>
        Sign in again
      </a>
    </Door>
  );
}
