import { html } from 'hono/html';
import type { ApiDocument } from '../http/document/document.ts';
import { type PageFiles, page } from './page.ts';
import { fieldsOf, fieldTable, nameOf, type Shape, type Side, typeOf } from './shapes.ts';
import { each, inline, json, NOTHING, type Part, prose } from './words.ts';

/*
 * The reference of the API for people, made from its document. It is one page, so that the browser's own search finds
 * everything, and it works without its script.
 */

interface Media {
  schema?: Shape;
  example?: unknown;
}

interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  security: unknown[];
  'x-permission'?: string;
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema: Shape }[];
  requestBody?: { required?: boolean; content: Record<string, Media> };
  responses: Record<string, { $ref?: string; description?: string; content?: Record<string, Media> }>;
}

/** The parts of the document that are shown, as JSON has them. */
interface Shown {
  info: { description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, Shape>;
    responses: Record<string, { content?: Record<string, Media> }>;
  };
}

interface Call extends Operation {
  method: string;
  path: string;
}

/** The page `/docs`. */
export function referencePage(document: ApiDocument, files: PageFiles): string {
  const shown: Shown = JSON.parse(JSON.stringify(document));
  const calls = Object.entries(shown.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]): Call => ({ ...operation, method: method.toUpperCase(), path })),
  );
  const groups = shown.tags.map((tag) => ({ ...tag, calls: calls.filter(({ tags }) => tags.includes(tag.name)) }));
  const objects = Object.entries(shown.components.schemas).filter(([name]) => !/(Error|Problem)$/.test(name));
  const bodies = new Set(
    calls.flatMap(({ requestBody }) =>
      Object.values(requestBody?.content ?? {}).map(({ schema }) => nameOf(schema?.$ref ?? '')),
    ),
  );
  return page(files, {
    title: 'API reference',
    here: 'reference',
    content: html`<div class="reference">
<aside>
<form role="search" class="field" data-search hidden>
<label for="search">Search the reference</label>
<input type="search" id="search" autocomplete="off" spellcheck="false" aria-describedby="found">
<p id="found" class="help" role="status"></p>
</form>
<nav aria-label="Calls">${each(
      groups,
      (group) =>
        html`<section data-group><h2 class="label"><a href="#${slug(group.name)}">${group.name}</a></h2><ul>${each(
          group.calls,
          (call) => html`<li data-for="${call.operationId}"><a href="#${call.operationId}">${call.summary}</a></li>`,
        )}</ul></section>`,
    )}<section data-group><h2 class="label"><a href="#objects">Objects</a></h2><ul>${each(
      objects,
      ([name]) => html`<li data-for="${name}"><a href="#${name}">${name}</a></li>`,
    )}</ul></section></nav>
</aside>
<div class="calls">
<div class="head"><div><h1>API reference</h1>${prose(shown.info.description)}</div></div>
${each(
  groups,
  (
    group,
  ) => html`<section class="sect" id="${slug(group.name)}" data-group><h2>${group.name}</h2><p>${inline(group.description)}</p>
${each(group.calls, (call) => callPart(call, shown))}</section>`,
)}
<section class="sect" id="objects" data-group><h2>Objects</h2><p>What bodies and answers are made of. An answer may gain fields.</p>
${each(objects, ([name, shape]) => objectPart(name, shape, bodies.has(name) ? 'body' : 'answer', shown))}</section>
</div>
</div>`,
  });
}

function slug(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-');
}

function callPart(call: Call, shown: Shown): Part {
  const { operationId, method, path, summary, description, parameters = [], requestBody } = call;
  const permission = call['x-permission'];
  return html`<article id="${operationId}" data-entry aria-labelledby="${operationId}-name">
<h3 id="${operationId}-name"><a href="#${operationId}">${summary}</a></h3>
<p class="route"><code><b>${method}</b> ${path}</code></p>
${prose(description)}
<p class="fine">${call.security.length === 0 ? 'Needs no key.' : permission === undefined ? 'Needs a key, and no permission.' : html`Needs <code>${permission}</code>.`}</p>
${
  parameters.length === 0
    ? NOTHING
    : fieldTable(
        'Parameters',
        parameters.map(({ name, schema, required = false, description: meaning = '', in: place }) => ({
          name,
          shape: schema,
          mark: required ? 'required' : undefined,
          description: meaning,
          place,
        })),
      )
}
${requestBody === undefined ? NOTHING : bodyPart(requestBody, shown)}
${answerPart(call)}
${errorsPart(call, shown)}
${tryPart(call)}
</article>`;
}

