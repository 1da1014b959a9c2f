import { zValidator } from '@hono/zod-validator';
import type { MiddlewareHandler } from 'hono';
import type { z } from 'zod';
import type { HttpContext, HttpEnv } from '../context.ts';
import { fail } from '../errors.ts';

/*
 * zod-validator, as the contract wants it: malformed JSON is an answer in the contract's shape, and an answer names
 * every wrong field at once.
 */

type Validated<Target extends 'json' | 'query', Output> = MiddlewareHandler<
  HttpEnv,
  string,
  { in: { [target in Target]?: unknown }; out: { [target in Target]: Output } }
>;

/** Validates the JSON body. `schemaFor` is asked at each request, for rules that look at the day or at a key. */
export function validJson<Output>(schemaFor: (c: HttpContext) => z.ZodType<Output>): Validated<'json', Output> {
  return async (c, next) => {
    const problem = findBodyProblem(c.get('bodyText'));
    if (problem !== null) return fail(c, { refused: 'invalid', fields: { body: problem } });
    const validate: Validated<'json', Output> = zValidator('json', schemaFor(c), answerInvalid, DESCRIBED);
    return validate(c, next);
  };
}

/** Validates the query. Names that are not in the schema are ignored. */
export function validQuery<Output>(schema: z.ZodType<Output>): Validated<'query', Output> {
  return zValidator('query', schema, answerInvalidQuery, DESCRIBED);
}

type Result = { success: true } | { success: false; error: z.core.$ZodError };

function answerInvalid(result: Result, c: HttpContext): Response | undefined {
  if (result.success) return undefined;
  return fail(c, { refused: 'invalid', fields: messagesByField(result.error.issues) });
}

function answerInvalidQuery(result: Result, c: HttpContext): Response | undefined {
  const malformed = findMalformed(c.req.url);
  if (result.success && malformed.length === 0) return undefined;
  return fail(c, {
    refused: 'invalid',
    fields: messagesByField([...malformed, ...(result.success ? [] : result.error.issues)]),
  });
}

/**
 * What of a query is percent-encoded wrongly, or is no UTF-8 behind it. hono gives such text as it stands, so that someone
 * would look for `%ff` and find nothing.
 */
function findMalformed(url: string): z.core.$ZodIssue[] {
  const [, query = ''] = /^[^?#]*\?([^#]*)/.exec(url) ?? [];
  if (!query.includes('%')) return [];
  return query
    .split('&')
    .filter((pair) => decode(pair) === null)
    .map((pair) => {
      const [name = ''] = pair.split('=', 1);
      const path = [decode(name) ?? name];
      return { code: 'custom', path, input: undefined, message: 'Must be percent-encoded UTF-8.' };
    });
}

/** Percent-encoded UTF-8, read; null when it is none. */
function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

const DESCRIBED = {
  validationFunction: <Output>(schema: z.ZodType<Output>, value: unknown) =>
    schema.safeParseAsync(value, { error: describeIssue }),
};

function findBodyProblem(body: string | null): string | null {
  if (body === null) return 'Must be UTF-8.';
  if (body.trim() === '') return 'This call needs a JSON body.';
  try {
    JSON.parse(body);
    return null;
  } catch {
    return 'Must be valid JSON.';
  }
}

/** What zod says by itself speaks of types; these say what to send. Rules with a message of their own keep it. */
function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') {
    return issue.input === undefined ? 'This field is required.' : `Must be of type ${issue.expected}.`;
  }
  if (issue.code === 'invalid_value') return `Must be one of: ${issue.values.join(', ')}.`;
  return undefined;
}

/** A body of 64 KiB can hold thousands of wrong fields, and an answer that names them all is many times as long. */
const MOST_NAMED = 50;
const LONGEST_NAME = 40;

/** One message for each wrong field, the first; nested fields as `ip_whitelist.2`. Beyond 50, how many more there are. */
function messagesByField(issues: readonly z.core.$ZodIssue[]): Record<string, string> {
  const messages = new Map<string, string>();
  const unnamed = new Set<string>();
  const add = (path: readonly PropertyKey[], message: string) => {
    const field = path.length === 0 ? 'body' : path.map(String).join('.');
    if (messages.has(field)) return;
    if (messages.size < MOST_NAMED) messages.set(field, message);
    else unnamed.add(field);
  };
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) add([...issue.path, key], 'There is no such field.');
    } else {
      add(issue.path, issue.message);
    }
  }
  if (unnamed.size > 0) messages.set('body', `${unnamed.size} more fields are wrong.`);
  // fromEntries, and not assignment, so that a field named `__proto__` is reported like any other.
  return Object.fromEntries([...messages].map(([field, message]) => [shorten(field), message]));
}

/** A name that a client made up, for an answer. */
function shorten(name: string): string {
  const letters = [...name.slice(0, 2 * LONGEST_NAME + 2)];
  return letters.length > LONGEST_NAME ? `${letters.slice(0, LONGEST_NAME).join('')}…` : name;
}
