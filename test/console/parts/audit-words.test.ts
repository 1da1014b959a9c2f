import { describe, expect, test } from 'vitest';
import { describeAction, describeActionOfKey, describeChanges } from '../../../src/console/parts/audit-words.ts';
import { AUDIT_ACTIONS } from '../../../src/wire/audit-actions.ts';

test.each(AUDIT_ACTIONS)('%s is said in words', (action) => {
  // An action without words of its own would be shown by its name.
  expect(describeAction(action)).not.toMatch(/refused$|^(Api|Key|User|Organisation|Secrets|Deployment) /);
  expect(describeAction(action)).toMatch(/^[A-Z][a-z]+/);
});

test('an action that is not known yet is shown by its name', () => {
  expect(describeAction('api_key.polished')).toBe('Key polished');
  expect(describeAction('user.polish_refused')).toBe('Refused: user polish');
});

test('within the history of a key it goes without saying of what', () => {
  expect(['api_key.created', 'api_key.seen', 'api_key.change_refused'].map(describeActionOfKey)).toEqual([
    'Created',
    'Seen',
    'Refused: change',
  ]);
});

describe('what an event changed', () => {
  const said = (action: string, changes: Record<string, unknown>) =>
    describeChanges({ action, changes }).map(({ name, gone, come }) => [name, gone, come]);

  test('a value is said with what it was before', () => {
    expect(said('api_key.changed', { expiration_date: ['2026-11-21', null] })).toEqual([
      ['expiry', '2026-11-21', 'none'],
    ]);
  });

  test('a list is said by what went and what came', () => {
    expect(
      said('api_key.changed', {
        ip_whitelist: [
          ['a', 'b'],
          ['b', 'c'],
        ],
      }),
    ).toEqual([['addresses', '− a', '+ c']]);
  });

  test('what a new key was not given is not listed', () => {
    expect(
      said('api_key.created', { label: [null, 'x'], description: [null, null], ip_whitelist: [null, []] }),
    ).toEqual([['label', null, 'x']]);
  });

  test('a refusal says what was lacking, and how many tries were before', () => {
    const [rule, dropped] = said('api_key.see_refused', { rule: 'owner', dropped: 12 });
    expect(rule).toEqual([null, null, 'another user’s personal key']);
    expect(dropped?.[2]?.replaceAll('\u00a0', ' ')).toBe('12 more tries before');
  });

  test('what has no form that is known is left out', () => {
    expect(said('api_key.changed', { label: 'x', permissions: [1, 2, 3], because: 7 })).toEqual([]);
  });
});
