import fc from 'fast-check';
import { expect, test } from 'vitest';
import { foldCompatible, foldText } from '../../src/storage/fold-text.ts';

test.each([
  ['ASCII', 'Billing', 'bILLING'],
  ['accents', 'É', 'é'],
  ['composed and decomposed forms', '\u00e9', 'e\u0301'],
  ['composed and decomposed forms of the two cases', '\u00c9', 'e\u0301'],
  ['ß and SS', 'Straße', 'STRASSE'],
  ['ß and ss', 'straße', 'strasse'],
  ['the capital ß', 'STRAẞE', 'straße'],
  ['the two small sigmas', 'ΟΔΟΣ', 'οδος'],
  ['a sigma in the middle and at the end', 'σ', 'ς'],
  ['Cyrillic', 'КЛЮЧ', 'ключ'],
  ['letters beyond the first plane', '𐐀', '𐐨'],
])('%s are one text', (_, one, other) => {
  expect(foldText(one)).toBe(foldText(other));
});

test.each([
  ['accents and none', 'é', 'e'],
  ['two letters', 'a', 'b'],
  ['spaces and none', 'a b', 'ab'],
])('%s are two texts', (_, one, other) => {
  expect(foldText(one)).not.toBe(foldText(other));
});

test('a sigma at the end of a part is the one within the whole', () => {
  expect(foldText('ΠΡΟΣΒΑΣΗ')).toContain(foldText('ΠΡΟΣ'));
});

test.each(['Straße', 'ΟΔΟΣ', 'İstanbul', 'e\u0301', 'ﬁ', 'ŉ'])('folding %s twice is folding it once', (text) => {
  expect(foldText(foldText(text))).toBe(foldText(text));
});

test.each([
  ['a ligature', 'ﬁ', 'fi'],
  ['full width', 'ＡＢ＠', 'ab@'],
  ['mathematical letters', '𝐀', 'a'],
  ['the sign of Kelvin', '\u212a', 'k'],
  ['a letter in a circle', 'Ⓐ', 'a'],
  ['a raised letter', 'ᴬ', 'a'],
])('%s is one text with what it is a form of, where that counts', (_, one, other) => {
  expect(foldCompatible(one)).toBe(foldCompatible(other));
});

test('folding by compatible forms twice is folding once, whatever the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      fc.pre(text.isWellFormed());
      expect(foldCompatible(foldCompatible(text))).toBe(foldCompatible(text));
    }),
    { seed: 20_260_101, numRuns: 2_000 },
  );
  const letters = Array.from({ length: 0x30000 }, (_, code) => String.fromCodePoint(code)).filter((letter) =>
    letter.isWellFormed(),
  );
  expect(letters.filter((letter) => foldCompatible(foldCompatible(letter)) !== foldCompatible(letter))).toEqual([]);
});
