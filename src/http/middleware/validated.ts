import { zValidator } from '@hono/zod-validator';
import type { Context, MiddlewareHandler } from 'hono';
import type { z } from 'zod';
import type { CallEnv, CallVariables, Needs } from '../context.ts';
import { fail } from '../errors.ts';
import type { BodyPut } from './body.ts';

/*
 * zod-validator with its hook: an answer is in the contract's shape, and names every wrong field at once.
 */

type Validated<Target extends 'json' | 'query', Output> = MiddlewareHandler<
  CallEnv,
  string,
  { in: { [target in Target]?: unknown }; out: { [target in Target]: Output } }
>;

/**
 * What the act will say of the fields that can be read, in a body that is wrong elsewhere: messages by field.
 * @param found what middleware has put into the context
 */
type ActsRules<Needed> = (found: Readonly<CallVariables & Needed>, body: unknown) => Record<string, string>;

/**
 * Validates the JSON body. It is two handlers, to be spread into those of the route.
 * @param actsRules rules that look at the day, the caller or the key. The act applies them to a body that passes the
 * schema; they are asked here only so that the answer to one that does not names every wrong field too
 */
export function validJson<Output, Needed = unknown>(schema: z.ZodType<Output>, actsRules?: ActsRules<Needed>) {
  const readable: Needs<BodyPut & Needed> = async (c, next) => {
    // The validator would mend bytes that are not UTF-8, and throw for what is no JSON.
    const problem = findBodyProblem(c.var.bodyText);
    if (problem !== null) return fail(c, { refused: 'invalid', fields: { body: problem } });
    if (actsRules !== undefined) c.set('findWrongFields', (body) => actsRules(c.var, body));
    await next();
    return undefined;
  };
  const valid: Validated<'json', Output> = zValidator('json', schema, (result, c: Context<CallEnv>) => {
    if (result.success) return undefined;
    const fields = messagesByField(result.error.issues, c.var.findWrongFields?.(result.data));
    return fail(c, { refused: 'invalid', fields });
  });
  return [readable, valid] as const;
}

/** Validates the query. Names that are not in the schema are ignored. */
export function validQuery<Output>(schema: z.ZodType<Output>): Validated<'query', Output> {
  return zValidator('query', schema, (result, c: Context<CallEnv>) => {
    const issues = [...findMalformed(c.req.url), ...(result.success ? [] : result.error.issues)];
    return issues.length === 0 ? undefined : fail(c, { refused: 'invalid', fields: messagesByField(issues) });
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

/** A body of 64 KiB can hold thousands of wrong fields, and an answer that names them all is many times as long. */
const MOST_NAMED = 50;
const LONGEST_NAME = 40;

/** One message for each wrong field, the first; nested fields as `ip_whitelist.2`. Beyond 50, how many more there are. */
function messagesByField(
  issues: readonly z.core.$ZodIssue[],
  more: Record<string, string> = {},
): Record<string, string> {
  const messages = new Map<string, string>();
  const unnamed = new Set<string>();
  const add = (field: string, message: string) => {
    if (messages.has(field)) return;
    if (messages.size < MOST_NAMED) messages.set(field, message);
    else unnamed.add(field);
  };
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) add(fieldAt([...issue.path, key]), 'There is no such field.');
    } else {
      add(fieldAt(issue.path), issue.message);
    }
  }
  for (const [field, message] of Object.entries(more)) add(field, message);
  if (unnamed.size > 0) messages.set('body', `${unnamed.size} more fields are wrong.`);
  // fromEntries, and not assignment, so that a field named `__proto__` is reported like any other.
  return Object.fromEntries([...messages].map(([field, message]) => [shorten(field), message]));
}

function fieldAt(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'body' : path.map(String).join('.');
}

/** A name that a client made up, for an answer. */
function shorten(name: string): string {
  const letters = [...name.slice(0, 2 * LONGEST_NAME + 2)];
  return letters.length > LONGEST_NAME ? `${letters.slice(0, LONGEST_NAME).join('')}…` : name;
}
