import { describe, expect, test } from 'vitest';
import { countIpv4, dailyCounts, diffOfLists, sourceRows } from '../../../src/console/parts/sources.ts';
import { NOW, QUIET_REPORT, REPORT, STORE_LOCATOR } from '../example-values.ts';

const { key } = STORE_LOCATOR;

test('each day has its count, days without a call included', () => {
  const report = {
    ...QUIET_REPORT,
    days: [{ day: Date.parse('2026-11-24'), counts: { VALID: 5, EXPIRED: 2, REVOKED: 1 } }],
  };
  expect(dailyCounts(report, 3, NOW)).toEqual([
    { at: Date.parse('2026-11-23'), allowed: 0, refused: 0 },
    { at: Date.parse('2026-11-24'), allowed: 5, refused: 3 },
    { at: Date.parse('2026-11-25'), allowed: 0, refused: 0 },
  ]);
});

describe('where calls came from', () => {
  test('allowed and refused calls of a network share a row, the busiest first', () => {
    const [first, ...others] = sourceRows(REPORT, key, NOW);
    expect(first).toMatchObject({
      network: '198.51.100.20',
      allowed: 14_907,
      refused: 35,
      lastSeen: Date.parse('2026-11-25T13:59:50Z'),
      entry: '198.51.100.0/24',
    });
    expect(others.map(({ network }) => network)).toEqual(['2001:db8:40::/64', '203.0.113.7', '2001:db8:99::/64']);
  });

  test('a network is new for two weeks, and none is on a new key', () => {
    const news = (createdAt: number) => sourceRows(REPORT, { ...key, createdAt }, NOW).filter(({ isNew }) => isNew);
    expect(news(key.createdAt).map(({ network }) => network)).toEqual(['203.0.113.7', '2001:db8:99::/64']);
    expect(news(NOW - 24 * 60 * 60 * 1000)).toEqual([]);
  });

  test('a network that no entry lets in is on none', () => {
    expect(sourceRows(REPORT, key, NOW).find(({ network }) => network === '2001:db8:99::/64')?.entry).toBeNull();
  });
});

test('addresses are counted once, however many entries let them in', () => {
  expect(countIpv4(['198.51.100.0/24', '198.51.100.7', '2001:db8::/48'])).toBe(256);
  expect(countIpv4([])).toBeNull();
});

test('a suggested list says of each line why, and puts what comes after what it replaces', () => {
  const lines = diffOfLists(key.ipWhitelist, REPORT.suggestedAllowlist, sourceRows(REPORT, key, NOW), NOW);
  expect(lines.map(({ sign, text, reason }) => [sign, text, reason.replaceAll('\u00a0', ' ')])).toEqual([
    ['del', '198.51.100.0/24', 'more than is used'],
    ['add', '198.51.100.16/29', '14,907 calls, 8 addresses'],
    ['del', '203.0.113.0/24', 'more than is used'],
    ['add', '203.0.113.7', '214 calls, since 12 days: yours?'],
    ['del', '192.0.2.0/24', 'not used'],
    ['same', '2001:db8:40::/48', '3,281 calls'],
  ]);
});
