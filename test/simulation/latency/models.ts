import type { Running, Surroundings } from './designs.ts';
import { Isolates } from './isolates.ts';
import { toPrimary, toReplica, toService } from './round-trips.ts';
import { TieredKv } from './tiered-kv.ts';

const BOUND_MS = 30_000;
const POLL_MS = 10_000;

/** What one isolate knew, as it was. */
interface Known {
  heardAt: number;
  polledAt: number;
  keys: Set<string>;
}

/** How it was: a call waits for the feed where that is too old, then for KV, then for D1. Changes are left out. */
export function inTurn(around: Surroundings): Running {
  const { network, counts } = around;
  const kv = new TieredKv<true>(network, counts);
  const isolates = new Isolates<Known>(around, () => ({ heardAt: -Infinity, polledAt: -Infinity, keys: new Set() }));
  const poll = async (location: string, known: Known) => {
    const sentAt = network.time.now;
    known.polledAt = sentAt;
    counts.d1OfIsolates += 1;
    await network.wait(toPrimary(location));
    known.heardAt = Math.max(known.heardAt, sentAt);
  };
  const lookUp = async (location: string, hash: string, known: Known) => {
    if (network.time.now - known.heardAt >= BOUND_MS) await poll(location, known);
    if (known.keys.has(hash)) return;
    const cache = kv.at(location);
    if ((await cache.read(hash)) === null) {
      counts.d1OfIsolates += 1;
      await network.wait(toReplica(location));
      void cache.write(hash, true);
    }
    known.keys.add(hash);
  };
  return {
    verify: (location, hash) => {
      const known = isolates.pick(location, hash);
      const { now } = network.time;
      const isRecent = now - known.heardAt < BOUND_MS;
      if (isRecent && now - known.polledAt >= POLL_MS) void poll(location, known);
      return isRecent && known.keys.has(hash) ? undefined : lookUp(location, hash, known);
    },
    stop: () => {},
  };
}

/** KV holds every key, and each call reads it. Nothing bounds how late it is. */
export function kvAlone(around: Surroundings): Running {
  const kv = new TieredKv<true>(around.network, around.counts);
  const isolates = new Isolates(around, (location) => kv.at(location));
  return {
    verify: async (location, hash) => {
      await isolates.pick(location, hash).read(hash);
    },
    stop: () => {},
  };
}

/** A service in five zones of the world, asked at each call. */
export function centralService({ network }: Surroundings): Running {
  return { verify: (location) => network.wait(toService(location)), stop: () => {} };
}
