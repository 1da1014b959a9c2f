import * as z from 'zod';
import type { createDocument, oas31, ZodOpenApiOperationObject, ZodOpenApiResponsesObject } from 'zod-openapi';
import type { PermissionName } from '../../domain/permissions/permissions.ts';
import type { BodyType } from '../errors.ts';
import { type ErrorResponse, errorResponse } from './error-responses.ts';
import { EXAMPLES } from './examples.ts';

/*
 * What makes an operation of the document from what is particular about it. Everything that follows from the order in
 * which a call is judged is added here: who may call, the errors, the headers.
 */

export const TAGS = {
  keys: {
    name: 'API keys',
    description:
      'Keys and their secrets. A user has access to its own keys; ORG_ADMIN and PROVIDER to those of the organisation.',
  },
  verification: { name: 'Verification', description: 'For backends and gateways: does this key allow this call?' },
  users: { name: 'Users', description: 'The people of an organisation.' },
  organisations: { name: 'Organisations', description: 'Organisations of the deployment.' },
  audit: { name: 'Audit log', description: 'Who did what to which key or user.' },
  permissions: { name: 'Permissions', description: 'What keys can be allowed to do.' },
  health: { name: 'Health', description: 'For monitors. No key is needed.' },
} as const;

/** What can be said of a field beside what its schema says. */
interface FieldWords {
  description: string;
  [keyword: string]: unknown;
}

type Schema = z.ZodType;

/** The names of an object's fields, without those that no value is accepted for. */
type FieldsOf<Input> = { [Name in keyof Input as [Input[Name]] extends [undefined] ? never : Name]-?: FieldWords };

interface Body<Input> {
  id: string;
  description: string;
  fields: FieldsOf<Input>;
  /** Fields that are accepted and ignored. */
  ignored?: readonly string[];
}

/** What is said of the fields of each body, by the id of its schema. */
const wordsOfBodies = new Map<string, { fields: Record<string, FieldWords>; ignored: readonly string[] }>();

/**
 * Describes the body of a call. Its schema is the one that validates; here it gets words, and the limits that a schema
 * states in code. A field without words does not compile, nor do words without a field.
 * @param _described the schema whose fields they are, where what validates is made from it
 */
export function describeBody<Input extends object>(
  validates: Schema,
  _described: z.ZodType<unknown, Input>,
  { id, description, fields, ignored = [] }: Body<Input>,
): Schema {
  z.globalRegistry.add(validates, { id, description });
  wordsOfBodies.set(id, { fields, ignored });
  return validates;
}

type Schemas = NonNullable<NonNullable<ReturnType<typeof createDocument>['components']>['schemas']>;

/** Puts what is said of the fields into the schemas of a document. */
export function addWords(schemas: Schemas): void {
  for (const [id, { fields, ignored }] of wordsOfBodies) {
    const schema = schemas[id];
    if (typeof schema !== 'object' || !('properties' in schema)) throw new Error(`The document has no body ${id}`);
    const { properties = {} } = schema;
    // What refuses every value is there for its message only.
    for (const name of Object.keys(properties)) if (!(name in fields)) delete properties[name];
    for (const [name, words] of Object.entries(fields)) {
      const property = properties[name];
      properties[name] = sayDefault({ ...(typeof property === 'object' ? property : {}), ...words });
    }
    for (const name of ignored) properties[name] = { description: 'Read-only: accepted and ignored.' };
  }
}

/**
 * Says the default of a field in its description. Generators of types take a field with the keyword for one that is always
 * there, in requests too.
 */
function sayDefault({ default: value, ...property }: FieldWords): FieldWords {
  const isEmpty = value === undefined || value === null || value === '' || Array.isArray(value);
  return isEmpty ? property : { ...property, description: `${property.description} Left out: ${value}.` };
}

/** The largest and the smallest integer that JSON carries safely: what a schema of whole numbers says for want of a bound. */
const SAFE: readonly unknown[] = [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];

/** Leaves out of a JSON schema what says nothing, or says it twice. */
export function tidy({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (SAFE.includes(jsonSchema.maximum)) delete jsonSchema.maximum;
  if (SAFE.includes(jsonSchema.minimum)) delete jsonSchema.minimum;
  // The format says it.
  if (jsonSchema.format === 'date' || jsonSchema.format === 'uuid') delete jsonSchema.pattern;
}

/** Describes the query of a call: one parameter for each field of the schema that validates it. */
export function describeQuery<Input extends object>(
  _validates: z.ZodType<unknown, Input>,
  parameters: { [Name in keyof FieldsOf<Input>]: { description: string; schema: oas31.SchemaObject } },
): oas31.ParameterObject[] {
  return Object.entries<{ description: string; schema: oas31.SchemaObject }>(parameters).map(([name, parameter]) => ({
    name,
    in: 'query',
    required: false,
    ...parameter,
  }));
}

/** A parameter of a path. */
function inPath(name: string, description: string, schema: oas31.SchemaObject): oas31.ParameterObject {
  return { name, in: 'path', required: true, description, schema };
}

/** The id of a key or an organisation in a path. */
export function idInPath(description: string): oas31.ParameterObject {
  return inPath('id', description, { type: 'integer', minimum: 1, examples: [3245] });
}

export const userIdInPath = inPath('id', 'The id of the user.', {
  type: 'string',
  pattern: '^[0-9a-f]{24}$',
  examples: ['5309c3a237bbc544d8e26737'],
});

const IDEMPOTENCY_KEY: oas31.ParameterObject = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Makes the call safe to repeat: within 24 hours the same key with the same call and body gets the first answer again. 1 to 255 visible ASCII characters.',
  schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$', examples: ['6a4b1c1e-2f0d-4c8e-9a55-1f3b0d7c2e11'] },
};

