import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { findUses, type KeyUse } from '../../src/domain/usage/find-uses.ts';
import { NO_USAGE_DB, openServices } from '../support/domain.ts';
import { countRowsRead } from '../support/rows-read.ts';
import { deliverCounts, fillUsage } from '../support/usage-counts.ts';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** Half past ten, on the 14th day of the strip. */
const NOW = Date.parse('2026-11-25T10:30:00Z');
const TODAY = Date.parse('2026-11-25');

const servicesAt = (now: number, replaced: Partial<Env> = {}) => openServices(replaced, () => now);

async function useOf(id: number, now = NOW): Promise<KeyUse> {
  const use = (await findUses(servicesAt(now), [id]))?.get(id);
  if (use === undefined) throw new Error('The use of the key was not found');
  return use;
}

describe('how a key of a page is used:', () => {
  test('a key that was never called has empty days', async () => {
    const use = await useOf(1);
    expect(use).toMatchObject({ lastUsedAt: null, lastNetwork: null, allowedIn24h: 0, refusedToday: [] });
    expect(use.days).toHaveLength(14);
    expect(use.days[0]).toEqual({ at: TODAY - 13 * DAY_MS, allowed: 0, refused: 0 });
    expect(use.days[13]).toEqual({ at: TODAY, allowed: 0, refused: 0 });
  });

  test('calls are in the bar of their day, allowed and refused apart, whether kept by hour or by day', async () => {
    await deliverCounts([
      { keyId: 2, at: NOW, count: 5 },
      { keyId: 2, at: NOW - HOUR_MS, code: 'IP_NOT_ALLOWED', count: 3 },
      { keyId: 2, at: NOW - DAY_MS, count: 7 },
      { keyId: 2, at: TODAY - 13 * DAY_MS, code: 'EXPIRED', count: 2 },
      { keyId: 2, at: TODAY - 13 * DAY_MS - 1, count: 1_000 },
    ]);
    await env.USAGE_DB.prepare(
      `INSERT INTO usage_days (key_id, day, code, count) VALUES (2, ?1, 'VALID', 11), (2, ?1, 'REVOKED', 4), (2, ?2, 'VALID', 13)`,
    )
      .bind(TODAY / DAY_MS - 13, TODAY / DAY_MS - 14)
      .run();
    const { days } = await useOf(2);
    expect(days[0]).toEqual({ at: TODAY - 13 * DAY_MS, allowed: 11, refused: 6 });
    expect(days[12]).toMatchObject({ allowed: 7, refused: 0 });
    expect(days[13]).toMatchObject({ allowed: 5, refused: 3 });
    expect(days.slice(1, 12).every(({ allowed, refused }) => allowed + refused === 0)).toBe(true);
  });

  test('24 hours are the present one and the 23 before it, of allowed calls alone', async () => {
    await deliverCounts([
      { keyId: 3, at: NOW, count: 1 },
      { keyId: 3, at: NOW - 23 * HOUR_MS, count: 10 },
      { keyId: 3, at: NOW - 24 * HOUR_MS, count: 100 },
      { keyId: 3, at: NOW, code: 'IP_NOT_ALLOWED', count: 1_000 },
    ]);
    expect((await useOf(3)).allowedIn24h).toBe(11);
  });

  test('today’s refusals are by code, the commonest first, and not those of yesterday', async () => {
    await deliverCounts([
      { keyId: 4, at: TODAY, code: 'PERMISSION_DENIED', count: 2 },
      { keyId: 4, at: NOW, code: 'IP_NOT_ALLOWED', count: 3 },
      { keyId: 4, at: TODAY, code: 'IP_NOT_ALLOWED', count: 3 },
      { keyId: 4, at: TODAY - 1, code: 'EXPIRED', count: 50 },
      // A later version of the Worker may count codes that this one does not know.
      { keyId: 4, at: NOW, code: 'SOMETHING_NEW', count: 1 },
    ]);
    expect((await useOf(4)).refusedToday).toEqual([
      ['IP_NOT_ALLOWED', 6],
      ['PERMISSION_DENIED', 2],
      ['SOMETHING_NEW', 1],
    ]);
  });

  test('the last call has its network', async () => {
    await deliverCounts([
      { keyId: 5, at: NOW - 2, network: '192.0.2.1' },
      { keyId: 5, at: NOW - 1, network: '198.51.100.7' },
      { keyId: 5, at: NOW, network: '203.0.113.9', code: 'IP_NOT_ALLOWED' },
    ]);
    expect(await useOf(5)).toMatchObject({ lastUsedAt: NOW - 1, lastNetwork: '198.51.100.7' });
  });

  test('and none where its network was not counted: that of an earlier call is another’s', async () => {
    await deliverCounts([
      { keyId: 6, at: NOW - 2, network: '192.0.2.1' },
      { keyId: 6, at: NOW - 1 },
    ]);
    expect(await useOf(6)).toMatchObject({ lastUsedAt: NOW - 1, lastNetwork: null });
  });

  test('calls of an hour that is yet to come are nowhere', async () => {
    await deliverCounts([{ keyId: 7, at: TODAY + DAY_MS, count: 9 }]);
    const { days, allowedIn24h } = await useOf(7);
    expect([days.some(({ allowed }) => allowed > 0), allowedIn24h]).toEqual([false, 0]);
  });

  test('each key of a page has its own', async () => {
    await deliverCounts([
      { keyId: 8, at: NOW, count: 1 },
      { keyId: 9, at: NOW, count: 2 },
    ]);
    const uses = await findUses(servicesAt(NOW), [9, 10, 8]);
    expect([...(uses ?? [])].map(([id, { allowedIn24h }]) => [id, allowedIn24h])).toEqual([
      [9, 2],
      [10, 0],
      [8, 1],
    ]);
  });
});

