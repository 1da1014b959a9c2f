import { expect, test } from 'vitest';
import { findTextProblem } from '../../src/domain/text-rules.ts';

const HEX = (codePoint: number) => `U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`;

/** The code points from 0 to U+FFFF that a text with them in the middle may not have. */
function refused(mayHaveLines: boolean): string[] {
  const all = Array.from({ length: 0x1_0000 }, (_, codePoint) => codePoint);
  return all
    .filter((codePoint) => findTextProblem(`a${String.fromCharCode(codePoint)}b`, mayHaveLines) !== null)
    .map(HEX);
}

function range(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, n) => HEX(first + n));
}

test('a text of one line may have any character but controls, separators, bidirectional controls and half pairs', () => {
  expect(refused(false)).toEqual([
    ...range(0x00, 0x1f),
    ...range(0x7f, 0x9f),
    ...range(0x2028, 0x202e),
    ...range(0x2066, 0x2069),
    ...range(0xd800, 0xdfff),
  ]);
});

test('a text of lines may have line feeds and tabs besides', () => {
  const refusedInLines = new Set(refused(true));
  expect(refused(false).filter((name) => !refusedInLines.has(name))).toEqual(['U+0009', 'U+000A']);
});
