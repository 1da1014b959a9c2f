import { foldCompatible } from '../storage/fold-text.ts';
import { containsWellFormedApiKey } from './secrets/api-key-format.ts';

/*
 * Rules for every text that one person writes and others read: in lists, in logs, in a terminal. Whether a code point
 * is assigned is no rule, because the answer would change with the runtime.
 */

/** The longest search text, in code points. It is longer than the longest email. */
export const MAX_SEARCH_LENGTH = 300;

/** The most words in one search. Each word is one condition of the SQL statement. */
export const MAX_SEARCH_WORDS = 10;

/** Splits a search text into words, at white space of any kind. */
export function wordsOf(text: string): string[] {
  return text.split(/\s+/u).filter((word) => word !== '');
}

/** Control characters, and the two separators that break a line as a line feed does. */
const CONTROL = /[\p{Cc}\u2028\u2029]/u;
const CONTROL_BUT_LINES = /[^\P{Cc}\n\t]|[\u2028\u2029]/u;
/** Characters that make a text appear in another order than it is stored in: what reads `exe.txt` may be `txt.exe`. */
const DIRECTION = /[\u202a-\u202e\u2066-\u2069]/u;
/** Characters that show nothing: zero width, soft hyphen, variation selectors, tags, fillers, the blank of Braille. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}\u2800]/u;

/**
 * What is wrong with a text, as a message for whoever sent it; null when nothing is.
 * @param mayHaveLines whether line feeds and tabs may be in it
 */
export function findTextProblem(text: string, mayHaveLines = false): string | null {
  if (!text.isWellFormed()) return 'Must not contain half of a surrogate pair.';
  if ((mayHaveLines ? CONTROL_BUT_LINES : CONTROL).test(text)) {
    return mayHaveLines
      ? 'Must not contain control characters other than line feed and tab.'
      : 'Must not contain control characters or line breaks.';
  }
  if (DIRECTION.test(text)) {
    return 'Must not contain characters that change the direction of text (U+202A–202E, U+2066–2069).';
  }
  // A stored text is read by people who may not see the key in it.
  if (containsWellFormedApiKey(text)) return 'Must not contain an API key.';
  return null;
}

/**
 * What is wrong with a required line of text, such as a name, as a message for whoever sent it; null when nothing is.
 * @param longest in code points
 */
export function findLineProblem(text: string, longest: number): string | null {
  if (text.trim() === '') return 'Must not be empty.';
  if ([...text].length > longest) return `Must have at most ${longest} characters.`;
  return findTextProblem(text);
}

/** Whether a text contains invisible characters. */
export function hasInvisible(text: string): boolean {
  return INVISIBLE.test(text);
}

/**
 * The letters and digits of a text, folded by form and case, to compare names that look alike to someone who reads
 * fast.
 */
export function lettersOf(text: string): string {
  return foldCompatible(text).replace(/[^\p{L}\p{N}]/gu, '');
}