describe('when usage cannot be read,', () => {
  test('there is no use, which is not the same as none', async () => {
    expect(await findUses(servicesAt(NOW, { USAGE_DB: NO_USAGE_DB }), [1])).toBeNull();
  });

  test('an empty page needs none', async () => {
    expect(await findUses(servicesAt(NOW, { USAGE_DB: NO_USAGE_DB }), [])).toEqual(new Map());
  });
});

describe('the rows that are read for a page', () => {
  const PAGE = Array.from({ length: 30 }, (_, index) => 1_000 + index);
  /**
   * The 83 hours of today and the three days before, which D1 counts again when they are added up to days; the ten days
   * before those, the last use, and 100 networks.
   */
  const ROWS_OF_KEY = 2 * 83 + 10 + 1 + 100;

  async function rowsFor(ids: readonly number[]): Promise<number> {
    const { rowsRead, ...databases } = countRowsRead();
    expect((await findUses(servicesAt(NOW, databases), ids))?.size).toBe(ids.length);
    return rowsRead();
  }

  beforeAll(async () => {
    await fillUsage({ from: 1_000, to: 1_029 }, NOW, ['VALID']);
  });

  test('are those of its keys, however many other keys there are', async () => {
    const before = await rowsFor(PAGE);
    // Each key is looked for in four tables, and D1 counts the list of ids too.
    expect(before).toBeLessThanOrEqual(30 * (ROWS_OF_KEY + 12));
    await fillUsage({ from: 1_030, to: 1_429 }, NOW, ['VALID']);
    await env.USAGE_DB.prepare('ANALYZE').run();
    // Each search may read the row after its last.
    expect(await rowsFor(PAGE)).toBeLessThanOrEqual(before + 4);
  });

  test('are bounded for a page of 100 keys, the most there is', async () => {
    const ids = Array.from({ length: 100 }, (_, index) => 1_000 + index);
    expect(await rowsFor(ids)).toBeLessThanOrEqual(100 * (ROWS_OF_KEY + 12));
    await expect(findUses(servicesAt(NOW), [...ids, 1])).rejects.toThrow(RangeError);
  });
});
