import { dereference, type Schema, validate } from '@cfworker/json-schema';
import { ERROR_CODES } from '../../src/http/answers/errors.ts';
import { apiDocument } from '../../src/http/document/document.ts';

/*
 * Checks that what the service answers is in the document of the API: the status, the media type, the headers that every such
 * answer must have, and the body to the last field.
 */

interface Given {
  method: string;
  /** With its query. */
  path: string;
  status: number;
  headers: Headers;
  /** The body as it was sent. */
  text: string;
}

interface Media {
  schema?: { $ref?: string };
  example?: unknown;
}

interface Response {
  headers?: Record<string, { $ref?: string }>;
  content?: Record<string, Media>;
}

interface Operation {
  operationId: string;
  requestBody?: { content: Record<string, Media> };
  parameters?: { name: string; in: string; schema: { type?: string } }[];
  responses: Record<string, Response & { $ref?: string }>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, Schema>;
    responses: Record<string, Response>;
    headers: Record<string, { required?: boolean; schema: Schema }>;
  };
}

/** The document as clients get it. */
export const DOCUMENT: Document = JSON.parse(JSON.stringify(apiDocument()));

const METHODS = ['get', 'put', 'post', 'delete', 'patch'];

/** Every operation: its method and path as the document has them, and what matches the path of a request. */
export const OPERATIONS = Object.entries(DOCUMENT.paths)
  .flatMap(([template, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      return operation === undefined
        ? []
        : [{ method: method.toUpperCase(), template, pattern: patternOf(template, operation), operation }];
    }),
  )
  .sort((one, other) => one.template.split('{').length - other.template.split('{').length);

function patternOf(template: string, { parameters = [] }: Operation): RegExp {
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const isNumber = parameters.some((one) => one.in === 'path' && one.name === name && one.schema.type === 'integer');
    return isNumber ? '[1-9][0-9]*' : '[0-9a-f]{24}';
  });
  return new RegExp(`^${path}$`);
}

const { schemas, responses: sharedResponses, headers: sharedHeaders } = DOCUMENT.components;
// The document lets an answer gain fields. A test does not: a field that is not in the document is missing there.
const strict: Record<string, Schema> = Object.fromEntries(
  Object.entries(schemas).map(([name, schema]) => [name, close(schema)]),
);
const lookup = dereference({ components: { schemas: strict } });

function close<Value>(schema: Value): Value {
  if (Array.isArray(schema)) return schema.map(close) as Value;
  if (typeof schema !== 'object' || schema === null) return schema;
  const closed = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, close(value)]));
  const isOpen = 'properties' in closed && !('additionalProperties' in closed);
  return (isOpen ? { ...closed, additionalProperties: false } : closed) as Value;
}

/** What is wrong with an answer, as the document has it; null when nothing is. */
export function findUndocumented(given: Given): string | null {
  const path = given.path.replace(/[?#].*$/, '');
  const method = given.method === 'HEAD' ? 'GET' : given.method;
  const found = OPERATIONS.find((one) => one.method === method && one.pattern.test(path));
  // The console has pages of its own.
  if (found === undefined && !path.startsWith('/v2/')) return null;
  const problem = found === undefined ? findInUnknown(given) : findIn(found.operation, given, given.method === 'HEAD');
  return problem && `${given.method} ${path}, ${given.status}: ${problem} ${given.text.slice(0, 500)}`;
}

function findIn({ responses }: Operation, given: Given, isHead: boolean): string | null {
  const listed = responses[given.status];
  if (listed === undefined) return 'The document has no such status.';
  const response = resolve(listed);
  for (const [name, { $ref = '' }] of Object.entries(response.headers ?? {})) {
    const header = sharedHeaders[nameIn($ref)];
    const value = given.headers.get(name);
    if (value === null ? header?.required : header && !isValid(value, header.schema))
      return `The header ${name}: ${value}.`;
  }
  if (isHead) return null;
  const type = given.headers.get('Content-Type') ?? '';
  const media = response.content?.[type];
  if (media === undefined) return `The document has no media type ${type}.`;
  return findInBody(JSON.parse(given.text), nameIn(media.schema?.$ref ?? ''));
}

function resolve(response: Response & { $ref?: string }): Response {
  return response.$ref === undefined ? response : (sharedResponses[nameIn(response.$ref)] ?? {});
}

/** The name of the component that a reference is to. */
export function nameIn(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

function isValid(value: unknown, schema: Schema): boolean {
  return validate(value, schema, '2020-12').valid;
}

/** What is wrong with a value, as one of the schemas of the document has it; null when nothing is. */
export function findInBody(body: unknown, schemaName: string): string | null {
  const { valid, errors } = validate(body, strict[schemaName] ?? false, '2020-12', lookup);
  return valid ? null : `${schemaName}: ${errors.map((one) => `${one.instanceLocation} ${one.error}`).join(' ')}`;
}

/** A path or a method that is not in the document can only be refused, with a code that it has. */
function findInUnknown({ method, status, text }: Given): string | null {
  if (status < 400) return 'The document has no such operation.';
  if (method === 'HEAD') return null;
  const { code } = JSON.parse(text);
  const known = Object.entries(ERROR_CODES).find(([name]) => name === code);
  return known !== undefined && known[1].status === status
    ? null
    : `The document has no code ${code} with this status.`;
}
