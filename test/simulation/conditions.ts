import type { Options } from './world.ts';

/** Under what the simulation runs: as deployed, and with less of everything that makes things easy. */
export const CONDITIONS: Record<string, Pick<Options, 'pollLimit' | 'retention' | 'slow'>> = {
  'as deployed': {},
  'a slow D1': { slow: true },
  'polls of 3 rows and a feed of one minute': { pollLimit: 3, retention: 60_000 },
  'all of that at once': { pollLimit: 3, retention: 60_000, slow: true },
};
