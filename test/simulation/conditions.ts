import type { Options } from './world.ts';

/** The conditions that the simulation runs under: as deployed, and harder ones. */
export const CONDITIONS: Record<
  string,
  Pick<Options, 'pollLimit' | 'retention' | 'slow' | 'answersIn' | 'clockSteps'>
> = {
  'as deployed': {},
  'a slow D1': { slow: true },
  'polls of 3 rows and a feed of one minute': { pollLimit: 3, retention: 60_000 },
  'each answer of D1 in 1.1 s': { answersIn: 1_100 },
  'each answer of D1 in 2.5 s': { answersIn: 2_500 },
  'clocks that are wrong, and set back': { clockSteps: true },
  'all of that at once': { pollLimit: 3, retention: 60_000, slow: true, clockSteps: true },
};
