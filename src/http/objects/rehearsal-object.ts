import type { Rehearsal } from '../../domain/rehearsal/rehearse.ts';
import type { RehearsalAnswer } from '../answers/rehearsals.ts';
import { formatTimestamp } from './timestamps.ts';

/** What a rehearsal of a change of one key found, as the contract has it. */
export function rehearsalObject({ calls, refused, refusedAlready, unknown, ...found }: Rehearsal): RehearsalAnswer {
  return {
    calls,
    refused,
    refused_already: refusedAlready,
    unknown,
    by_code: found.byCode,
    sources: found.sources.map(({ network, code, count, lastSeen }) => ({
      network,
      code,
      count,
      last_seen: formatTimestamp(lastSeen),
    })),
    permissions: found.permissions.map(({ name, count, lastSeen }) => ({
      name,
      count,
      last_seen: formatTimestamp(lastSeen),
    })),
    since: formatTimestamp(found.since),
  };
}
