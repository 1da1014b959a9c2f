import { expect, test } from 'vitest';
import { expiryMoment, mayExpireOn, toDate } from '../../../src/domain/verification/expiration.ts';

const LATE_ON_NEW_YEARS_EVE = Date.UTC(2029, 11, 31, 23, 59, 59, 999);

test('a key stops at the first moment of its date, UTC', () => {
  expect(expiryMoment('2030-01-01')).toBe(LATE_ON_NEW_YEARS_EVE + 1);
});

test.each<[string, string, number, string | null, boolean]>([
  ['tomorrow is early enough', '2030-01-01', LATE_ON_NEW_YEARS_EVE, null, true],
  ['today is too early, however late it is', '2029-12-31', LATE_ON_NEW_YEARS_EVE, null, false],
  ['yesterday is too early', '2029-12-30', LATE_ON_NEW_YEARS_EVE, null, false],
  ['a moment later, the same date is today', '2030-01-01', LATE_ON_NEW_YEARS_EVE + 1, null, false],
  ['the next day is tomorrow from the first moment of a day', '2030-01-02', LATE_ON_NEW_YEARS_EVE + 1, null, true],
  ['the 29th of February follows the 28th in a leap year', '2028-02-29', Date.UTC(2028, 1, 28), null, true],
  ['the last date of all is late enough', '9999-12-31', LATE_ON_NEW_YEARS_EVE, null, true],
  ['the date that a key has already may stay', '2020-01-01', LATE_ON_NEW_YEARS_EVE, '2020-01-01', true],
  ['a past date that a key does not have may not come', '2020-01-02', LATE_ON_NEW_YEARS_EVE, '2020-01-01', false],
])('%s', (_, date, now, present, allowed) => {
  expect(mayExpireOn(date, now, present)).toBe(allowed);
});

test('a moment belongs to its date in UTC', () => {
  expect(toDate(LATE_ON_NEW_YEARS_EVE)).toBe('2029-12-31');
  expect(toDate(LATE_ON_NEW_YEARS_EVE + 1)).toBe('2030-01-01');
});
