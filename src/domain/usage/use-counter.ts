import type { UseCount } from '../../storage/usage.ts';
import type { DenialCode } from '../../wire/denial.ts';
import { networkOfClient } from '../addresses/client-network.ts';
import { SetsOfNames } from './sets-of-names.ts';

const HOUR_MS = 60 * 60 * 1000;
/** Client addresses whose network is remembered, so that a busy client's address is not parsed at every call. */
const MAX_NETWORKS = 1_000;
/**
 * Networks of one key that are counted apart until the counts are sent. Whoever holds a key that is refused can call
 * with it from thousands of addresses, and each would be a row in the queue and the database. A call from a further
 * network is counted by its code, without the network.
 */
const MAX_NETWORKS_OF_KEY = { allowed: 100, refused: 20 } as const;
/**
 * Counts of one key's allowed calls until the counts are sent. A Worker may ask for any permissions together, and each
 * set is a row of its own, for each network. A further call is counted without what it asked for.
 */
const MAX_COUNTS_OF_KEY = 200;
const ALLOWED = 'VALID';

/** One call to count. */
export type Use = AllowedUse | RefusedUse;

interface AllowedUse {
  keyId: number;
  code: typeof ALLOWED;
  clientIp: string | null;
  /** Which secret of the key, by when it was made (unix milliseconds). */
  secret: number;
  /** The permissions that the call asked for. */
  needs: readonly string[];
}

interface RefusedUse {
  /** Null when the call had no key or an unknown one. */
  keyId: number | null;
  code: DenialCode;
  clientIp: string | null;
}

/** The counts of one isolate since they were last taken. No I/O, no clock. */
export class UseCounter {
  #counts = new Map<string, UseCount>();
  /** The networks that are counted apart, by key and by whether the call was allowed. */
  #followed = new Map<string, Set<string>>();
  /** How many counts there are of each key's allowed calls. */
  #ofKeys = new Map<number, number>();
  readonly #networks = new Map<string, string | null>();
  readonly #sets = new SetsOfNames();

  /** How many distinct counts there are: by key, hour, code, network, secret and set of permissions. */
  get size(): number {
    return this.#counts.size;
  }

  /** Counts one call at `now` (unix milliseconds). */
  count(use: Use, now: number): void {
    const { keyId, clientIp } = use;
    const what = {
      keyId: keyId ?? 0,
      hour: Math.floor(now / HOUR_MS),
      code: use.code,
      // Calls without a known key are counted without their network.
      network: keyId === null || clientIp === null ? null : this.#networkOf(clientIp),
      secret: use.code === ALLOWED ? use.secret : null,
      needs: use.code === ALLOWED ? this.#sets.write(use.needs) : null,
    };
    const known = this.#counts.get(nameOf(what)) ?? this.#begin(what, now);
    known.count += 1;
    known.lastAt = now;
  }

  /** Returns the counts, and starts again with none. */
  take(): UseCount[] {
    const counts = [...this.#counts.values()];
    this.#counts = new Map();
    this.#followed = new Map();
    this.#ofKeys = new Map();
    return counts;
  }

  /** The count of such calls, within the bounds on what is counted apart. */
  #begin(given: What, now: number): UseCount {
    const what = this.#withinBounds(given);
    const name = nameOf(what);
    const known = this.#counts.get(name);
    if (known !== undefined) return known;
    if (what.code === ALLOWED) this.#ofKeys.set(what.keyId, (this.#ofKeys.get(what.keyId) ?? 0) + 1);
    const begun = { ...what, count: 0, firstAt: now, lastAt: now };
    this.#counts.set(name, begun);
    return begun;
  }

  #withinBounds(what: What): What {
    const isFollowed = what.network === null || this.#follow(what.keyId, what.code, what.network);
    const network = isFollowed ? what.network : null;
    if (what.code !== ALLOWED) return { ...what, network };
    const isTold = isFollowed && (this.#ofKeys.get(what.keyId) ?? 0) < MAX_COUNTS_OF_KEY;
    return { ...what, network, needs: isTold ? what.needs : null };
  }

  /** Whether the network is one of those of the key that are counted apart. */
  #follow(keyId: number, code: string, network: string): boolean {
    const outcome = code === ALLOWED ? 'allowed' : 'refused';
    const name = `${keyId} ${outcome}`;
    const followed = this.#followed.get(name) ?? new Set();
    if (followed.has(network)) return true;
    if (followed.size >= MAX_NETWORKS_OF_KEY[outcome]) return false;
    this.#followed.set(name, followed.add(network));
    return true;
  }

  #networkOf(clientIp: string): string | null {
    const known = this.#networks.get(clientIp);
    if (known !== undefined) return known;
    const network = networkOfClient(clientIp);
    if (this.#networks.size >= MAX_NETWORKS) this.#networks.clear();
    this.#networks.set(clientIp, network);
    return network;
  }
}

type What = Omit<UseCount, 'count' | 'firstAt' | 'lastAt'>;

function nameOf({ keyId, hour, code, network, secret, needs }: What): string {
  return code === ALLOWED
    ? `${keyId} ${hour} ${network} ${secret} ${needs ?? '*'}`
    : `${keyId} ${hour} ${network} ${code}`;
}
