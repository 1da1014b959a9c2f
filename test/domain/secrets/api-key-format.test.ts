import { describe, expect, test } from 'vitest';
import {
  containsApiKey,
  containsWellFormedApiKey,
  generateApiKey,
  hashApiKey,
  hintOf,
  isWellFormedApiKey,
} from '../../../src/domain/secrets/api-key-format.ts';

/** Worked out by another program, zlib's CRC-32 in base62. */
const ZEROS = 'lk_00000000000000000000000000000000000000000002eJTI4';

test('a new key has the published form', () => {
  expect(generateApiKey('lk')).toMatch(/^lk_[0-9A-Za-z]{49}$/);
});

test.each(['lk', 'a1', 'abcdefghijklmnop'])('a new key under the prefix %j is well-formed', (prefix) => {
  const key = generateApiKey(prefix);
  expect(key.startsWith(`${prefix}_`)).toBe(true);
  expect(isWellFormedApiKey(key, prefix)).toBe(true);
});

test('a thousand new keys are all well-formed, of one length and distinct', () => {
  const keys = Array.from({ length: 1000 }, () => generateApiKey('lk'));
  expect(keys.filter((key) => !isWellFormedApiKey(key, 'lk'))).toEqual([]);
  expect(new Set(keys).size).toBe(1000);
});

test.each([
  ['lk', ZEROS],
  ['lk', 'lk_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz4SoJvJ'],
  ['lk', 'lk_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg1DTEyd'],
  // A checksum so small that it is padded.
  ['lk', 'lk_00000000000000000000000000000000000000227210006j8'],
  ['ab', 'ab_JKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz3e6b3d'],
  ['a2345678901234bc', 'a2345678901234bc_56789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl1j9fK3'],
])('under %s, %s is well-formed', (prefix, key) => {
  expect(isWellFormedApiKey(key, prefix)).toBe(true);
});

describe('what is not well-formed', () => {
  test.each([
    ['nothing', ''],
    ['the prefix alone', 'lk_'],
    ['the last character cut off', ZEROS.slice(0, -1)],
    ['a character too many', `${ZEROS}0`],
    ['a space behind', `${ZEROS} `],
    ['a line break behind', `${ZEROS}\n`],
    ['another prefix', ZEROS.replace('lk', 'kl')],
    ['the prefix in capitals', ZEROS.replace('lk', 'LK')],
    ['no underscore', ZEROS.replace('_', '-')],
    ['another character in place of a digit', ZEROS.replace('0', '\u0660')],
    ['the same letters in another case', ZEROS.toLowerCase()],
    ['a checksum of hyphens that would be right', 'lk_-------------------------------------------4Sfw8t'],
    ['an underscore in a body whose checksum would be right', 'lk_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef_1wtX3h'],
    ['a letter beyond ASCII whose checksum would be right', 'lk_é0000000000000000000000000000000000000000003TZ9U6'],
  ])('%s', (_, text) => {
    expect(isWellFormedApiKey(text, 'lk')).toBe(false);
  });

  test('any one character mistyped', () => {
    const missed: string[] = [];
    for (let i = 0; i < ZEROS.length; i++) {
      const typo = ZEROS.slice(0, i) + (ZEROS[i] === 'x' ? 'y' : 'x') + ZEROS.slice(i + 1);
      if (isWellFormedApiKey(typo, 'lk')) missed.push(typo);
    }
    expect(missed).toEqual([]);
  });

  test('any two neighbours swapped', () => {
    const key = 'lk_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg1DTEyd';
    const missed: string[] = [];
    for (let i = 0; i + 1 < key.length; i++) {
      const swapped = `${key.slice(0, i)}${key[i + 1]}${key[i]}${key.slice(i + 2)}`;
      if (isWellFormedApiKey(swapped, 'lk')) missed.push(swapped);
    }
    expect(missed).toEqual([]);
  });

  test('a key of another prefix of the same length', () => {
    expect(isWellFormedApiKey(generateApiKey('aa'), 'lk')).toBe(false);
  });
});

test('the hash is the SHA-256 of the whole key, in lower-case hex', async () => {
  expect(hashApiKey(ZEROS)).toBe('6c8b0dbcf21264613030ec444315facc6ba454f65404acb9c53c5a0574fc664c');
});

test('the hint has the prefix and the last four characters', () => {
  expect(hintOf(ZEROS)).toBe('lk_…JTI4');
});

test.each([
  ['a key', ZEROS, true],
  ['a key within other text', `see ${ZEROS}, please`, true],
  ['a key of another prefix', ZEROS.replace('lk', 'partner2'), true],
  ['a mistyped key', ZEROS.replace('2', '3'), true],
  ['a key that lacks its last character', ZEROS.slice(0, -1), false],
  ['a hint', 'lk_…JTI4', false],
  ['an identifier', 'business_edit_open_hours', false],
  ['a hash', '6c8b0dbcf21264613030ec444315facc6ba454f65404acb9c53c5a0574fc664c', false],
  ['nothing', '', false],
])('whether %s is a key in a text', (_, text, contained) => {
  expect(containsApiKey(text)).toBe(contained);
});

describe('a text holds a key', () => {
  const PREFIXES = ['lk', 'other', 'a1', 'abcdefghijklmnop'];

  test.each(PREFIXES)('wherever it stands, under the prefix %s', (prefix) => {
    const key = generateApiKey(prefix);
    for (const text of [
      key,
      ` ${key}`,
      `x${key}x`,
      `é${key}é`,
      `?api_key=${key}&`,
      `lk_${key}`,
      `lk_${'0'.repeat(40)}${key}`,
    ]) {
      expect(containsWellFormedApiKey(text)).toBe(true);
    }
  });

  test('with its checksum only', () => {
    const key = generateApiKey('lk');
    for (let at = 0; at < key.length; at++) {
      const wrong = key.slice(0, at) + (key[at] === 'a' ? 'b' : 'a') + key.slice(at + 1);
      expect(containsWellFormedApiKey(wrong)).toBe(false);
      expect(containsWellFormedApiKey(key.slice(0, at))).toBe(false);
    }
    expect(containsWellFormedApiKey(key.replace('_', ' '))).toBe(false);
    expect(containsWellFormedApiKey(key.toUpperCase())).toBe(false);
  });

  test('which is found in a long text of near misses', () => {
    const near = `lk_${'0'.repeat(49)} `.repeat(1_000);
    expect(containsWellFormedApiKey(near)).toBe(false);
    expect(containsWellFormedApiKey(near + generateApiKey('lk'))).toBe(true);
  });
});
