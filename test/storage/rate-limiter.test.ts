import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openRateLimiter } from '../../src/storage/rate-limiter.ts';

/** The three ways in which a binding gives no answer. */
const SILENCES: [string, () => Promise<RateLimitOutcome>][] = [
  [
    'throws at once',
    () => {
      throw new Error('Out of reach');
    },
  ],
  ['rejects', () => Promise.reject(new Error('Out of reach'))],
  ['hangs', () => new Promise(() => {})],
];

let lines: string[];
beforeEach(() => {
  lines = [];
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  vi.spyOn(console, 'error').mockImplementation((line) => void lines.push(line));
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe.each(SILENCES)('a binding that %s', (_, limit) => {
  test.each([
    ['allow', true],
    ['refuse', false],
  ] as const)('means what was said for it: %s', async (whenSilent, allowed) => {
    const allows = openRateLimiter({ limit }, 'a limit', whenSilent).allows('someone');
    await vi.advanceTimersByTimeAsync(500);
    expect(await allows).toBe(allowed);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is in the log once a minute, with how many calls it left without an answer', async () => {
    const limiter = openRateLimiter({ limit }, 'a limit', 'allow');
    const ask = async () => {
      const answers = Promise.all(Array.from({ length: 5 }, () => limiter.allows('someone')));
      await vi.advanceTimersByTimeAsync(500);
      await answers;
    };
    await ask();
    await ask();
    await vi.advanceTimersByTimeAsync(60_000);
    await ask();
    const said = lines.map((line) => JSON.parse(line));
    expect(said.map(({ limit: name, when_silent, calls }) => ({ name, when_silent, calls }))).toEqual([
      { name: 'a limit', when_silent: 'allow', calls: 1 },
      { name: 'a limit', when_silent: 'allow', calls: 10 },
    ]);
  });
});

test.each([true, false])('an answer is given on, and leaves no timer behind: %s', async (success) => {
  const asked: string[] = [];
  const limit = async ({ key }: RateLimitOptions) => {
    asked.push(key);
    return { success };
  };
  for (const whenSilent of ['allow', 'refuse'] as const) {
    expect(await openRateLimiter({ limit }, 'a limit', whenSilent).allows('someone')).toBe(success);
  }
  expect(asked).toEqual(['someone', 'someone']);
  expect(vi.getTimerCount()).toBe(0);
  expect(lines).toEqual([]);
});
