import * as z from 'zod';
import { containsApiKey } from '../../domain/secrets/api-key-format.ts';
import { findTextProblem, MAX_SEARCH_LENGTH } from '../../domain/text-rules.ts';

/*
 * Kinds of fields that bodies and queries share. Each rule has a message that says what to do.
 */

const MAX_PER_PAGE = 100;
const DEFAULT_PER_PAGE = 30;

/**
 * Replaces zod's own messages, which describe types, by ones that say what to send. A rule with a message of its own
 * keeps it.
 */
z.config({
  customError: (issue) => {
    if (issue.code === 'invalid_type') {
      return issue.input === undefined ? 'This field is required.' : `Must be of type ${issue.expected}.`;
    }
    if (issue.code === 'unrecognized_keys') return 'There is no such field.';
    return issue.code === 'invalid_value' ? `Must be one of: ${issue.values.join(', ')}.` : undefined;
  },
});

/** Text of one line, trimmed, of at most `maxLength` code points. */
export function text(maxLength: number) {
  return limitedText(maxLength, false);
}

/** The same with any number of lines. */
export function textOfLines(maxLength: number) {
  return limitedText(maxLength, true);
}

function limitedText(maxLength: number, mayHaveLines: boolean) {
  return z
    .string()
    .trim()
    .refine((value) => [...value].length <= maxLength, {
      error: `Must have at most ${maxLength} characters.`,
      abort: true,
    })
    .superRefine((value, { addIssue }) => {
      const problem = findTextProblem(value, mayHaveLines);
      if (problem !== null) addIssue({ code: 'custom', message: problem });
    });
}

/**
 * A list of at most `maxEntries` entries. A longer list gets that message only: naming each wrong entry could take
 * megabytes.
 */
export function list<Item extends z.ZodType>(item: Item, maxEntries: number) {
  return z
    .array(z.unknown())
    .refine((entries) => entries.length <= maxEntries, {
      error: `Must have at most ${maxEntries} entries.`,
      abort: true,
    })
    .pipe(z.array(item));
}

/** The same as `text`, but not empty. */
export function nonEmptyText(maxLength: number) {
  return text(maxLength).refine((value) => value !== '', 'Must not be empty.');
}

/** A boolean in a query: `true`, `false`, `1`, `0` and the like, in any letter case. */
export const flag = z.stringbool('Must be true or false.');

const digits = z
  .string()
  .regex(/^-?[0-9]+$/, 'Must be a whole number.')
  .transform(Number);

export const wholeNumber = digits.refine(Number.isSafeInteger, 'Is out of range.');

/** The id of a key or an organisation, in a query. */
export const rowId = wholeNumber.refine((id) => id >= 1, 'Must be an id, from 1.');

/** The fields that page a list. */
export const paging = {
  // A page below 1 counts as page 1, so that clients that count from 0 get an answer.
  page: digits
    .transform((page) => Math.max(page, 1))
    .refine(Number.isSafeInteger, 'Is out of range.')
    .default(1),
  per_page: wholeNumber
    .refine((size) => size >= 1 && size <= MAX_PER_PAGE, `Must be from 1 to ${MAX_PER_PAGE}.`)
    .default(DEFAULT_PER_PAGE),
};

/** The search text of a query; undefined when it is empty. */
export const searchText = z
  .string()
  // URLs are logged on their way, here and elsewhere. So anything that has the shape of a key is refused in one.
  .refine((value) => !containsApiKey(value), {
    error: 'A key must not be in a URL. Use POST /v2/api_keys/find.',
    abort: true,
  })
  .pipe(text(MAX_SEARCH_LENGTH))
  .transform((value) => (value === '' ? undefined : value))
  .optional();

/** A query parameter that the published API has for the same call, and this service does not. */
export const lacked = z.never('The published API has this parameter. This service does not: leave it out.').optional();

/** Makes the schema of a query. It refuses other names: a mistyped filter that is ignored gives a wrong answer. */
export function queryOf<Shape extends z.ZodRawShape>(shape: Shape) {
  const names = Object.keys(shape).filter((name) => shape[name] !== lacked);
  const noSuchName = `This call has no such parameter. It has: ${names.join(', ')}.`;
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? noSuchName : undefined),
  });
}

/** Drops read-only fields from a body, so that what GET returned can be put back. */
export function dropFields(names: readonly string[]) {
  return (body: unknown): unknown => {
    if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
    return Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));
  };
}
