import type { Counts } from './counts.ts';
import { DESIGN_NAMES, type DesignName } from './designs.ts';
import { ISOLATES_PER_LOCATION } from './isolates.ts';
import { LOCATIONS } from './locations.ts';
import { KEYS, type Measured, Measuring, type Traffic } from './measure.ts';
import { priceOfMonth, SECONDS_OF_MONTH } from './prices.ts';
import { CITIES, REGION_PLACES } from './round-trips.ts';

/** How much is measured. Each part is left out when it has no entry. */
export interface Extent {
  /** Calls a second in each of the cities. */
  rates: readonly number[];
  /** Measured calls of each city. */
  callsPerCity: number;
  /** Measured calls of each location, when all of them are measured. */
  callsPerLocation: number;
  locations: readonly string[];
  /** The share of the calls before that is made. With less than 1, isolates and regions have met fewer keys. */
  earlier: number;
  /** Verifications a month, in millions. */
  volumes: readonly number[];
}

export const WHOLE: Extent = {
  rates: [0.01, 0.1, 1, 10],
  callsPerCity: 300,
  callsPerLocation: 30,
  locations: [...LOCATIONS.keys()],
  earlier: 1,
  volumes: [1, 100, 10_000],
};

const RATE_OF_LOCATIONS = 0.1;
/** The rate at which D1's queries are counted: every isolate has nearly one call a second. */
const BUSY = 10;
const ISOLATES = [10, 1_000, 100_000];

/** Milliseconds. */
export interface Waiting {
  rate: number;
  design: DesignName;
  calls: number;
  refused: number;
  p50: number;
  p95: number;
  p99: number;
  /** The mean of the medians of all places, so that no place counts for more because its calls wait longer. */
  ofPlaces: number;
  medians: Map<string, number>;
}

export interface LatencyReport {
  seed: number;
  cities: Waiting[];
  everywhere: Waiting[];
  /** D1's queries a second, by design and number of isolates. */
  queries: { design: DesignName; ofIsolates: { isolates: number; perSecond: number }[] }[];
  prices: { millions: number; design: DesignName; total: number; parts: Record<string, number>; d1PerSecond: number }[];
}

/** Measures everything. The same seed and extent give the same report. */
export async function measureLatency(
  seed: number,
  extent: Extent,
  onProgress: (what: string) => void = () => {},
): Promise<LatencyReport> {
  const measuring = new Measuring(seed);
  await measuring.prepare();
  const report: LatencyReport = { seed, cities: [], everywhere: [], queries: [], prices: [] };
  const measureAll = async (traffic: Traffic, what: string, take: (design: DesignName, measured: Measured) => void) => {
    for (const design of DESIGN_NAMES) {
      onProgress(`${what}: ${design}`);
      take(design, await measuring.measure(design, traffic));
    }
  };
  const cities = [...CITIES.keys()];
  for (const rate of extent.rates) {
    const traffic = {
      locations: cities,
      rate,
      callsPerLocation: extent.callsPerCity,
      earlierCalls: extent.earlier * earlierCalls(rate),
    };
    await measureAll(traffic, `${cities.length} cities, ${rate} calls a second each`, (design, measured) => {
      report.cities.push(summarise(rate, design, measured));
      if (rate !== BUSY) return;
      const perSecond = queriesPerSecond(measured, cities.length * ISOLATES_PER_LOCATION);
      report.queries.push({
        design,
        ofIsolates: ISOLATES.map((isolates) => ({ isolates, perSecond: perSecond(isolates) })),
      });
    });
  }
  if (extent.locations.length > 0) {
    const { locations, callsPerLocation } = extent;
    const traffic = { locations, rate: RATE_OF_LOCATIONS, callsPerLocation, earlierCalls: extent.earlier * 60 };
    await measureAll(traffic, `${locations.length} locations`, (design, measured) => {
      report.everywhere.push(summarise(RATE_OF_LOCATIONS, design, measured));
    });
  }
  for (const millions of extent.volumes) {
    const rate = (millions * 1e6) / SECONDS_OF_MONTH / cities.length;
    const traffic = {
      locations: cities,
      rate,
      // A tenth of a minute at least, so that polls and alarms are in it.
      callsPerLocation: Math.max(extent.callsPerCity, 10 * rate),
      earlierCalls: extent.earlier * earlierCalls(rate),
    };
    await measureAll(traffic, `${millions} million verifications a month`, (design, { counts, seconds }) => {
      const regions = counts.asks === 0 ? 0 : Object.keys(REGION_PLACES).length;
      const price = priceOfMonth({ counts, seconds, keys: KEYS, regions });
      report.prices.push({ millions, design, ...price, d1PerSecond: queriesOf(counts) / seconds });
    });
  }
  return report;
}

/** Enough calls for isolates that live on to have met most keys, and for regions to have. */
function earlierCalls(rate: number): number {
  if (rate < 1) return 300;
  return rate < 10 ? 2_000 : 3_600;
}

function summarise(rate: number, design: DesignName, { waits, counts }: Measured): Waiting {
  const all = [...waits.values()].flat().toSorted((a, b) => a - b);
  const medians = new Map(
    [...waits].map(([place, ofPlace]) => [
      place,
      percentile(
        ofPlace.toSorted((a, b) => a - b),
        50,
      ),
    ]),
  );
  return {
    rate,
    design,
    calls: counts.calls,
    refused: counts.refused,
    p50: percentile(all, 50),
    p95: percentile(all, 95),
    p99: percentile(all, 99),
    ofPlaces: [...medians.values()].reduce((sum, median) => sum + median, 0) / medians.size,
    medians,
  };
}

function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0;
}

function queriesOf(counts: Counts): number {
  return counts.d1OfIsolates + counts.d1OfRegions;
}

/** Isolates send more when they are more. There are never more regions. */
function queriesPerSecond({ counts, seconds }: Measured, isolates: number): (others: number) => number {
  return (others) => (counts.d1OfRegions + (counts.d1OfIsolates / isolates) * others) / seconds;
}
