import { html } from 'hono/html';
import { each, inline, NOTHING, type Part } from './words.ts';

/*
 * Schemas of the document as people read them.
 */

/** The keywords of a JSON schema that are shown. */
export interface Shape {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
  pattern?: string;
  properties?: Record<string, Shape>;
  required?: string[];
  items?: Shape;
  anyOf?: Shape[];
  additionalProperties?: boolean | Shape;
}

/** The name of the component that a reference is to. */
export function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

/** What values a schema takes, in words: `string or null`, `list of ApiKey`. A component is a link to it. */
export function typeOf(shape: Shape): Part {
  if (shape.$ref !== undefined) {
    const name = nameOf(shape.$ref);
    return html`<a href="#${name}">${name}</a>`;
  }
  if (shape.anyOf !== undefined) return joined(shape.anyOf.map(typeOf));
  if (shape.const !== undefined) return html`<code>${JSON.stringify(shape.const)}</code>`;
  if (shape.enum !== undefined) return joined(shape.enum.map((value) => html`<code>${String(value)}</code>`));
  if (shape.items !== undefined) return html`list of ${typeOf(shape.items)}`;
  const types = [shape.type ?? 'any'].flat();
  return html`${types.map((type) => (type === 'string' && shape.format ? shape.format : type)).join(' or ')}`;
}

function joined(parts: readonly Part[]): Part {
  return each(parts, (part, index) => html`${index === 0 ? '' : ' or '}${part}`);
}

/** The bounds of a value, in words; empty where it has none. */
function limitsOf(shape: Shape): string {
  const { minimum, maximum, minLength, maxLength, maxItems } = shape;
  const range = (least: number | undefined, most: number | undefined, unit: string) => {
    if (least === undefined && most === undefined) return [];
    if (most === undefined) return [`from ${least}${unit}`];
    return least === undefined ? [`at most ${most}${unit}`] : [`${least} to ${most}${unit}`];
  };
  return [
    ...range(minimum, maximum, ''),
    ...range(minLength, maxLength, ' characters'),
    ...(maxItems === undefined ? [] : [`at most ${maxItems}`]),
    ...(shape.default === undefined ? [] : [`${JSON.stringify(shape.default)} by default`]),
  ].join('; ');
}

interface Row {
  name: string;
  shape: Shape;
  /** What stands below the name: that it must be there, or may be missing. */
  mark?: string | undefined;
  description: string;
  /** Where it goes, such as `query`. */
  place?: string;
}

/** A table of fields or parameters. */
export function fieldTable(caption: string, rows: readonly Row[]): Part {
  return html`<table class="fields">
<caption>${caption}</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead>
<tbody>${each(
    rows,
    ({ name, shape, mark, description, place }) => html`<tr>
<th scope="row"><code>${name}</code>${mark === undefined ? NOTHING : html` <small>${mark}</small>`}</th>
<td>${typeOf(shape)}${limitsOf(shape) === '' ? NOTHING : html`<small>${limitsOf(shape)}</small>`}</td>
<td>${inline(description)}${place === undefined ? NOTHING : html` <small>in the ${place}</small>`}</td>
</tr>`,
  )}</tbody></table>`;
}

/** Which fields are marked: of a body those that it must have, of an answer those that it may lack. */
export type Side = 'body' | 'answer';

/** The fields of an object; a field without words of its own has those of the component that it refers to. */
export function fieldsOf(shape: Shape, side: Side, caption: string, components: Record<string, Shape>): Part {
  const rows = Object.entries(shape.properties ?? {}).map(([name, field]) => ({
    name,
    shape: field,
    mark: markOf(side, shape.required?.includes(name) ?? false),
    description:
      field.description ?? (field.$ref === undefined ? '' : (components[nameOf(field.$ref)]?.description ?? '')),
  }));
  const nested = rows.flatMap(({ name, shape: field }) => nestedIn(name, field));
  return html`${fieldTable(caption, rows)}${each(nested, (one) => fieldsOf(one.shape, side, one.name, components))}`;
}

function markOf(side: Side, isRequired: boolean): string | undefined {
  if (side === 'body') return isRequired ? 'required' : undefined;
  return isRequired ? undefined : 'may be missing';
}

/** Objects that a field holds and that are no components: they get a table of their own. */
function nestedIn(name: string, field: Shape): { name: string; shape: Shape }[] {
  if (field.properties !== undefined) return [{ name, shape: field }];
  return field.items === undefined ? [] : nestedIn(`${name}[]`, field.items);
}
