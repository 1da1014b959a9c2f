import fc from 'fast-check';

/*
 * Values that a JSON schema of the document allows, and values that it may not allow.
 */

export interface JsonSchema {
  $ref?: string;
  anyOf?: JsonSchema[];
  const?: unknown;
  enum?: unknown[];
  type?: string | string[];
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
}

/** What stands for a value of one name, such as the id of something that is there. */
export type Known = Record<string, fc.Arbitrary<unknown>>;

/** Text that no rule of texts refuses: letters of several scripts, digits, spaces inside. */
const letter = fc.constantFrom(...'abcXYZ019éßŁдж漢字🔑 .-_');

/**
 * Makes values that a schema allows.
 * @param components the schemas that references are to
 * @param known values by the name of their field, which are taken three times in four
 */
export function allowedBy(
  schema: JsonSchema,
  components: Record<string, JsonSchema>,
  known: Known,
  name = '',
): fc.Arbitrary<unknown> {
  const made = make(schema, components, known);
  const given = known[name];
  return given === undefined ? made : fc.oneof({ arbitrary: given, weight: 3 }, made);
}

function make(schema: JsonSchema, components: Record<string, JsonSchema>, known: Known): fc.Arbitrary<unknown> {
  const { $ref, anyOf, const: only, enum: listed, type } = schema;
  if ($ref !== undefined) return make(components[$ref.slice($ref.lastIndexOf('/') + 1)] ?? {}, components, known);
  if (anyOf !== undefined) return fc.oneof(...anyOf.map((one) => make(one, components, known)));
  if (only !== undefined) return fc.constant(only);
  if (listed !== undefined) return fc.constantFrom(...listed);
  const types = [type ?? []].flat();
  return types.length === 0
    ? fc.jsonValue({ maxDepth: 1 })
    : fc.oneof(...types.map((one) => ofType(one, schema, components, known)));
}

function ofType(
  type: string,
  schema: JsonSchema,
  components: Record<string, JsonSchema>,
  known: Known,
): fc.Arbitrary<unknown> {
  switch (type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({ min: schema.minimum ?? schema.exclusiveMinimum ?? 0, max: schema.maximum ?? 1_000_000 });
    case 'string':
      return textOf(schema);
    case 'array':
      return fc.array(make(schema.items ?? {}, components, known), { maxLength: Math.min(schema.maxItems ?? 5, 5) });
    case 'object':
      return objectOf(schema, components, known);
    default:
      throw new Error(`The document has no type ${type}`);
  }
}

function textOf({ format, pattern, minLength = 0, maxLength = 40 }: JsonSchema): fc.Arbitrary<string> {
  if (format === 'date') {
    const days = fc.integer({ min: 0, max: 3_000 });
    return days.map((day) => new Date(Date.UTC(2026, 0, 1) + day * 86_400_000).toISOString().slice(0, 10));
  }
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern));
  return fc
    .string({ unit: letter, minLength, maxLength: Math.min(maxLength, 40) })
    .filter((text) => [...text.trim()].length >= minLength);
}

function objectOf(
  { properties = {}, required = [] }: JsonSchema,
  components: Record<string, JsonSchema>,
  known: Known,
): fc.Arbitrary<unknown> {
  const fields: Record<string, fc.Arbitrary<unknown>> = Object.fromEntries(
    Object.entries(properties).map(([name, field]) => {
      const value = allowedBy(field, components, known, name);
      // Many fields at once nearly always break a rule together, and the rest of the call is never reached.
      const leftOut = { arbitrary: fc.constant(undefined), weight: 3 };
      return [name, required.includes(name) ? value : fc.oneof(leftOut, { arbitrary: value, weight: 1 })];
    }),
  );
  return fc
    .record(fields)
    .map((made) => Object.fromEntries(Object.entries(made).filter(([, value]) => value !== undefined)));
}

/** Any JSON, and text that is none: what a body may be that the document does not allow. */
export const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(null, '', -1, 0, 1.5, 1e21, 2 ** 53, true, [], {}, '\u0000', '\ud800', '__proto__', [[]], {
    a: null,
  }),
);
