import { describe, expect, test } from 'vitest';
import { describeStatus } from '../../../src/console/parts/key-status.tsx';
import type { KeyView } from '../../../src/console/parts/key-view.ts';
import { NOW, type Sample, sampleKey } from '../example-values.ts';

const USED = { total: 100, lastUsed: '2026-11-25T14:00:00' };

/** A key with everything that a status could be about, so that the order of precedence shows. */
const ALL: Sample = {
  id: 1,
  label: 'a key',
  hint: 'lk_…aaaa',
  created: '2026-01-01',
  expires: '2026-11-25',
  revoked: '2026-11-24T10:00:00',
  paused: '2026-11-23T10:00:00',
  oldSecret: { hint: 'lk_…bbbb', until: '2026-11-26T09:12:00' },
  isOfSession: true,
  use: { ...USED, refusedToday: [['IP_NOT_ALLOWED', 3]], allowedIn24h: 40 },
};

function words(view: KeyView): string {
  const { word, detail } = describeStatus(view, NOW);
  return `${word}${detail === null ? '' : `: ${detail.replaceAll('\u00a0', ' ')}`}`;
}

function without(...names: (keyof Sample)[]): Sample {
  return Object.fromEntries(
    Object.entries(ALL).filter(([name]) => !(names as string[]).includes(name)),
  ) as unknown as Sample;
}

describe('the first that holds is the status', () => {
  const soon = { expires: '2026-12-09', use: { ...USED, allowedIn24h: 40 } };
  const later = { expires: '2026-12-10', use: USED };
  test.each<[string, Sample]>([
    ['Revoked: Refused 3 times today', ALL],
    ['Expired: Refused 3 times today', without('revoked')],
    ['Paused: since 2026-11-23', { ...without('revoked'), ...later }],
    ['Calls refused: 3 of 9 today: address', { ...without('revoked', 'paused'), expires: '2026-12-01' }],
    ['Expires soon: Used 40 times in 24 h', { ...without('revoked', 'paused'), ...soon }],
    ['Active: Old secret ends in 19 h', { ...without('revoked', 'paused'), ...later }],
    ['Active: Signed in now', { ...without('revoked', 'paused', 'oldSecret'), ...later }],
    ['Active', { ...without('revoked', 'paused', 'oldSecret', 'isOfSession'), ...later }],
  ])('%s', (text, sample) => expect(words(sampleKey(sample))).toBe(text));
});

describe('what a status means now', () => {
  const key = { id: 1, label: 'a key', hint: 'lk_…aaaa', created: '2026-01-01' };
  test.each<[string, Sample]>([
    ['Revoked: on 2026-11-02', { ...key, revoked: '2026-11-02T14:02:50' }],
    ['Expired', { ...key, expires: '2026-11-25', use: USED }],
    ['Expires soon', { ...key, expires: '2026-11-26', use: USED }],
    ['Active: Never used', key],
    ['Active', { ...key, use: { lastUsed: '2026-08-28T14:02:50' } }],
    ['Active: Unused for 90 days', { ...key, use: { lastUsed: '2026-08-27T14:02:50' } }],
  ])('%s', (text, sample) => expect(words(sampleKey(sample))).toBe(text));

  test('a code without a word of its own is shown itself', () => {
    const sample = { ...key, use: { refusedToday: [['USER_DISABLED', 2]] as const } };
    expect(words(sampleKey(sample))).toBe('Calls refused: 2 of 2 today: USER_DISABLED');
  });

  test('nothing is said of usage that cannot be read', () => {
    expect(words({ ...sampleKey(key), use: null })).toBe('Active');
  });
});
