import { zValidator } from '@hono/zod-validator';
import type { Context, MiddlewareHandler } from 'hono';
import type * as z from 'zod';
import { containsApiKey } from '../../domain/secrets/api-key-format.ts';
import type { CallEnv, CallVariables, Needs } from '../context.ts';
import { fail } from '../errors.ts';
import type { BodyPut } from './body.ts';

/*
 * zod-validator with a hook that puts a 400 into the contract's shape, and names every wrong field at once.
 */

type Validated<Target extends 'json' | 'form' | 'query', Output> = MiddlewareHandler<
  CallEnv,
  string,
  { in: { [target in Target]?: unknown }; out: { [target in Target]: Output } }
>;

/**
 * Applies the act's rules to the readable fields of a body that the schema refused.
 * @param found what earlier middleware put into the context
 * @returns messages by field
 */
type ActsRules<Needed> = (found: Readonly<CallVariables & Needed>, body: unknown) => Record<string, string>;

/**
 * Validates the JSON body.
 * @param actsRules rules that depend on the day, the caller or the key. The act applies them to a body that passes the
 * schema. Here they are applied only to a body that fails it, so that the answer names every wrong field
 * @returns two handlers, to be spread into the route's
 */
export function validJson<Output, Needed = unknown>(schema: z.ZodType<Output>, actsRules?: ActsRules<Needed>) {
  const parsable: Needs<BodyPut & Needed> = async (c, next) => {
    // The validator would silently replace bytes that are not UTF-8, and throw for text that is not JSON.
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
  return [parsable, valid] as const;
}

/**
 * Validates a form. It is two handlers, as above. Parameters that are not in the schema are ignored, as OAuth asks
 * (RFC 6749, 3.1). The schema gets an array for a parameter that is repeated.
 */
export function validForm<Output extends object>(schema: z.ZodType<Output>) {
  const readable: Needs<BodyPut> = async (c, next) => {
    if (c.var.bodyText === null) return fail(c, { refused: 'invalid', fields: { body: 'Must be UTF-8.' } });
    await next();
    return undefined;
  };
  // hono's own validator reads forms by the platform's formData(), which drops a stray `%`: a token must stay as it was sent.
  const valid: Validated<'form', Output> = async (c, next) => {
    const parameters = new Map<string, string | string[]>();
    for (const [name, value] of new URLSearchParams(await c.req.text())) {
      const before = parameters.get(name);
      if (Array.isArray(before)) before.push(value);
      else parameters.set(name, before === undefined ? value : [before, value]);
    }
    const result = schema.safeParse(Object.fromEntries(parameters));
    if (!result.success) return fail(c, { refused: 'invalid', fields: messagesByField(result.error.issues) });
    c.req.addValidatedData('form', result.data);
    await next();
    return undefined;
  };
  return [readable, valid] as const;
}

/** Validates the query: its encoding, its names, and the values. */
export function validQuery<Output>(schema: z.ZodType<Output>): Validated<'query', Output> {
  return zValidator('query', schema, (result, c: Context<CallEnv>) => {
    const issues = [...findMisread(c.req.url), ...(result.success ? [] : result.error.issues)];
    return issues.length === 0 ? undefined : fail(c, { refused: 'invalid', fields: messagesByField(issues) });
  });
}

/**
 * Finds the parameters of a query that hono would not read as they were meant:
 * - The percent-encoding is wrong or does not decode to UTF-8. hono leaves such text undecoded, so a search would look for
 *   the literal `%ff` and find nothing.
 * - The name is given twice. Some readers take the first value, others the last.
 * - The name is empty. hono drops such a parameter.
 */
function findMisread(url: string): z.core.$ZodIssue[] {
  const [, query = ''] = /^[^?#]*\?([^#]*)/.exec(url) ?? [];
  const issues: z.core.$ZodIssue[] = [];
  const seen = new Set<string>();
  for (const pair of query.split('&').filter((text) => text !== '')) {
    const [text = ''] = pair.split('=', 1);
    const name = decode(text.replaceAll('+', ' ')) ?? text;
    const message = findPairProblem(pair, name, seen);
    if (message !== null) issues.push({ code: 'custom', path: [name], input: undefined, message });
    seen.add(name);
  }
  return issues;
}

function findPairProblem(pair: string, name: string, seen: ReadonlySet<string>): string | null {
  if (decode(pair) === null) return 'Must be percent-encoded UTF-8.';
  if (seen.has(name)) return 'Is given more than once. Give it once: which one is meant cannot be told.';
  return name === '' ? 'A value needs a name before it.' : null;
}

/** Decodes percent-encoded UTF-8; null when the text is not that. */
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

/**
 * How many wrong fields an answer names. A body of 64 KiB can hold thousands, and an answer that named them all would
 * be many times as long as the body.
 */
const MAX_NAMED_FIELDS = 50;
/** In code points. */
const MAX_FIELD_NAME_LENGTH = 40;

/**
 * The first message for each wrong field; a nested field is named as `ip_whitelist.2`. Beyond 50 fields, `body` says
 * how many more are wrong.
 */
export function messagesByField(
  issues: readonly z.core.$ZodIssue[],
  more: Record<string, string> = {},
): Record<string, string> {
  const messages = new Map<string, string>();
  const unnamed = new Set<string>();
  const add = (field: string, message: string) => {
    if (messages.has(field)) return;
    if (messages.size < MAX_NAMED_FIELDS) messages.set(field, message);
    else unnamed.add(field);
  };
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) add(fieldAt([...issue.path, key]), issue.message);
    } else {
      add(fieldAt(issue.path), issue.message);
    }
  }
  for (const [field, message] of Object.entries(more)) add(field, message);
  if (unnamed.size > 0) messages.set('body', `${unnamed.size} more fields are wrong.`);
  // fromEntries, and not assignment, so that a field named `__proto__` is reported like any other.
  return Object.fromEntries([...messages].map(([field, message]) => [nameInAnswer(field), message]));
}

function fieldAt(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'body' : path.map(String).join('.');
}

/** Makes a name fit for an answer: a client can make up one of any length, or put a key there by mistake. */
function nameInAnswer(name: string): string {
  // Cut off, it would still give most of the key away.
  if (containsApiKey(name)) return 'a name that holds an API key';
  const letters = [...name.slice(0, 2 * MAX_FIELD_NAME_LENGTH + 2)];
  return letters.length > MAX_FIELD_NAME_LENGTH ? `${letters.slice(0, MAX_FIELD_NAME_LENGTH).join('')}…` : name;
}