interface Operation {
  id: keyof typeof EXAMPLES;
  tag: keyof typeof TAGS;
  summary: string;
  description: string;
  /** The permission that the calling key needs; left out: none. */
  needs?: PermissionName;
  parameters?: oas31.ParameterObject[];
  /** The schema of the body. Left out: the call reads no body. `empty`: it takes none, and `{}` is accepted. */
  body?: Schema | 'empty';
  /** Whether the body may be left out. */
  isBodyOptional?: boolean;
  bodyType?: BodyType;
  /** Whether the call takes an `Idempotency-Key`. */
  isRetryable?: boolean;
  /** Which limit is charged: the general one, that of calls that take rights away, or that of verifying. */
  limit?: 'general' | 'taking_away' | 'verifying';
  /** Whether a gateway may send its key as HTTP Basic. */
  takesBasic?: boolean;
  /** Whether there may be nothing to answer with, though the path names nothing. */
  mayBeMissing?: boolean;
  /** Whether rules beside the fields' can make the call a 400. */
  hasRules?: boolean;
  /** For a call that needs no key: the errors that it can have. */
  open?: readonly ErrorResponse[];
  answer: { status?: 200 | 201; description: string; schema: Schema };
}

/** Makes the operation. */
export function operation(described: Operation): ZodOpenApiOperationObject {
  const { id, tag, summary, description, needs, parameters = [], body, answer } = described;
  const example: { request?: unknown; answer: unknown } = EXAMPLES[id];
  const { bodyType = 'application/json', isBodyOptional = false, isRetryable = false } = described;
  const { status = 200 } = answer;
  const responses: ZodOpenApiResponsesObject = {
    [`${status}`]: {
      description: answer.description,
      headers: {
        'X-Request-Id': header('RequestId'),
        'Cache-Control': header('NoStore'),
        ...(described.limit === 'taking_away' || described.open
          ? {}
          : { 'RateLimit-Policy': header('RateLimitPolicy') }),
        ...(isRetryable ? { 'Idempotent-Replayed': header('IdempotentReplayed') } : {}),
      },
      content: { 'application/json': { schema: answer.schema, example: example.answer } },
    },
    ...Object.fromEntries(errorsOf(described).map(errorResponse)),
  };
  return {
    operationId: id,
    tags: [TAGS[tag].name],
    summary,
    description,
    security: securityOf(described),
    ...(parameters.length > 0 || isRetryable
      ? { parameters: [...parameters, ...(isRetryable ? [IDEMPOTENCY_KEY] : [])] }
      : {}),
    ...(body === undefined || body === 'empty'
      ? {}
      : {
          requestBody: {
            required: !isBodyOptional,
            content: {
              [bodyType]: { schema: body, ...(example.request === undefined ? {} : { example: example.request }) },
            },
          },
        }),
    responses,
    ...(needs === undefined ? {} : { 'x-permission': needs }),
  };
}

function header(name: string): oas31.ReferenceObject {
  return { $ref: `#/components/headers/${name}` };
}

/** The list of each scheme names the permission that the key needs (OpenAPI 3.1, Security Requirement Object). */
function securityOf({ needs, takesBasic = false, open }: Operation): oas31.SecurityRequirementObject[] {
  if (open !== undefined) return [];
  const names = needs === undefined ? [] : [needs];
  return [{ apiKey: names }, { bearer: names }, ...(takesBasic ? [{ basic: names }] : [])];
}

function errorsOf(described: Operation): readonly ErrorResponse[] {
  if (described.open !== undefined) return described.open;
  const { needs, parameters = [], body, isRetryable = false, hasRules = false, mayBeMissing = false } = described;
  const hasQuery = parameters.some((parameter) => parameter.in === 'query');
  const hasPath = parameters.some((parameter) => parameter.in === 'path');
  return [
    ...(body !== undefined || hasQuery || hasRules ? (['Invalid'] as const) : []),
    'Unauthenticated',
    needs === undefined ? 'AddressNotAllowed' : 'Forbidden',
    ...(hasPath || mayBeMissing ? (['NotFound'] as const) : []),
    ...(body === undefined ? [] : (['BodyTimeout', 'BodyTooLarge', 'UnsupportedMediaType'] as const)),
    ...(isRetryable ? (['IdempotencyGone', 'IdempotencyMismatch'] as const) : []),
    'RateLimited',
    'Internal',
    'Unavailable',
  ];
}
