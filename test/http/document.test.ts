import { expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { compose } from '../../src/compose.ts';
import { ERROR_CODES } from '../../src/http/answers/errors.ts';
import { call } from '../support/client.ts';
import { DOCUMENT, findInBody, findUndocumented, nameIn, OPERATIONS } from '../support/document.ts';

/*
 * The document of the API says what the service has. Every other test of HTTP checks each answer against it.
 */

test('every mounted route is in the document, and every operation of it is mounted', () => {
  const mounted = createApp(compose)
    .routes.filter(({ method, path }) => method !== 'ALL' && !path.startsWith('/console'))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)\{[^/]*\}/g, '{$1}').replace(/\/$/, '')}`);
  const documented = OPERATIONS.map(({ method, template }) => `${method} ${template}`);
  expect(documented.toSorted()).toEqual([...new Set(mounted)].toSorted());
});

test('every operation has an id of its own, and a summary', () => {
  const ids = OPERATIONS.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

const EXAMPLES = OPERATIONS.flatMap(({ operation: { operationId, requestBody, responses } }) =>
  [requestBody?.content, responses[200]?.content, responses[201]?.content].flatMap((content) =>
    Object.values(content ?? {})
      .filter(({ example }) => example !== undefined)
      .map(({ example, schema }): [string, string, unknown] => [operationId, nameIn(schema?.$ref ?? ''), example]),
  ),
);

test.each(EXAMPLES)('the example of %s is a %s', (_, schema, example) => {
  expect(findInBody(example, schema)).toBe(null);
});

test('every operation has an example of its answer', () => {
  const withAnswer = new Set(EXAMPLES.map(([id]) => id));
  expect(OPERATIONS.map(({ operation }) => operation.operationId).filter((id) => !withAnswer.has(id))).toEqual([]);
});

test('every field of a body or an answer has words, and every field that is kept has a type', () => {
  interface Field {
    description?: string;
    $ref?: string;
    properties?: Record<string, Field>;
    items?: Field;
  }
  const components = DOCUMENT.components.schemas as Record<string, Field>;
  const isKept = ({ description = '' }: Field) => !/accepted and (ignored|not kept)/.test(description);
  const findBare = (path: string, { properties = {}, items }: Field): string[] => [
    ...Object.entries(properties).flatMap(([name, field]) => [
      ...((field.description ?? components[nameIn(field.$ref ?? '')]?.description)
        ? []
        : [`${path}.${name}: no words`]),
      ...(isKept(field) && !['type', '$ref', 'anyOf'].some((keyword) => keyword in field)
        ? [`${path}.${name}: no type`]
        : []),
      ...findBare(`${path}.${name}`, field),
    ]),
    ...(items === undefined ? [] : findBare(`${path}[]`, items)),
  ];
  const shown = Object.entries(components).filter(([name]) => !/(Error|Problem)$/.test(name));
  expect(shown.flatMap(([name, schema]) => findBare(name, schema))).toEqual([]);
  expect(shown.filter(([, { description }]) => !description).map(([name]) => name)).toEqual([]);
});

test('every code of an error is one of an operation, but for that of a method that a path lacks', () => {
  const text = JSON.stringify(DOCUMENT.components.schemas);
  const unused = Object.keys(ERROR_CODES).filter((code) => !text.includes(`"${code}"`));
  expect(unused).toEqual(['METHOD_NOT_ALLOWED']);
});

/* The check that other tests rest on finds what is not in the document. */

const REFUSED = { method: 'GET', path: '/v2/permissions', status: 401 };
const REQUEST_ID = '11111111-1111-4111-8111-111111111111';
const HEADERS = { 'X-Request-Id': REQUEST_ID, 'WWW-Authenticate': 'Bearer', 'Content-Type': 'application/json' };
const BODY = { errors: { authentication: 'No.' }, code: 'MISSING_KEY', request_id: REQUEST_ID };

test.each<[string, Partial<typeof REFUSED>, Record<string, string>, object]>([
  ['a status', { status: 418 }, {}, {}],
  ['an operation', { path: '/v2/nothing', status: 200 }, {}, {}],
  ['a media type', {}, { 'Content-Type': 'text/html' }, {}],
  ['a field', {}, {}, { colour: 'red' }],
  ['a code', {}, {}, { code: 'NOT_FOUND' }],
  ['a code of any call', { path: '/v2/nothing' }, {}, { code: 'SURPRISE' }],
  ['a code under this status', { path: '/v2/nothing' }, {}, { code: 'NOT_FOUND' }],
])('%s that is not in the document is found', (_, given, headers, body) => {
  const text = (more: object) => JSON.stringify({ ...BODY, ...more });
  expect(findUndocumented({ ...REFUSED, headers: new Headers(HEADERS), text: text({}) })).toBe(null);
  const changed = { ...REFUSED, ...given, headers: new Headers({ ...HEADERS, ...headers }), text: text(body) };
  expect(findUndocumented(changed)).toMatch(/\S/);
});

test('a header that must be there and is not is found', () => {
  const { 'WWW-Authenticate': _, ...headers } = HEADERS;
  const answer = { ...REFUSED, headers: new Headers(headers), text: JSON.stringify(BODY) };
  expect(findUndocumented(answer)).toMatch(/WWW-Authenticate/);
});

test('an answer that is not in the document fails the test that got it', async () => {
  const app = { fetch: () => Response.json({ surprise: true }) };
  await expect(call(null, 'GET /v2/permissions', { app })).rejects.toThrow(/permissions, 200/);
});
