import { expect, test, vi } from 'vitest';
import { DESIGN_NAMES } from './designs.ts';
import { linesOf } from './print.ts';
import { type Extent, measureLatency } from './report.ts';
import { CITIES, regionPlaceOf, roundTrip, toObject } from './round-trips.ts';

// A region that is asked from afar sometimes answers too late. The log of it is of no interest.
vi.spyOn(console, 'error').mockImplementation(() => {});

const SHORT: Extent = {
  rates: [0.1, 10],
  callsPerCity: 30,
  callsPerLocation: 10,
  locations: ['AMS', 'HNL', 'CPT'],
  earlier: 0.4,
  volumes: [1],
};

const report = await measureLatency(3, SHORT);

test('one seed gives one report', async () => {
  const little = { ...SHORT, rates: [0.1], locations: [], volumes: [] };
  const once = await measureLatency(3, little);
  expect(await measureLatency(3, little)).toEqual(once);
  expect(await measureLatency(4, little)).not.toEqual(once);
});

test('each design is measured under each traffic, and every call has a verdict', () => {
  const measured = report.cities.map(({ rate, design }) => `${rate} ${design}`);
  expect(measured).toEqual(SHORT.rates.flatMap((rate) => DESIGN_NAMES.map((design) => `${rate} ${design}`)));
  expect(report.everywhere.map(({ design }) => design)).toEqual(DESIGN_NAMES);
  expect(report.queries.map(({ design }) => design)).toEqual(DESIGN_NAMES);
  expect(report.prices.map(({ design }) => design)).toEqual(DESIGN_NAMES);
  for (const { refused, medians, calls } of [...report.cities, ...report.everywhere]) {
    expect(refused).toBe(0);
    expect(calls).toBeGreaterThan(0);
    for (const median of medians.values()) expect(median).not.toBeNaN();
  }
});

test('a cold call waits for no more than the way to its region, and without one for the primary', () => {
  const at = (name: string) => report.cities.find(({ rate, design }) => rate === 0.1 && design === name);
  expect(at('region')?.ofPlaces).toBeLessThanOrEqual(60);
  for (const near of ['LHR', 'FRA', 'IAD', 'SJC', 'SIN', 'SYD']) {
    expect(at('region')?.medians.get(near)).toBeLessThan(1.2 * toObject(near, regionPlaceOf(near)));
  }
  const withoutRegion = at('no region')?.medians.get('SYD');
  expect(withoutRegion).toBeGreaterThan(roundTrip('SYD', 'LHR') * 0.95);
  expect(at('in turn')?.medians.get('SYD')).toBeGreaterThan(Number(withoutRegion));
});

test('the primary hears of nine regions in place of every isolate', () => {
  const asked = (name: string) => report.queries.find(({ design }) => design === name)?.ofIsolates;
  expect(asked('region')?.at(-1)?.perSecond).toBeLessThan(50);
  expect(asked('no region')?.at(-1)?.perSecond).toBeGreaterThan(1_000);
});

test('the tables have a row for each traffic, city, number of isolates and volume', () => {
  const text = linesOf(report).join('\n');
  for (const name of CITIES.values()) expect(text).toContain(`  ${name}, `);
  for (const head of ['0.1 a city', '10 a city', '0.1 everywhere', '100000', '1 million', 'total']) {
    expect(text).toContain(`  ${head} `);
  }
  expect(text).not.toMatch(/NaN|Infinity|undefined|null/);
});
