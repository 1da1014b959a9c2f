import { KEEP_SECONDS } from '../../../src/storage/record-cache.ts';
import type { Counts } from './counts.ts';
import type { Network } from './network.ts';
import { KV_HOT, regionPlaceOf, toKvStore, toKvTier } from './round-trips.ts';

/** How long a location and a tier keep what they read. */
const CACHED_MS = 60_000;
/** A read of something older than this, which is still cached, fetches it anew in the background. */
const REFRESHED_AFTER_MS = CACHED_MS / 2;

interface Entry<Value> {
  record: Value;
  writtenAt: number;
}

/** What a location or a tier has read, by name. An absence is kept as well. */
type Cached<Value> = Map<string, { entry: Entry<Value> | null; fetchedAt: number }>;

/** KV without faults: a cache in each location, a tier for several locations, and the stores. */
export class TieredKv<Value> {
  readonly #network: Network;
  readonly #counts: Pick<Counts, 'kvReads' | 'kvWrites'>;
  readonly #stored = new Map<string, Entry<Value>>();
  readonly #locations = new Map<string, Cached<Value>>();
  readonly #tiers = new Map<string, Cached<Value>>();

  constructor(network: Network, counts: Pick<Counts, 'kvReads' | 'kvWrites'>) {
    this.#network = network;
    this.#counts = counts;
  }

  /** KV as a Worker in this location sees it. */
  at(location: string) {
    const cached = cacheOf(this.#locations, location);
    return {
      read: async (name: string): Promise<Entry<Value> | null> => {
        this.#counts.kvReads += 1;
        const entry = await this.#read(location, cached, name);
        return entry === null || entry.writtenAt + KEEP_SECONDS * 1000 < this.#now ? null : entry;
      },
      write: async (name: string, record: Value): Promise<void> => {
        this.#counts.kvWrites += 1;
        await this.#network.ask(toKvStore(location), () => {
          const entry = { record, writtenAt: this.#now };
          this.#stored.set(name, entry);
          // The location that wrote sees its own write.
          cached.set(name, { entry, fetchedAt: this.#now });
        });
      },
    };
  }

  async #read(location: string, cached: Cached<Value>, name: string): Promise<Entry<Value> | null> {
    const known = cached.get(name);
    if (known === undefined || this.#now - known.fetchedAt >= CACHED_MS) return this.#fetch(location, cached, name);
    if (this.#now - known.fetchedAt >= REFRESHED_AFTER_MS) void this.#fetch(location, cached, name);
    await this.#network.wait(KV_HOT);
    return known.entry;
  }

  async #fetch(location: string, cached: Cached<Value>, name: string): Promise<Entry<Value> | null> {
    const place = regionPlaceOf(location);
    const tier = cacheOf(this.#tiers, place);
    const known = tier.get(name);
    const isInTier = known !== undefined && this.#now - known.fetchedAt < CACHED_MS;
    const entry = isInTier
      ? await this.#network.ask(toKvTier(location, place), () => known.entry)
      : await this.#network.ask(toKvStore(location), () => this.#stored.get(name) ?? null);
    if (!isInTier) tier.set(name, { entry, fetchedAt: this.#now });
    cached.set(name, { entry, fetchedAt: this.#now });
    return entry;
  }

  get #now(): number {
    return this.#network.time.now;
  }
}

function cacheOf<Value>(caches: Map<string, Cached<Value>>, place: string): Cached<Value> {
  const known = caches.get(place);
  if (known !== undefined) return known;
  const cached: Cached<Value> = new Map();
  caches.set(place, cached);
  return cached;
}
