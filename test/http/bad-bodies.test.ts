import { beforeAll, describe, expect, test } from 'vitest';
import { type CallOptions, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid, expectTooLarge, expectUnsupported } from '../support/expect-error.ts';
import { EFFECTIVE_BY } from '../support/key-fields.ts';
import { writingNothing } from '../support/stored.ts';

const KIB = 1024;

let keys: RoleKeys;
let putRoute: string;
beforeAll(async () => {
  keys = await deploy();
  putRoute = `PUT /v2/api_keys/${(await createKey(keys.ORG_ADMIN)).id}`;
});

function create(options: CallOptions) {
  return call(keys.ORG_ADMIN, 'POST /v2/api_keys', options);
}

/** A body that is right, filled up with spaces to so many bytes. */
function bodyOf(bytes: number): string {
  return '{"label":"large"}'.padEnd(bytes);
}

/** Sent in pieces of no declared length. */
function streamed(text: string, pieceBytes = KIB): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += pieceBytes) controller.enqueue(bytes.slice(at, at + pieceBytes));
      controller.close();
    },
  });
}

describe.each<[string, () => string]>([
  ['creating', () => 'POST /v2/api_keys'],
  ['changing', () => putRoute],
  ['finding', () => 'POST /v2/api_keys/find'],
])('%s', (_, route) => {
  test.each<[string, unknown]>([
    ['an empty body', ''],
    ['a body of spaces', '  \n '],
    ['an unfinished object', '{"label":"a"'],
    ['a comma too many', '{"label":"a",}'],
    ['single quotes', "{'label':'a'}"],
    ['a name without quotes', '{label:"a"}'],
    ['something after the object', '{"label":"a"} {}'],
    ['a form', 'label=a'],
    ['a word', 'label'],
    ['not a number', '{"label":NaN}'],
    ['a raw line break in a text', '{"label":"a\nb"}'],
    ['very deep nesting, unfinished', '['.repeat(60 * KIB)],
    ['null', 'null'],
    ['a list', '[]'],
    ['a list of an object', '[{"label":"a"}]'],
    ['a text', '"label"'],
    ['a number', '5'],
    ['a truth', 'true'],
    [
      'bytes that are not UTF-8',
      new Uint8Array([...'{"label":"'].map((c) => c.charCodeAt(0)).concat(0xff, 0x22, 0x7d)),
    ],
    ['UTF-16', new Uint8Array(Uint16Array.from('{"label":"a"}', (c) => c.charCodeAt(0)).buffer)],
  ])('answers %s as a wrong body, and writes nothing', async (_, body) => {
    expectInvalid(await writingNothing(() => call(keys.ORG_ADMIN, route(), { body })), ['body']);
  });

  test('answers a missing body as a wrong body', async () => {
    const headers = { 'Content-Type': 'application/json' };
    expectInvalid(await writingNothing(() => call(keys.ORG_ADMIN, route(), { headers })), ['body']);
  });

  test.each([
    'text/plain',
    'text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    'application/vnd.api+json',
    'application/json, text/plain',
    'application/json; charset=iso-8859-1',
    'json',
    '',
  ])('supports no body of type %j', async (type) => {
    const options = { body: '{"label":"a"}', headers: { 'Content-Type': type } };
    expectUnsupported(await writingNothing(() => call(keys.ORG_ADMIN, route(), options)));
  });

  test('supports no body without a type', async () => {
    const options = { body: new TextEncoder().encode('{"label":"a"}'), headers: { 'Content-Type': null } };
    expectUnsupported(await writingNothing(() => call(keys.ORG_ADMIN, route(), options)));
  });

  test('supports no call without body and type', async () => {
    expectUnsupported(await writingNothing(() => call(keys.ORG_ADMIN, route())));
  });

  test('finds 70 KiB of declared length too large', async () => {
    const options = { body: bodyOf(70 * KIB), headers: { 'Content-Length': String(70 * KIB) } };
    expectTooLarge(await writingNothing(() => call(keys.ORG_ADMIN, route(), options)));
  });

  test('finds 70 KiB sent in pieces too large', async () => {
    expectTooLarge(await writingNothing(() => call(keys.ORG_ADMIN, route(), { body: streamed(bodyOf(70 * KIB)) })));
  });
});

test('a body that never ends is too large', async () => {
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(KIB).fill(0x20)) });
  expectTooLarge(await create({ body: endless }));
});

test.each<[string, number, boolean]>([
  ['64 KiB of declared length', 64 * KIB, true],
  ['64 KiB in pieces', 64 * KIB, false],
])('%s are not too large', async (_, bytes, isDeclared) => {
  const text = bodyOf(bytes);
  const options = isDeclared ? { body: text, headers: { 'Content-Length': String(bytes) } } : { body: streamed(text) };
  expect((await create(options)).body).toMatchObject({ label: 'large' });
});

test.each<[string, boolean]>([
  ['of declared length', true],
  ['in pieces', false],
])('one byte more than 64 KiB, %s, is too large', async (_, isDeclared) => {
  const text = bodyOf(64 * KIB + 1);
  const options = isDeclared
    ? { body: text, headers: { 'Content-Length': String(text.length) } }
    : { body: streamed(text) };
  expectTooLarge(await create(options));
});

test('a letter that arrives in two pieces is one letter', async () => {
  expect((await create({ body: streamed('{"label":"clé 🗝"}', 1) })).body).toMatchObject({ label: 'clé 🗝' });
});

test('a body that begins with a byte order mark is read without it', async () => {
  expect((await create({ body: '\ufeff{"label":"marked"}' })).body).toMatchObject({ label: 'marked' });
});

test.each([
  'application/json',
  'application/json; charset=utf-8',
  'application/json;charset=UTF-8',
  'application/json; charset="utf-8"',
  'application/json ; charset=utf-8',
  'Application/JSON',
])('a body of type %j is read', async (type) => {
  const { status, body } = await create({ body: '{"label":"typed"}', headers: { 'Content-Type': type } });
  expect({ status, label: body.label }).toEqual({ status: 201, label: 'typed' });
});

describe('revoking, which takes no body,', () => {
  test.each<[string, unknown]>([
    ['fields', '{"id":3}'],
    ['a list', '[]'],
    ['null', 'null'],
    ['an unfinished object', '{'],
    ['a word', 'please'],
    ['bytes that are not UTF-8', new Uint8Array([0x7b, 0xff, 0x7d])],
  ])('answers %s as a wrong body, and revokes nothing', async (_, body) => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const revoke = () => call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`, { body });
    expectInvalid(await writingNothing(revoke), ['body']);
    expect((await readCurrent(api_key)).id).toBe(id);
  });

  test('finds 70 KiB too large', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const revoke = () => call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`, { body: ' '.repeat(70 * KIB) });
    expectTooLarge(await writingNothing(revoke));
  });

  test.each(['{ }', '{\n}', ' {} '])('takes %j for an empty object', async (body) => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const answer = await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`, { body });
    expect(answer.body).toEqual({ id, status: 'success', effective_by: EFFECTIVE_BY });
  });
});
