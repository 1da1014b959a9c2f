import type { Random } from '../random.ts';
import { byCode } from './by-code.ts';
import type { CalmD1 } from './calm-d1.ts';
import type { Counts } from './counts.ts';
import { centralService, inTurn, kvAlone } from './models.ts';
import type { Network } from './network.ts';

/** What a design runs in. */
export interface Surroundings {
  network: Network;
  random: Random;
  d1: CalmD1;
  counts: Counts;
}

/** A design that is running. */
export interface Running {
  /** Verifies a key in a location. Undefined: there is nothing to wait for. */
  verify: (location: string, hash: string) => Promise<void> | undefined;
  stop: () => void;
}

/** The designs that are compared. Those by the service's own code say so; the others are models of a few lines. */
export const DESIGNS = {
  'in turn': inTurn,
  'no region': (around) => byCode(around, { maxStalenessMs: 30_000, hasRegions: false }),
  region: (around) => byCode(around, { maxStalenessMs: 10_000, hasRegions: true }),
  primary: (around) => byCode(around, { maxStalenessMs: 0, hasRegions: false }),
  'KV alone': kvAlone,
  service: centralService,
} as const satisfies Record<string, (around: Surroundings) => Running>;

export type DesignName = keyof typeof DESIGNS;

export const DESIGN_NAMES = Object.keys(DESIGNS) as DesignName[];

/** Those that remember nothing, and so need no calls before they are measured. */
export const WITHOUT_MEMORY: readonly DesignName[] = ['primary', 'service'];

/** Each name in a sentence. */
export const MEANINGS: Record<DesignName, string> = {
  'in turn': 'how it was: the feed first, then KV, then D1; bound 30 s (a model)',
  'no region': 'feed and record in one query of the primary; bound 30 s (the code, REGION=off)',
  region: 'an object in each region; bound 10 s (the code)',
  primary: 'the primary at each call (the code, MAX_STALENESS_SECONDS=0)',
  'KV alone': 'KV at each call; no bound (a model)',
  service: 'a service in 5 zones at each call (a model)',
};
