import { expect, test } from 'vitest';
import { effectiveBy } from '../../../src/domain/verification/effective-by.ts';

const RETURNED = Date.UTC(2027, 2, 1, 12);

test.each<[string, { bound: number; grace: number; endsIn?: number }, { normally: number; inAnOutage: number }]>([
  ['as deployed', { bound: 30, grace: 300 }, { normally: 30, inAnOutage: 300 }],
  ['with a bound that is larger than the grace', { bound: 600, grace: 300 }, { normally: 600, inAnOutage: 600 }],
  ['without a grace', { bound: 30, grace: 0 }, { normally: 30, inAnOutage: 30 }],
  ['with a bound of 0, which has no grace', { bound: 0, grace: 300 }, { normally: 0, inAnOutage: 0 }],
  ['of a secret that has ended', { bound: 30, grace: 300, endsIn: -1 }, { normally: 30, inAnOutage: 300 }],
  ['of a secret within the bound', { bound: 30, grace: 300, endsIn: 10 }, { normally: 30, inAnOutage: 300 }],
  ['of a secret after the bound', { bound: 30, grace: 300, endsIn: 60 }, { normally: 60, inAnOutage: 300 }],
  ['of a secret after the grace', { bound: 30, grace: 300, endsIn: 3600 }, { normally: 3600, inAnOutage: 3600 }],
  ['of a secret, with a bound of 0', { bound: 0, grace: 300, endsIn: 60 }, { normally: 60, inAnOutage: 60 }],
])('a change holds, in seconds after its transaction returned, %s', (_, { bound, grace, endsIn }, expected) => {
  const bounds = { maxStalenessMs: bound * 1000, outageGraceMs: grace * 1000 };
  const endsAt = endsIn === undefined ? undefined : RETURNED + endsIn * 1000;
  expect(effectiveBy(bounds, RETURNED, endsAt)).toEqual({
    normally: RETURNED + expected.normally * 1000,
    inAnOutage: RETURNED + expected.inAnOutage * 1000,
  });
});
