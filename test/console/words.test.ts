import { describe, expect, test } from 'vitest';
import * as words from '../../src/console/words.ts';

const NOW = Date.parse('2026-11-25T14:02:50.700Z');
const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;

/** Spaces that do not break look like spaces in a diff. */
const plain = (text: string) => text.replaceAll('\u00a0', ' ');

describe('numbers', () => {
  test.each([
    [0, '0'],
    [999, '999'],
    [18_402, '18,402'],
    [2_184_390, '2,184,390'],
  ])('%d is written %s', (value, text) => expect(words.number(value)).toBe(text));

  test.each([
    [0, '0 keys'],
    [1, '1 key'],
    [18_402, '18,402 keys'],
  ])('%d keys are %s', (value, text) => expect(plain(words.counted(value, 'key'))).toBe(text));

  test('a word may have a plural of its own', () => {
    expect(plain(words.counted(2, 'address or network', 'addresses and networks'))).toBe('2 addresses and networks');
  });

  test.each([
    [0, 'No'],
    [4, 'Four'],
    [10, 'Ten'],
    [11, '11'],
  ])('%d begins a sentence as %s', (value, text) => expect(words.inWords(value)).toBe(text));
});

describe('moments', () => {
  test('a moment is written to the second, in UTC', () => {
    expect(plain(words.moment(NOW))).toBe('2026-11-25 14:02:50 UTC');
    expect(plain(words.minute(NOW))).toBe('2026-11-25 14:02 UTC');
    expect(words.machineMoment(NOW)).toBe('2026-11-25T14:02:50Z');
    expect(words.day(NOW)).toBe('2026-11-25');
    expect(words.clock(NOW)).toBe('14:02:50');
  });

  test('an expiration date is the midnight that it stands for', () => {
    expect(plain(words.expiry('2027-11-21'))).toBe('2027-11-21 at 00:00 UTC');
  });

  test.each([
    [30, '2026-12-25'],
    [90, '2027-02-23'],
    [365, '2027-11-25'],
  ])('%d days from then is %s', (days, date) => expect(words.dayFrom(NOW, days)).toBe(date));
});

describe('relative times are rounded down', () => {
  test.each([
    [0, 'just now'],
    [9.9 * SECOND, 'just now'],
    [-9.9 * SECOND, 'just now'],
    [10 * SECOND, '10 s ago'],
    [59.9 * SECOND, '59 s ago'],
    [60 * SECOND, '1 min ago'],
    [59.9 * 60 * SECOND, '59 min ago'],
    [HOUR, '1 h ago'],
    [23.9 * HOUR, '23 h ago'],
    [DAY, '1 day ago'],
    [1.99 * DAY, '1 day ago'],
    [97.5 * DAY, '97 days ago'],
    [-21 * HOUR, 'in 21 h'],
    [-1 * DAY, 'in 1 day'],
    [-360.4 * DAY, 'in 360 days'],
  ])('%d ms ago is "%s"', (ago, text) => expect(plain(words.relative(NOW - ago, NOW))).toBe(text));
});

test('a number never breaks from its unit', () => {
  for (const text of [words.relative(NOW - DAY, NOW), words.counted(3, 'key'), words.span(HOUR)]) {
    expect(text).toMatch(/\d\u00a0/);
  }
  expect(words.moment(NOW)).toMatch(/\u00a0UTC$/);
});

test.each([
  [[], ''],
  [['a'], 'a'],
  [['a', 'b'], 'a and b'],
  [['a', 'b', 'c'], 'a, b and c'],
])('the list %j reads "%s"', (parts, text) => expect(words.list(parts)).toBe(text));
