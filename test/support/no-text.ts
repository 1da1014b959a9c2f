import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';

/** Texts that every text field refuses, each for one reason only. */
export const NO_TEXT: [what: string, text: string][] = [
  ['NUL', 'a\0b'],
  ['a bell', 'a\u0007b'],
  ['an escape', 'a\u001b[31mb'],
  ['a carriage return', 'a\rb'],
  ['a delete', 'a\u007fb'],
  ['a control of the second block', 'a\u0085b'],
  ['a line separator', 'a\u2028b'],
  ['a paragraph separator', 'a\u2029b'],
  ['a right-to-left override', 'a\u202etxt.exe'],
  ['a left-to-right embedding', 'a\u202ab'],
  ['an isolate', 'a\u2066b'],
  ['the end of an isolate', 'a\u2069b'],
  ['half a pair', 'a\ud83db'],
  ['a key', generateApiKey('lk')],
  ['a key within a word', `ask${generateApiKey('lk')}please`],
  ['a key of another prefix', `it is ${generateApiKey('other')}.`],
  ['a key behind what looks like one', `aa_${'0'.repeat(47)}${generateApiKey('lk')}`],
];

/** Texts that a field of one line refuses. */
export const NO_LINE: typeof NO_TEXT = [...NO_TEXT, ['a line feed', 'a\nb'], ['a tab', 'a\tb']];

/** Texts that every text field accepts, though they look much like refused ones. */
export const STILL_TEXT: typeof NO_TEXT = [
  ['Arabic and Hebrew', 'مفتاح מפתח'],
  ['a left-to-right mark', 'מפתח\u200e 1'],
  ['a family of emoji, joined', '👨\u200d👩\u200d👧'],
  ['a word with a zero-width non-joiner', 'می\u200cخواهم'],
  ['code points that are not assigned', '\u0378\u{10fff0}'],
  ['what looks like a key and has no checksum', `lk_${'0'.repeat(49)}`],
  ['a hint', 'lk_…9fQ2'],
];
