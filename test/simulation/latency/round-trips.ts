import { newIsolate } from '../../../src/domain/isolate.ts';
import { learnRegion } from '../../../src/domain/verification/learn-region.ts';
import type { RegionName } from '../../../src/storage/regions.ts';
import { LOCATIONS } from './locations.ts';

/*
 * How long a message takes between two places and back, and where things are. All times in milliseconds.
 *
 * Sources, and what follows where there is none:
 * - Round trips between London, Frankfurt, Ashburn, Tokyo, Sydney and São Paulo: IBM Cloud, "Network latency", averages
 *   of 2024-09-28 to 2024-10-27 (for Ashburn: its Washington DC). From Johannesburg: the AWS region latency matrix of
 *   cloudping.co (read 2026), for Cape Town. From Singapore to Tokyo: the matrix of AWS regions of 2017-04.
 * - All others: 1.5 times as long as light needs in glass on the great circle, and 4 ms. By that, the published pairs
 *   above come out within a tenth of their length, but for those that make detours (Tokyo to Europe: 140 for 230).
 * - D1's replicas are in the six regions that have a location hint of D1 (D1 docs, "Read replication" and the API's
 *   list of hints, 2025). In which city is assumed. That a query is one round trip: D1 release notes, 2025-01-07.
 * - KV keeps its values in few central stores. A location caches what it read for at least a minute, and a read that
 *   misses goes to a regional tier, then to a store (KV docs, "How KV works", read 2026). About 30 % of these stop at
 *   the tier, and the hottest keys come in less than 1 ms (Cloudflare's blog, "We made Workers KV up to 3x faster",
 *   2024-09-26). A store answers in less than 5 ms (Cloudflare's blog on KV's redesign, 2025-08). Where the stores are
 *   is assumed.
 * - Where a region's object stands follows from where new objects of its hint answer soonest (locations.ts). Objects
 *   of `sam`, `afr` and `me` are made in North America and Europe.
 */

/** The cities of the usual table. */
export const CITIES: ReadonlyMap<string, string> = new Map([
  ['LHR', 'London'],
  ['FRA', 'Frankfurt'],
  ['IAD', 'Ashburn'],
  ['SJC', 'San José'],
  ['SIN', 'Singapore'],
  ['NRT', 'Tokyo'],
  ['SYD', 'Sydney'],
  ['BOM', 'Mumbai'],
  ['GRU', 'São Paulo'],
  ['JNB', 'Johannesburg'],
  ['DXB', 'Dubai'],
]);

/** By the two codes in the order of the alphabet. */
const PUBLISHED: Record<string, number> = {
  'FRA LHR': 13,
  'IAD LHR': 76,
  'LHR NRT': 243,
  'LHR SYD': 261,
  'GRU LHR': 188,
  'FRA IAD': 91,
  'FRA NRT': 231,
  'FRA SYD': 250,
  'FRA GRU': 198,
  'IAD NRT': 168,
  'IAD SYD': 214,
  'GRU IAD': 119,
  'NRT SYD': 115,
  'GRU NRT': 285,
  'GRU SYD': 328,
  'NRT SIN': 74,
  'JNB LHR': 150,
  'FRA JNB': 155,
  'IAD JNB': 227,
  'JNB SIN': 205,
  'JNB SYD': 295,
  'JNB SJC': 287,
  'GRU JNB': 337,
};

/** What the way through the nearest building costs, there and back. */
const NEAREST = 4;
/** Light needs 0.01 ms for a kilometre of glass and back. */
const PER_KILOMETRE = 0.015;
const EARTH_RADIUS_KM = 6_371;

/** D1's primary: western Europe. */
export const PRIMARY = 'LHR';
const REPLICAS = ['LHR', 'WAW', 'IAD', 'SJC', 'SIN', 'SYD'];
const KV_STORES = ['LHR', 'IAD'];
const SERVICE_ZONES = ['FRA', 'IAD', 'SJC', 'SIN', 'SYD'];

/** Where the object of each region stands. There is one of each name. */
export const REGION_PLACES: Record<RegionName, string> = {
  wnam: 'SJC',
  enam: 'IAD',
  sam: 'IAD',
  weur: 'LHR',
  eeur: 'BTS',
  apac: 'SIN',
  'apac-ne': 'NRT',
  oc: 'SYD',
  afr: 'AMS',
  me: 'ZRH',
};

/** Where the object of this location's region stands. KV's regional tier is taken to be there as well. */
export function regionPlaceOf(location: string): string {
  const known = placeOfRegion.get(location);
  if (known !== undefined) return known;
  const { region } = newIsolate();
  learnRegion({ region, settings: SETTINGS }, () => location);
  if (region.own.name === null) throw new Error(`${location} has no region`);
  const place = REGION_PLACES[region.own.name];
  placeOfRegion.set(location, place);
  return place;
}

const SETTINGS = {
  acceptedPrefixes: [],
  maxStalenessMs: 0,
  feedWaitMs: 0,
  pollIntervalMs: 0,
  outageGraceMs: 0,
  nearPrimary: null,
};

const placeOfRegion = new Map<string, string>();

/** What is added to the round trip: D1 runs the query, an object takes the call, KV's store or tier answers. */
const D1_RUNS = 5;
const OBJECT_TAKES = 4;
const KV_ANSWERS = 15;
/** A service of one's own: its load balancer, its look-up, on a connection that is open already. */
const SERVICE_ANSWERS = 20;
/** A read of KV that the location's cache answers. */
export const KV_HOT = 3;

export function roundTrip(from: string, to: string): number {
  const published = PUBLISHED[[from, to].sort().join(' ')];
  return published ?? NEAREST + PER_KILOMETRE * kilometres(from, to);
}

export function toPrimary(from: string): number {
  return roundTrip(from, PRIMARY) + D1_RUNS;
}

export function toReplica(from: string): number {
  return roundTrip(from, replicaOf(from)) + D1_RUNS;
}

/** Where the replica stands that answers this location. */
export function replicaOf(from: string): string {
  return nearestOf(REPLICAS, from);
}

export function toObject(from: string, place: string): number {
  return roundTrip(from, place) + OBJECT_TAKES;
}

export function toKvTier(from: string, tier: string): number {
  return roundTrip(from, tier) + KV_ANSWERS;
}

export function toKvStore(from: string): number {
  return roundTrip(from, nearestOf(KV_STORES, from)) + KV_ANSWERS;
}

export function toService(from: string): number {
  return roundTrip(from, nearestOf(SERVICE_ZONES, from)) + SERVICE_ANSWERS;
}

function nearestOf(places: readonly string[], from: string): string {
  return places.reduce((best, place) => (roundTrip(from, place) < roundTrip(from, best) ? place : best));
}

function kilometres(from: string, to: string): number {
  const [a, b] = [locate(from), locate(to)];
  const half =
    Math.sin((a.latitude - b.latitude) / 2) ** 2 +
    Math.cos(a.latitude) * Math.cos(b.latitude) * Math.sin((a.longitude - b.longitude) / 2) ** 2;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.sqrt(half));
}

function locate(code: string): { latitude: number; longitude: number } {
  const location = LOCATIONS.get(code);
  if (location === undefined) throw new Error(`${code} is no Cloudflare location`);
  const radians = (degrees: number) => (degrees * Math.PI) / 180;
  return { latitude: radians(location.latitude), longitude: radians(location.longitude) };
}