function bodyPart({ required = false, content }: NonNullable<Operation['requestBody']>, shown: Shown): Part {
  return each(Object.entries(content), ([type, { schema = {}, example }]) => {
    const name = nameOf(schema.$ref ?? '');
    return html`<h4>Body: <a href="#${name}">${name}</a>${required ? NOTHING : html` <small>may be left out</small>`}</h4>
<p class="fine"><code>${type}</code></p>
${fieldsOf(withoutIgnored(shown.components.schemas[name] ?? {}), 'body', 'Fields', shown.components.schemas)}
${example === undefined ? NOTHING : json(example)}`;
  });
}

/** Fields that are accepted and ignored are said in the description of the object, not each by itself. */
function withoutIgnored(shape: Shape): Shape {
  const properties = Object.entries(shape.properties ?? {}).filter(
    ([, field]) => field.type !== undefined || field.$ref || field.anyOf,
  );
  return { ...shape, properties: Object.fromEntries(properties) };
}

function answerPart({ responses }: Call): Part {
  return each(
    Object.entries(responses).filter(([, { $ref }]) => $ref === undefined),
    ([status, { description = '', content = {} }]) =>
      each(
        Object.values(content),
        ({ schema = {}, example }) => html`<h4>Answer: ${status}, ${typeOf(schema)}</h4>
<p>${inline(description)}</p>
<details><summary>Example</summary>${json(example)}</details>`,
      ),
  );
}

function errorsPart({ responses }: Call, shown: Shown): Part {
  const errors = Object.entries(responses).flatMap(([status, { $ref }]) =>
    $ref === undefined ? [] : [{ status, codes: codesOf($ref, shown) }],
  );
  return html`<details><summary>Errors</summary><ul class="errors">${each(
    errors,
    ({ status, codes }) =>
      html`<li><span class="num">${status}</span> ${each(
        codes,
        (code, index) => html`${index === 0 ? '' : ', '}<a href="/docs/errors#${code}"><code>${code}</code></a>`,
      )}</li>`,
  )}</ul></details>`;
}

function codesOf(reference: string, { components }: Shown): string[] {
  const schema = components.responses[nameOf(reference)]?.content?.['application/json']?.schema;
  const { code } = components.schemas[nameOf(schema?.$ref ?? '')]?.properties ?? {};
  return (code?.enum ?? []).map(String);
}

/** A form that makes the call. The script shows it on a local service only: a key has no place in a browser elsewhere. */
function tryPart({ operationId, method, path, summary, parameters = [], requestBody }: Call): Part {
  const [content] = Object.entries(requestBody?.content ?? {});
  const body = content === undefined ? null : { type: content[0], example: content[1].example ?? {} };
  const isForm = body?.type === 'application/x-www-form-urlencoded';
  return html`<details class="try" data-try hidden><summary>Try it</summary>
<form data-method="${method}" data-path="${path}" data-type="${body?.type ?? ''}" aria-label="Try: ${summary}">
${each(
  parameters,
  ({ name, in: place, required = false }) => html`<div class="field"><label for="${operationId}-${name}">${name}</label>
<input id="${operationId}-${name}" name="${name}" data-in="${place}"${required ? html` required` : NOTHING} autocomplete="off"></div>`,
)}
${
  body === null
    ? NOTHING
    : html`<div class="field"><label for="${operationId}-body">Body</label>
<textarea id="${operationId}-body" class="mono" data-body spellcheck="false" rows="6">${
        isForm
          ? new URLSearchParams(body.example as Record<string, string>).toString()
          : JSON.stringify(body.example, null, 2)
      }</textarea></div>`
}
<button class="btn" type="submit">Send</button>
<output></output>
</form></details>`;
}

function objectPart(name: string, shape: Shape, side: Side, shown: Shown): Part {
  const { description = '' } = shape;
  return html`<article id="${name}" data-entry aria-labelledby="${name}-name">
<h3 id="${name}-name"><a href="#${name}">${name}</a></h3>
${description === '' ? NOTHING : prose(description)}
${shape.properties === undefined ? html`<p class="fine">${typeOf(shape)}</p>` : fieldsOf(withoutIgnored(shape), side, 'Fields', shown.components.schemas)}
</article>`;
}
