import { beforeAll, describe, expect, test } from 'vitest';
import { type CallOptions, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid, expectUnsupported } from '../support/expect-error.ts';
import { writingNothing } from '../support/stored.ts';

/*
 * Calls that take no body, or none that they must have: many clients send none, and some send an empty one of their usual
 * type with every POST.
 */

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const UNTYPED = { 'Content-Type': null };
const bytes = (text: string) => new TextEncoder().encode(text);

describe.each(['revoke', 'pause', 'resume', 'rotate', 'explain'])('POST /v2/api_keys/%s/{id}', (act) => {
  test.each<[string, CallOptions]>([
    ['no body and no type', {}],
    ['a JSON type without a body', { headers: { 'Content-Type': 'application/json' } }],
    ['an empty body of JSON', { body: '' }],
    ['an empty form', { body: '', headers: FORM }],
    ['white space', { body: ' \n' }],
    ['{} of JSON', { body: {} }],
    ['{} declared as a form', { body: '{}', headers: FORM }],
    ['{} of no type', { body: bytes(' { } '), headers: UNTYPED }],
  ])('takes %s', async (_, options) => {
    const { id } = await createKey(keys.ORG_ADMIN);
    expect((await call(keys.ORG_ADMIN, `POST /v2/api_keys/${act}/${id}`, options)).status).toBe(200);
  });

  test.each<[string, CallOptions]>([
    ['a form', { body: 'overlap_seconds=60', headers: FORM }],
    ['an object declared as text', { body: '{"ip":"192.0.2.1"}', headers: { 'Content-Type': 'text/plain' } }],
    ['an object of no type', { body: bytes('{"overlap_seconds":60}'), headers: UNTYPED }],
    ['two empty objects of no type', { body: bytes('{}{}'), headers: UNTYPED }],
    ['bytes that are not UTF-8, of no type', { body: new Uint8Array([0x7b, 0xff, 0x7d]), headers: UNTYPED }],
  ])('does not support %s, and writes nothing', async (_, options) => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const attempt = () => call(keys.ORG_ADMIN, `POST /v2/api_keys/${act}/${id}`, options);
    expectUnsupported(await writingNothing(attempt));
    expect((await readCurrent(api_key)).id).toBe(id);
  });

  test('answers an unfinished object of JSON as a wrong body, and writes nothing', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const attempt = () => call(keys.ORG_ADMIN, `POST /v2/api_keys/${act}/${id}`, { body: '{' });
    expectInvalid(await writingNothing(attempt), ['body']);
  });
});

test('what a body says holds where one comes', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['203.0.113.7'] });
  const asked = await call(keys.ORG_ADMIN, `POST /v2/api_keys/explain/${id}`, { body: { ip: '192.0.2.1' } });
  expect(asked.body.verdict.code).toBe('IP_NOT_ALLOWED');
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { body: { overlap_seconds: 60 } });
  expect((await readCurrent(api_key)).id).toBe(id);
});

test('a rotation without a body leaves the old secret no time', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`);
  expect((await call(api_key, 'GET /v2/api_keys/current')).body.code).toBe('REVOKED');
});
