import { expect, test } from 'vitest';
import { foldText } from '../../src/domain/fold-text.ts';

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
