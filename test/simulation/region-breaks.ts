import type { Services } from '../../src/domain/services.ts';
import { type FeedQuestion, HeardChanges } from '../../src/domain/verification/heard-changes.ts';
import { storedRecord } from '../../src/domain/verification/key-record.ts';
import { parseRegionAnswer, type RegionAnswer, type ToldFeed } from '../../src/domain/verification/region-answer.ts';
import { hearing } from './breaks.ts';
import type { RegionWeather } from './region-weather.ts';
import type { Break, Options } from './world.ts';

/* The rules that make it safe to believe a region. Each entry takes one of them out. */

const CUT_OFF: RegionWeather = 'cut off from D1';

/** By the name of what is broken, and the conditions under which it shows soonest. */
export const REGION_BREAKS: Record<string, Break & { shownBy: Omit<Options, 'seed' | 'steps'> }> = {
  "a region's age left out": {
    shownBy: { ...under(CUT_OFF), pollLimit: 3, retention: 60_000 },
    answer: (answer) => ({ ...answer, feed: { ...answer.feed, age: 0 } }),
  },

  "a region's age counted from its answer's arrival": {
    shownBy: under('slow', 'slow', 'slow', 'slow'),
    ...hearing(
      class extends HeardChanges {
        override hearRegion(question: FeedQuestion, told: ToldFeed): boolean {
          // The clock was read just before.
          return super.hearRegion({ ...question, sentAt: this.latestReading }, told);
        }
      },
    ),
  },

  "a region's floor that is not passed on": {
    shownBy: { ...under('restarted'), pollLimit: 3, retention: 60_000 },
    answer: (answer) => ({ ...answer, feed: { ...answer.feed, floor: 0 } }),
  },

  "a region's memory used without the rule": {
    shownBy: under(CUT_OFF),
    answer: (answer, { hash }, { memory }) => {
      const held = hash === null ? undefined : memory.records.get(hash);
      return held === undefined ? answer : { ...answer, found: { record: storedRecord(held, answer.feed.head) } };
    },
  },

  "a region's absence without its age": {
    shownBy: under('lost alarms'),
    answer: (answer): RegionAnswer => {
      const isAbsence = answer.found !== null && 'absentFor' in answer.found;
      return isAbsence ? { ...answer, found: { absentFor: 0 } } : answer;
    },
  },

  "a region's lower head taken for a restore": {
    shownBy: under(CUT_OFF),
    ...hearing(
      class extends HeardChanges {
        override hearRegion(question: FeedQuestion, told: ToldFeed): boolean {
          if (question.generation !== this.generation) return false;
          if (this.epoch === null || told.head >= question.after) return super.hearRegion(question, told);
          this.forgetHistory();
          return super.hearRegion(this.ask(question.sentAt), told);
        }
      },
    ),
  },

  "a region's outage taken for one's own": {
    // Each mention is a chance of its own: as a rule, some region is cut off.
    shownBy: { ...under(CUT_OFF, CUT_OFF, CUT_OFF, CUT_OFF, CUT_OFF), answersIn: 2_500 },
    services: (services) => {
      const { regions } = services;
      return regions === null ? services : { ...services, regions: believingIn(regions, services) };
    },
  },
};

function under(...weather: RegionWeather[]): Pick<Options, 'regions'> {
  return { regions: { weather } };
}

/** Regions whose old answer opens the grace. */
function believingIn(regions: NonNullable<Services['regions']>, { polls, settings }: Services): Services['regions'] {
  return {
    ask: async (name, question) => {
      const answer = await regions.ask(name, question);
      const age = parseRegionAnswer(answer)?.feed.age ?? 0;
      if (age > settings.maxStalenessMs) polls.areFailing = true;
      return answer;
    },
  };
}
