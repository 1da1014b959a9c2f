import { DESIGN_NAMES, type DesignName, MEANINGS } from './designs.ts';
import { LOCATIONS } from './locations.ts';
import type { LatencyReport, Waiting } from './report.ts';
import {
  CITIES,
  REGION_PLACES,
  regionPlaceOf,
  toKvStore,
  toObject,
  toPrimary,
  toReplica,
  toService,
} from './round-trips.ts';

const WIDTH = 17;
/** Milliseconds to the object of a region that is near. */
const NEAR = 20;

/** The tables of a report, as text. */
export function linesOf({ seed, cities, everywhere, queries, prices }: LatencyReport): string[] {
  return [
    `seed ${seed}`,
    '',
    ...DESIGN_NAMES.map((design) => `  ${design.padEnd(10)} ${MEANINGS[design]}`),
    '',
    'Waiting for the network (ms) of all calls: p50 / p95 / p99, and the mean of the medians of all cities',
    row('calls a second', DESIGN_NAMES),
    ...ratesOf(cities).map((rate) =>
      row(
        `${rate} a city`,
        DESIGN_NAMES.map((design) => waitOf(cities, rate, design)),
      ),
    ),
    ...(everywhere.length === 0
      ? []
      : [
          row(
            `${everywhere[0]?.rate} everywhere`,
            DESIGN_NAMES.map((design) => waitOf(everywhere, everywhere[0]?.rate ?? 0, design)),
          ),
        ]),
    `  Calls without a verdict: ${[...cities, ...everywhere].reduce((sum, { refused }) => sum + refused, 0)}`,
    '',
    ...linesOfCities(cities),
    ...linesOfLocations(everywhere),
    'D1 queries a second, when each isolate has 0.8 calls a second',
    row(
      'isolates',
      queries.map(({ design }) => design),
    ),
    ...(queries[0]?.ofIsolates ?? []).map(({ isolates }, index) =>
      row(
        String(isolates),
        queries.map(({ ofIsolates }) => rounded(ofIsolates[index]?.perSecond ?? 0)),
      ),
    ),
    '',
    ...linesOfPrices(prices),
  ];
}

function waitOf(waits: readonly Waiting[], rate: number, design: DesignName): string {
  const found = waits.find((wait) => wait.rate === rate && wait.design === design);
  if (found === undefined) return '-';
  const [p50, p95, p99, mean] = [found.p50, found.p95, found.p99, found.ofPlaces].map(Math.round);
  return `${p50}/${p95}/${p99} (${mean})`;
}

function linesOfCities(cities: readonly Waiting[]): string[] {
  const rates = ratesOf(cities);
  const ofRegion = cities.filter(({ design }) => design === 'region');
  const heads = [
    'object',
    '(new one)',
    'primary',
    'replica',
    'KV store',
    'service',
    ...rates.map((rate) => `p50 at ${rate}`),
  ];
  return [
    'Round trips of each city (ms), and the median with a region',
    row('', heads),
    ...[...CITIES].map(([code, name]) => {
      const place = regionPlaceOf(code);
      const trips = [toObject(code, place), null, toPrimary(code), toReplica(code), toKvStore(code), toService(code)];
      const newObjectMs = LOCATIONS.get(code)?.newObjectMs ?? null;
      const cells = trips.map((trip) => (trip === null ? `(${newObjectMs ?? '-'})` : rounded(trip)));
      return row(`${name}, ${place}`, [...cells, ...ofRegion.map(({ medians }) => rounded(medians.get(code) ?? 0))]);
    }),
    ...linesOfAims(ofRegion),
    '',
  ];
}

/** The aims: 60 ms for all cities, 20 ms for those that have their region near. */
function linesOfAims(ofRegion: readonly Waiting[]): string[] {
  const near = [...CITIES.keys()].filter((code) => toObject(code, regionPlaceOf(code)) <= NEAR);
  return ofRegion.map(({ rate, ofPlaces, medians }) => {
    const slowest = Math.max(...near.map((code) => medians.get(code) ?? 0));
    return `  At ${rate} calls a second: mean of all medians ${rounded(ofPlaces)}, the slowest of the ${near.length} cities with their region near ${rounded(slowest)}`;
  });
}

function linesOfLocations(everywhere: readonly Waiting[]): string[] {
  const found = everywhere.find(({ design }) => design === 'region');
  if (found === undefined) return [];
  const medians = [...found.medians].toSorted(([, a], [, b]) => a - b);
  const share = (most: number) =>
    `${Math.round((100 * medians.filter(([, ms]) => ms <= most).length) / medians.length)} %`;
  const byPlace = Object.entries(REGION_PLACES).map(([region, place]) => {
    const own = medians.filter(([code]) => regionPlaceOf(code) === place).map(([, ms]) => ms);
    return `${region} ${rounded(own[Math.floor(own.length / 2)] ?? 0)}`;
  });
  return [
    `With a region, the median is at most 20 ms in ${share(20)} of ${medians.length} locations, 60 ms in ${share(60)}, 100 ms in ${share(100)}.`,
    `Median of the medians, by region: ${byPlace.join(', ')}`,
    `Slowest: ${medians
      .slice(-12)
      .map(([code, ms]) => `${code} ${rounded(ms)}`)
      .join(', ')}`,
    '',
  ];
}

function linesOfPrices(prices: LatencyReport['prices']): string[] {
  const volumes = [...new Set(prices.map(({ millions }) => millions))];
  return [
    'Dollars a month, and D1 queries a second with them',
    ...volumes.flatMap((volume) => {
      const own = prices.filter(({ millions }) => millions === volume);
      const parts = Object.keys(own[0]?.parts ?? {});
      return [
        row(
          `${volume} million`,
          own.map(({ design }) => design),
        ),
        ...parts.map((part) =>
          row(
            `  ${part}`,
            own.map((price) => rounded(price.parts[part] ?? 0)),
          ),
        ),
        row(
          '  total',
          own.map(({ design, total }) => `${rounded(total)}${design === 'service' ? ' + its fee' : ''}`),
        ),
        row(
          '  D1 a second',
          own.map(({ d1PerSecond }) => rounded(d1PerSecond)),
        ),
      ];
    }),
  ];
}

function ratesOf(waits: readonly Waiting[]): number[] {
  return [...new Set(waits.map(({ rate }) => rate))];
}

function row(head: string, cells: readonly string[]): string {
  return `  ${head.padEnd(20)}${cells.map((cell) => cell.padStart(WIDTH)).join(' ')}`.trimEnd();
}

function rounded(value: number): string {
  if (value >= 10 || value === 0) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 1 ? 1 : 2);
}
