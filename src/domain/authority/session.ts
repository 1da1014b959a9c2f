import type { StoredSession } from '../../storage/sessions.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** How long a session lasts, however much it is used. */
export const SESSION_MS = 12 * HOUR_MS;
/** How long a session lasts without a request. */
const IDLE_MS = HOUR_MS;
/** How often it is written down that a session is in use. */
export const TOUCH_MS = MINUTE_MS;
/** How long a sign-in link can be used. */
export const LINK_MS = 24 * HOUR_MS;

/** A session of the console, as a page needs it. */
export interface Session {
  /** SHA-256 of the session's id, in hex. */
  hash: string;
  by: StoredSession['kind'];
  /** The person who is signed in. Names are null for the user of a main integration. */
  user: { id: string; firstName: string | null; lastName: string | null; organisation: string };
  /** Enough of the key's secret to recognise it by; null for a session without a key. */
  hint: string | null;
  startedAt: number;
  /** When it ends at the latest, in unix milliseconds. */
  endsAt: number;
}

/**
 * Whether a session has come to its end at `now` (unix milliseconds). Pure.
 * @returns `over`: it has lasted as long as any may; `idle`: nobody used it for too long; null: it goes on
 */
export function findEnd(
  { startedAt, lastSeenAt }: Pick<StoredSession, 'startedAt' | 'lastSeenAt'>,
  now: number,
): 'over' | 'idle' | null {
  if (now >= startedAt + SESSION_MS) return 'over';
  return now >= lastSeenAt + IDLE_MS ? 'idle' : null;
}
