import type { Verification } from '../services.ts';

/**
 * The clock (unix milliseconds), for all that verification does. A clock that was set back makes every moment that the
 * isolate remembers mean something else: what was heard 25 s ago looks as if it were new, and what lies in the future
 * would stop things for as long. So all of it is forgotten, and the next call asks the feed again.
 */
export function readClock(services: Verification): number {
  const now = services.now();
  if (services.heard.noticeClock(now)) forgetMoments(services);
  return now;
}

function forgetMoments({ polls, memory }: Verification): void {
  polls.startedAt = Number.NEGATIVE_INFINITY;
  polls.gaveUpAt = Number.NEGATIVE_INFINITY;
  memory.absences.clear();
}
