import { expect, test } from 'vitest';
import { newIsolate } from '../../../src/domain/isolate.ts';
import { compileKeyRecord, weightOfRecord } from '../../../src/domain/verification/key-record.ts';
import { RecentlyUsed } from '../../../src/domain/verification/recently-used.ts';

test('what was used longest ago is forgotten, as much of it as the weight takes', () => {
  const held = new RecentlyUsed<number>(10, (weight) => weight);
  held.set('a', 4);
  held.set('b', 4);
  expect(held.get('a')).toBe(4);
  held.set('c', 2);
  expect(held.size).toBe(3);
  held.set('d', 6);
  expect(['a', 'b', 'c', 'd'].map((name) => held.get(name))).toEqual([undefined, undefined, 2, 6]);
});

test('what is put in again, or taken out, weighs once, or nothing', () => {
  const held = new RecentlyUsed<number>(10, (weight) => weight);
  for (let times = 0; times < 5; times++) held.set('a', 6);
  held.set('b', 4);
  expect(held.size).toBe(2);
  held.delete('a');
  held.set('c', 6);
  expect(held.size).toBe(2);
  held.clear();
  held.set('d', 10);
  expect(held.get('d')).toBe(10);
});

test('records with the longest lists take no more memory than others: fewer of them are held', () => {
  const { memory } = newIsolate();
  const ipWhitelist = Array.from({ length: 100 }, (_, entry) => `2001:db8:${entry}::/64`);
  const record = compileKeyRecord({
    ...{ epoch: 'e', seq: 1, keyId: 1, orgId: 1, userId: 'a'.repeat(24), userType: 'user', userRole: 'PUBLISHER' },
    ...{
      userDisabled: false,
      label: 'l',
      revoked: false,
      paused: false,
      secretCreatedAt: 0,
      retiresAt: null,
      expirationDate: null,
      ipWhitelist,
    },
    ...{ hasRestrictedPermissions: false, permissions: [], createdAt: 0 },
  });
  for (let index = 0; index < 5_000; index++) memory.records.set(`hash ${index}`, record);
  expect(memory.records.size).toBeGreaterThan(500);
  expect(memory.records.size * weightOfRecord(record)).toBeLessThanOrEqual(32 * 1024 * 1024);
});
