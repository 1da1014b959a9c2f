import { ALL_WEATHERS } from './region-weather.ts';
import type { Options } from './world.ts';

/** The conditions that the simulation runs under: as deployed, and harder ones. */
export const CONDITIONS: Record<
  string,
  Pick<Options, 'pollLimit' | 'retention' | 'slow' | 'answersIn' | 'clockSteps' | 'regions'>
> = {
  'as deployed': {},
  'a slow D1': { slow: true },
  'polls of 3 rows and a feed of one minute': { pollLimit: 3, retention: 60_000 },
  'each answer of D1 in 1.1 s': { answersIn: 1_100 },
  'each answer of D1 in 2.5 s': { answersIn: 2_500 },
  'clocks that are wrong, and set back': { clockSteps: true },
  'all of that at once': { pollLimit: 3, retention: 60_000, slow: true, clockSteps: true },
  regions: { regions: { weather: [] } },
  'regions in all weathers': { regions: { weather: ALL_WEATHERS, shards: 2 } },
  'regions in all weathers, and all of that at once': {
    regions: { weather: ALL_WEATHERS, shards: 2 },
    pollLimit: 3,
    retention: 60_000,
    slow: true,
    clockSteps: true,
  },
  'regions that are all gone': { regions: { weather: [], areGone: true } },
};

/** Regions in each kind of weather alone. */
export const WEATHERS_OF_REGIONS: typeof CONDITIONS = Object.fromEntries(
  ALL_WEATHERS.map((kind) => [`regions: ${kind}`, { regions: { weather: [kind] } }]),
);
