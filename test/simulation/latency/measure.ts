import { addKey } from '../../../src/storage/change-keys.ts';
import { addUser } from '../../../src/storage/change-users.ts';
import type { Stores } from '../../../src/storage/commit-change.ts';
import { openForLists } from '../../../src/storage/list-reads.ts';
import { NO_RECORD_CACHE } from '../../../src/storage/record-cache.ts';
import { Random } from '../random.ts';
import { VirtualTime } from '../virtual-time.ts';
import { CalmD1 } from './calm-d1.ts';
import { type Counts, countedSince, noCounts } from './counts.ts';
import { DESIGNS, type DesignName, type Surroundings, WITHOUT_MEMORY } from './designs.ts';
import { Network } from './network.ts';
import { PRIMARY } from './round-trips.ts';

/** How many keys there are. Most calls are with a few of them, which are other ones in each location. */
export const KEYS = 300;
const USER = 'a'.repeat(24);
/** Every so often, a key is changed. */
const MEAN_BETWEEN_CHANGES = 10 * 60_000;
/** The days before: as many calls a second in each location, so that a region has met the keys. */
const EARLIER_RATE = 1;
/** After them, every isolate is gone. */
const PAUSE_MS = 90_000;

export interface Traffic {
  locations: readonly string[];
  /** Calls a second in each location. */
  rate: number;
  /** How many calls a location has, on average, while it is measured. */
  callsPerLocation: number;
  /** How many calls each location has had before. */
  earlierCalls: number;
}

/** What was measured of one design under one traffic. */
export interface Measured {
  /** How long each call waited (milliseconds), by location. */
  waits: Map<string, number[]>;
  counts: Counts;
  seconds: number;
}

/** A database with keys, in virtual time. Designs run in it one after the other. */
export class Measuring {
  readonly #random: Random;
  readonly #time = new VirtualTime(Date.UTC(2031, 0, 1));
  readonly #network: Network;
  readonly #d1: CalmD1;
  readonly #shares = cumulativeShares(KEYS);
  readonly #hashes: string[] = [];

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#network = new Network(this.#time, this.#random);
    this.#d1 = new CalmD1(this.#network);
  }

  /** Adds the keys. To be called once, before anything is measured. */
  async prepare(): Promise<void> {
    this.#d1.write("INSERT INTO organisations (name, name_folded, is_deployment, created_at) VALUES ('o', 'o', 1, 0)");
    await this.#time.runUntil(this.#addKeys());
  }

  measure(design: DesignName, traffic: Traffic): Promise<Measured> {
    return this.#time.runUntil(this.#run(design, traffic));
  }

  async #run(design: DesignName, { locations, rate, callsPerLocation, earlierCalls }: Traffic): Promise<Measured> {
    const counts = noCounts();
    const around: Surroundings = { network: this.#network, random: this.#random, d1: this.#d1, counts };
    const running = DESIGNS[design](around);
    const waits = new Map(locations.map((location) => [location, [] as number[]]));
    const call = async (location: string, isMeasured: boolean) => {
      const hash = this.#pickKey(locations.indexOf(location));
      const startedAt = this.#time.now;
      counts.calls += 1;
      await running.verify(location, hash);
      if (isMeasured) waits.get(location)?.push(this.#time.now - startedAt);
    };
    const live = (calls: number, perSecond: number, isMeasured: boolean) => {
      const end = this.#time.now + (calls / perSecond) * 1_000;
      return Promise.all(
        locations.map(async (location) => {
          const underWay = new Set<Promise<void>>();
          for (;;) {
            const pause = this.#random.interval(1_000 / perSecond);
            if (this.#time.now + pause >= end) break;
            await this.#time.sleep(pause);
            const work = call(location, isMeasured);
            underWay.add(work);
            void work.finally(() => underWay.delete(work));
          }
          await this.#time.sleep(end - this.#time.now);
          await Promise.all(underWay);
        }),
      );
    };
    if (!WITHOUT_MEMORY.includes(design)) await live(earlierCalls, Math.max(rate, EARLIER_RATE), false);
    // An isolate that has a call more seldom than it lives begins anew at most of them.
    if (rate < EARLIER_RATE) await this.#time.sleep(PAUSE_MS);
    const earlier = { ...counts };
    const startedAt = this.#time.now;
    const stopChanging = this.#changeNowAndThen();
    await live(callsPerLocation, rate, true);
    stopChanging();
    running.stop();
    return { waits, counts: countedSince(counts, earlier), seconds: (this.#time.now - startedAt) / 1_000 };
  }

  /** By the law of Zipf: the second key has half the calls of the first, the third a third of them. */
  #pickKey(location: number): string {
    const luck = this.#random.next();
    const rank = this.#shares.findIndex((share) => luck < share);
    const hash = this.#hashes[(rank + location * 7) % KEYS];
    if (hash === undefined) throw new Error('There is no such key');
    return hash;
  }

  #changeNowAndThen(): () => void {
    let isStopped = false;
    const change = () => {
      if (isStopped) return;
      const keyId = 1 + Math.floor(this.#random.between(0, KEYS));
      this.#d1.write(`UPDATE feed_state SET head = head + 1`);
      this.#d1.write(`INSERT INTO key_changes (seq, api_key_id, at) SELECT head, ${keyId}, 0 FROM feed_state`);
      this.#time.after(this.#random.interval(MEAN_BETWEEN_CHANGES), change);
    };
    this.#time.after(this.#random.interval(MEAN_BETWEEN_CHANGES), change);
    return () => {
      isStopped = true;
    };
  }

  async #addKeys(): Promise<void> {
    const stores: Stores = {
      ...openForLists(this.#d1.at(PRIMARY)),
      cache: NO_RECORD_CACHE,
      heard: { note: () => {} },
      defer: (work) => void work,
    };
    const event = { actor: { operator: 'simulation' }, now: this.#time.now };
    const person = { firstName: 'Simulated', lastName: 'User', email: 'user@simulated.example' };
    await addUser(
      stores,
      { ...person, id: USER, orgId: 1, role: 'ORG_ADMIN' },
      { ...event, audit: { action: 'user.created', changes: {} } },
    );
    const fields = {
      label: 'key',
      description: null,
      expirationDate: null,
      ipWhitelist: [],
      hasRestrictedPermissions: false,
      permissions: [],
    };
    for (let made = 1; made <= KEYS; made++) {
      const hash = `hash ${made}`;
      await addKey(
        stores,
        {
          fields: { ...fields, label: `key ${made}` },
          secret: { hash, sealed: '', hint: '' },
          owner: { userId: USER },
        },
        { ...event, audit: { action: 'api_key.created', changes: {} } },
      );
      this.#hashes.push(hash);
    }
  }
}

function cumulativeShares(keys: number): number[] {
  const weights = Array.from({ length: keys }, (_, rank) => 1 / (rank + 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let share = 0;
  return weights.map((weight, rank) => {
    share += weight / total;
    return rank === keys - 1 ? 1 : share;
  });
}
