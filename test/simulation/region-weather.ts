import type { Random } from './random.ts';
import type { RegionObject } from './regions.ts';
import type { VirtualTime } from './virtual-time.ts';

/*
 * What happens to the objects of regions. Each kind of weather comes and goes at random, at one object at a time unless
 * its name says otherwise.
 */

const MEAN_BETWEEN = 60_000;
const LONGEST = 90_000;
const MINUTE = 60_000;

export const ALL_WEATHERS = [
  'slow',
  'hanging',
  'failing',
  'overloaded',
  'restarted',
  'doubled',
  'cut off from D1',
  'wrong clocks',
  'lost alarms',
  'cut answers',
  'garbled answers',
  'all gone at once',
] as const;

export type RegionWeather = (typeof ALL_WEATHERS)[number];

type Begin = (object: RegionObject, random: Random) => () => void;

/** Each kind begins at an object, and returns what ends it there. */
const KINDS: Record<Exclude<RegionWeather, 'all gone at once'>, Begin> = {
  slow: (object) => {
    object.isSlow = true;
    return () => {
      object.isSlow = false;
    };
  },
  hanging: (object) => begin(object, 'hanging'),
  failing: (object) => begin(object, 'failing'),
  overloaded: (object) => begin(object, 'overloaded'),
  restarted: (object) => {
    object.restart();
    return () => {};
  },
  doubled: (object) => {
    object.double();
    return () => object.endDoubles();
  },
  'cut off from D1': (object, random) => {
    object.cutOff = random.pick(['failing', 'hanging'] as const);
    return () => {
      object.cutOff = 'none';
    };
  },
  'wrong clocks': (object, random) => {
    object.clockTolerance = 10 * MINUTE;
    const step = random.between(1_001, random.chance(0.5) ? 40_000 : 5 * MINUTE);
    object.stepClock(random.chance(0.3) ? step : -step);
    return () => {};
  },
  'lost alarms': (object) => {
    object.losesAlarms = true;
    return () => {
      object.losesAlarms = false;
    };
  },
  'cut answers': (object) => {
    object.isBrief = true;
    return () => {
      object.isBrief = false;
    };
  },
  'garbled answers': (object) => {
    object.garbles = true;
    return () => {
      object.garbles = false;
    };
  },
};

/** Plans weather of this kind, for ever. */
export function planRegionWeather(
  world: { time: VirtualTime; random: Random; objects: readonly RegionObject[] },
  kind: RegionWeather,
): void {
  const { time, random, objects } = world;
  time.after(random.interval(MEAN_BETWEEN), () => {
    const ends = kind === 'all gone at once' ? loseAll(objects, random) : KINDS[kind](random.pick(objects), random);
    time.after(random.between(5_000, LONGEST), () => {
      ends();
      planRegionWeather(world, kind);
    });
  });
}

/** All regions are lost, for good unless the returned function is called. */
export function loseAll(objects: readonly RegionObject[], random: Random): () => void {
  const outage = random.pick(['failing', 'hanging', 'overloaded'] as const);
  const ends = objects.map((object) => begin(object, outage));
  return () => {
    for (const end of ends) end();
  };
}

function begin(object: RegionObject, outage: RegionObject['outage']): () => void {
  object.outage = outage;
  return () => {
    object.outage = 'none';
  };
}
