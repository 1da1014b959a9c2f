import type { JointUse } from '../../storage/joint-uses.ts';
import { compileAllowlist, parseNetwork, shareCovered } from '../addresses/allowlist.ts';
import { type Decision, decideAccess } from '../verification/decide-access.ts';
import type { KeyRecord } from '../verification/key-record.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const ANY_ADDRESS = compileAllowlist([]);

/**
 * What is decided of each of some calls; `unknown` when some of them may be let in and others refused. `UNKNOWN_KEY`: the
 * key is gone with its user.
 */
export type Judgement = Decision | { allowed: false; code: 'UNKNOWN_KEY' } | 'unknown';

/** Judges calls to a key that was deleted. */
export const DELETED = { allowed: false, code: 'UNKNOWN_KEY' } as const;

/**
 * Makes a judge of calls that were counted together, by the rules of one record. Pure. The judge asks `decideAccess`, at
 * the day of the calls: keys expire at midnight (UTC), so one moment of a day stands for all of it.
 *
 * An IPv6 call is counted by its /64, and an allowlist may have an entry within that. Whether such a call would pass is not
 * known, and it is judged by the other rules alone: where they refuse it, it is refused from whatever address.
 */
export function judgeBy(record: KeyRecord): (use: Pick<JointUse, 'day' | 'network' | 'needs'>) => Judgement {
  const anywhere = { ...record, allowlist: ANY_ADDRESS };
  // The same network is in many counts: one for each day and set of permissions.
  const shares = new Map<string, ReturnType<typeof shareCovered>>();
  const isKnown = (network: string | null) => {
    if (network === null) return true;
    const share = shares.get(network) ?? findShare(record, network);
    shares.set(network, share);
    return share !== 'some';
  };
  return ({ day, network, needs }) => {
    const isSure = isKnown(network);
    const decision = decideAccess(isSure ? record : anywhere, { clientIp: firstAddress(network), needs }, day * DAY_MS);
    return decision.allowed && !isSure ? 'unknown' : decision;
  };
}

/**
 * The same for calls of which only the earliest possible day is known. They are refused if even a call would be that asks
 * for nothing, comes from an address that passes, and is made on that day. Else they are `unknown`.
 */
export function judgeUncounted(record: KeyRecord, earliestDay: number): Judgement {
  const anywhere = { ...record, allowlist: ANY_ADDRESS };
  const decision = decideAccess(anywhere, { clientIp: null, needs: [] }, earliestDay * DAY_MS);
  return decision.allowed ? 'unknown' : decision;
}

function findShare({ allowlist }: KeyRecord, text: string): ReturnType<typeof shareCovered> {
  const network = parseNetwork(text);
  // Calls from a network that cannot be read cannot be judged by their address.
  return network === null ? 'some' : shareCovered(allowlist, network);
}

/** The first address of a network, which stands for all of them where the list covers all or none. */
function firstAddress(network: string | null): string | null {
  return network?.split('/', 1)[0] ?? null;
}
