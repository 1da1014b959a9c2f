import type { UseCount } from '../../storage/usage.ts';
import { networkOfClient } from '../addresses/client-network.ts';

const HOUR_MS = 60 * 60 * 1000;
/** Client addresses whose network is remembered, so that a busy client's address is not parsed at every call. */
const MAX_NETWORKS = 1_000;
/**
 * Networks of one key that are counted apart until the counts are sent. Whoever holds a key that is refused can call
 * with it from thousands of addresses, and each would be a row in the queue and the database. A call from a further
 * network is counted by its code, without the network.
 */
const MAX_NETWORKS_OF_KEY = { allowed: 100, refused: 20 } as const;
const ALLOWED = 'VALID';

/** One call to count. `keyId` is null when the call had no key or an unknown one. */
export interface Use {
  keyId: number | null;
  code: string;
  clientIp: string | null;
}

/** The counts of one isolate since they were last taken. No I/O, no clock. */
export class UseCounter {
  #counts = new Map<string, UseCount>();
  /** The networks that are counted apart, by key and by whether the call was allowed. */
  #followed = new Map<string, Set<string>>();
  readonly #networks = new Map<string, string | null>();

  /** How many distinct counts there are: by key, hour, code and network. */
  get size(): number {
    return this.#counts.size;
  }

  /** Counts one call at `now` (unix milliseconds). */
  count({ keyId, code, clientIp }: Use, now: number): void {
    const hour = Math.floor(now / HOUR_MS);
    // Calls without a known key are counted without their network.
    const network = keyId === null || clientIp === null ? null : this.#follow(keyId, code, this.#networkOf(clientIp));
    const name = `${keyId ?? 0} ${hour} ${code} ${network}`;
    const known = this.#counts.get(name);
    if (known === undefined) {
      this.#counts.set(name, { keyId: keyId ?? 0, hour, code, network, count: 1, firstAt: now, lastAt: now });
    } else {
      known.count += 1;
      known.lastAt = now;
    }
  }

  /** Returns the counts, and starts again with none. */
  take(): UseCount[] {
    const counts = [...this.#counts.values()];
    this.#counts = new Map();
    this.#followed = new Map();
    return counts;
  }

  /** The network, if it is one of those of the key that are counted apart; else null. */
  #follow(keyId: number, code: string, network: string | null): string | null {
    if (network === null) return null;
    const outcome = code === ALLOWED ? 'allowed' : 'refused';
    const name = `${keyId} ${outcome}`;
    const followed = this.#followed.get(name) ?? new Set();
    if (!followed.has(network)) {
      if (followed.size >= MAX_NETWORKS_OF_KEY[outcome]) return null;
      this.#followed.set(name, followed.add(network));
    }
    return network;
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
