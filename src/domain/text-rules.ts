import { foldCompatible } from '../storage/fold-text.ts';
import { containsWellFormedApiKey } from './secrets/api-key-format.ts';

/*
 * What no text may hold that someone writes and others read: in lists, in logs, in a terminal. Which code points are
 * assigned is no rule: the answer would change with the runtime.
 */

/** The longest text that is searched for, in code points: longer than the longest email. */
export const MAX_SEARCH_LENGTH = 300;

/** Controls, and the two separators that break a line as a line feed does. */
const CONTROL = /[\p{Cc}\u2028\u2029]/u;
const CONTROL_BUT_LINES = /[^\P{Cc}\n\t]|[\u2028\u2029]/u;
/** They show a text in another order than it has: `exe.txt` may be `txt.exe`. */
const DIRECTION = /[\u202a-\u202e\u2066-\u2069]/u;
/** What shows nothing: zero width, soft hyphen, variation selectors, tags, fillers, the blank of Braille. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}\u2800]/u;

/**
 * What is wrong with a text, said to whoever sent it; null when nothing is.
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
  // What is kept here is read by others than may see the key.
  if (containsWellFormedApiKey(text)) return 'Must not contain an API key.';
  return null;
}

/**
 * What is wrong with a name or another line of text that must be given; null when nothing is.
 * @param longest in code points
 */
export function findLineProblem(text: string, longest: number): string | null {
  if (text.trim() === '') return 'Must not be empty.';
  if ([...text].length > longest) return `Must have at most ${longest} characters.`;
  return findTextProblem(text);
}

/** Whether there is something in a text that nobody sees. */
export function hasInvisible(text: string): boolean {
  return INVISIBLE.test(text);
}

/** The letters and digits of a text, whatever their form and case: what is left when someone reads it in passing. */
export function lettersOf(text: string): string {
  return foldCompatible(text).replace(/[^\p{L}\p{N}]/gu, '');
}
