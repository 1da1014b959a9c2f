import { newIsolate, newRecordsOfRegions, newRegion } from '../../../src/domain/isolate.ts';
import { NO_LIMITS } from '../../../src/domain/limits.ts';
import type { Verification } from '../../../src/domain/services.ts';
import { answerIsolate, asRegion, followAsRegion } from '../../../src/domain/verification/answer-isolate.ts';
import type { Call } from '../../../src/domain/verification/decide-access.ts';
import { learnRegion } from '../../../src/domain/verification/learn-region.ts';
import { verifyHash } from '../../../src/domain/verification/verify-key.ts';
import type { RegionName, Regions } from '../../../src/storage/regions.ts';
import type { VerificationRecord } from '../../../src/storage/verification-record.ts';
import { openVerificationSource } from '../../../src/storage/verification-source.ts';
import type { Running, Surroundings } from './designs.ts';
import { Isolates } from './isolates.ts';
import { REGION_PLACES, toObject } from './round-trips.ts';
import { TieredKv } from './tiered-kv.ts';

const REGION_POLL_MS = 2_000;
/** As in `src/region`: one that was not asked for so long has no alarm any more. Its memory is then gone. */
const REGION_IN_USE_MS = 15 * 60_000;

const CALL: Call = { clientIp: null, needs: [] };
const PAYER = { name: 'simulated', site: null };

interface Settings {
  maxStalenessMs: number;
  hasRegions: boolean;
}

/** The service's own code, with these settings. */
export function byCode(around: Surroundings, { maxStalenessMs, hasRegions }: Settings): Running {
  const { network, counts, d1 } = around;
  const kv = new TieredKv<VerificationRecord>(network, counts);
  /** What an isolate and a region verify with besides their own state. */
  const servicesAt = (location: string, countQuery: () => void) => ({
    settings: {
      acceptedPrefixes: ['lk'],
      maxStalenessMs,
      feedWaitMs: maxStalenessMs,
      pollIntervalMs: Math.min(10_000, maxStalenessMs / 2),
      outageGraceMs: 300_000,
      nearPrimary: 'weur' as const,
    },
    source: openVerificationSource(d1.at(location, countQuery)),
    cache: kv.at(location),
    limits: NO_LIMITS,
    now: () => network.time.now,
    after: (milliseconds: number, callBack: () => void) => network.time.after(milliseconds, callBack),
    defer: (work: Promise<unknown>) => void work.catch(() => {}),
  });
  const regions = new SimulatedRegions(around, (region) => ({
    ...newRegion(newRecordsOfRegions()),
    ...servicesAt(REGION_PLACES[region], () => {
      counts.d1OfRegions += 1;
    }),
    regions: null,
    sharesPolls: true,
  }));
  const isolates = new Isolates(around, (location) => {
    const services: Verification = {
      ...newIsolate(),
      ...servicesAt(location, () => {
        counts.d1OfIsolates += 1;
      }),
      regions: hasRegions ? regions.from(location) : null,
      sharesPolls: false,
    };
    learnRegion(services, () => location);
    return services;
  });
  return {
    verify: (location, hash) => {
      const services = isolates.pick(location, hash);
      const verdict = verifyHash(services, hash, CALL, () => PAYER);
      if (!(verdict instanceof Promise)) return countRefused(around, verdict.allowed);
      return verdict.then(({ allowed }) => countRefused(around, allowed));
    },
    stop: () => regions.stop(),
  };
}

function countRefused({ counts }: Surroundings, isAllowed: boolean): undefined {
  if (!isAllowed) counts.refused += 1;
}

/** The objects of all regions, one for each. They do what those of `src/region` do, by the same functions. */
class SimulatedRegions {
  readonly #around: Surroundings;
  readonly #make: (region: RegionName) => Verification;
  readonly #objects = new Map<RegionName, { services: Verification; askedAt: number }>();
  #stopped = false;

  constructor(around: Surroundings, make: (region: RegionName) => Verification) {
    this.#around = around;
    this.#make = make;
  }

  /** The regions as an isolate in this location sees them. */
  from(location: string): Regions {
    const { network, counts } = this.#around;
    return {
      ask: (region, question) => {
        counts.asks += 1;
        return network.ask(toObject(location, REGION_PLACES[region]), () => {
          const object = this.#objectOf(region);
          object.askedAt = network.time.now;
          return this.#timed(answerIsolate(object.services, question));
        });
      },
    };
  }

  stop(): void {
    this.#stopped = true;
  }

  #objectOf(region: RegionName) {
    const known = this.#objects.get(region);
    if (known !== undefined) return known;
    const { network, counts } = this.#around;
    const object = { services: asRegion(this.#make(region), REGION_POLL_MS), askedAt: network.time.now };
    this.#objects.set(region, object);
    const alarm = () => {
      if (this.#stopped) return;
      counts.alarms += 1;
      if (network.time.now - object.askedAt >= REGION_IN_USE_MS) {
        this.#objects.delete(region);
        return;
      }
      network.time.after(REGION_POLL_MS, alarm);
      void this.#timed(followAsRegion(object.services));
    };
    network.time.after(REGION_POLL_MS, alarm);
    return object;
  }

  /** Counts how long an object works, which is paid for. */
  async #timed<Value>(work: Promise<Value>): Promise<Value> {
    const { network, counts } = this.#around;
    const startedAt = network.time.now;
    const value = await work;
    counts.objectMs += network.time.now - startedAt;
    return value;
  }
}
