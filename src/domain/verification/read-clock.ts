import type { Verification } from '../services.ts';

/**
 * Reads the clock (unix milliseconds) for verification. When the clock was set back, remembered moments mislead: old
 * answers look new, and moments in the future stop polls until they pass. So all of them are forgotten, and the next
 * call polls the feed again.
 */
export function readClock(services: Verification): number {
  const now = services.now();
  if (services.heard.noticeClock(now)) forgetMoments(services);
  return now;
}

function forgetMoments({ polls, memory, region }: Verification): void {
  polls.startedAt = Number.NEGATIVE_INFINITY;
  polls.gaveUpAt = Number.NEGATIVE_INFINITY;
  polls.waitedForSince = Number.NEGATIVE_INFINITY;
  for (const link of [region.own, region.nearPrimary]) {
    link.missedAt = Number.NEGATIVE_INFINITY;
    link.restsSince = Number.NEGATIVE_INFINITY;
  }
  memory.absences.clear();
}
