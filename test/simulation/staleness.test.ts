import { expect, test, vi } from 'vitest';
import { BREAKS } from './breaks.ts';
import { CONDITIONS } from './conditions.ts';
import { REGION_BREAKS } from './region-breaks.ts';
import { ALL_WEATHERS } from './region-weather.ts';
import { simulate } from './world.ts';

// Storage fails often in the simulation, on purpose. The log of it is of no interest.
vi.spyOn(console, 'error').mockImplementation(() => {});

const STEPS = 6_000;
const seed = Number(process.env.SIMULATION_SEED ?? Math.floor(Math.random() * 2 ** 31));

// `npm run simulate` has more: calm regions, lost ones, and each kind of weather alone.
const conditions = Object.entries(CONDITIONS).filter(([, { regions }]) => regions?.weather.length !== 0);

test.each(conditions)(
  `no verdict is older than the bound, whatever KV, D1 and polls do: %s (seed ${seed})`,
  async (_, condition) => {
    const report = await simulate({ seed, steps: STEPS, ...condition });
    expect(report.violations).toEqual([]);
    // The test would prove nothing if no verdict were stale, or if a tier gave no verdict.
    expect(report.tiers.memory.stale).toBeGreaterThan(0);
    if (condition.regions === undefined) {
      expect(report.tiers.kv.stale).toBeGreaterThan(0);
      expect(report.afterReceipts.paused).toBeGreaterThan(0);
      expect(report.afterReceipts.resumed).toBeGreaterThan(0);
    } else {
      expect(report.tiers.region.verdicts).toBeGreaterThan(0);
      expect(report.tiers.kv.verdicts).toBeGreaterThan(0);
      expect(report.afterReceipts.paused + report.afterReceipts.resumed).toBeGreaterThan(0);
    }
    // A call waits no longer than 2 s for D1. A later answer is in memory for the next call.
    if (condition.answersIn === 2_500) expect(report.tiers.d1.verdicts).toBe(0);
    else expect(report.tiers.d1.verdicts).toBeGreaterThan(0);
  },
);

test('one seed gives one history', async () => {
  const regions = { weather: ALL_WEATHERS };
  const once = await simulate({ seed: 5, steps: 6_000, slow: true, regions });
  expect(await simulate({ seed: 5, steps: 6_000, slow: true, regions })).toEqual(once);
  expect(await simulate({ seed: 2, steps: 6_000, slow: true, regions })).not.toEqual(once);
});

test('the loss of all regions puts no more polls on D1 than there are without regions', async () => {
  const polls = { without: 0, lost: 0 };
  for (const seed of [1, 2]) {
    const without = await simulate({ seed, steps: 2_500, calm: true });
    const lost = await simulate({ seed, steps: 2_500, calm: true, regions: { weather: [], areGone: true } });
    expect(lost.violations).toEqual([]);
    polls.without += without.asked.isolates.polls;
    polls.lost += lost.asked.isolates.polls;
  }
  // These are different calls of the same kind, so the numbers differ by chance.
  expect(polls.lost).toBeLessThan(1.1 * polls.without);
});

test.each(Object.entries(REGION_BREAKS))('it notices a broken rule: %s', async (_, { shownBy, ...breakRule }) => {
  let violations = 0;
  for (const seed of [1, 2, 3]) {
    if (violations > 0) break;
    const report = await simulate({ seed, steps: 8_000, ...shownBy, breakRule, untilViolated: true });
    violations = report.violations.length;
  }
  expect(violations).toBeGreaterThan(0);
});

test.each(Object.entries(BREAKS))('it notices a broken rule: %s', async (_, breakRule) => {
  const worst = { pollLimit: 3, retention: 60_000, slow: true };
  // Some breaks show only when isolates remember much, others only when they remember little.
  const conditions = [worst, { clockSteps: true }, {}, { slow: true }, { answersIn: 2_500 }];
  let violations = 0;
  for (const condition of conditions) {
    if (violations > 0) break;
    const report = await simulate({ seed: 1, steps: 15_000, ...condition, breakRule, untilViolated: true });
    violations = report.violations.length;
  }
  expect(violations).toBeGreaterThan(0);
});
