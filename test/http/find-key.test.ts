import { beforeAll, expect, test } from 'vitest';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectNotFound } from '../support/expect-error.ts';
import { alter } from '../support/stored.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

function find(by: string, apiKey: string) {
  return call(by, 'POST /v2/api_keys/find', { body: { api_key: apiKey } });
}

test('whoever has access to a key finds it by its secret', async () => {
  const { api_key, ...made } = await createKey(keys.BUSINESS_MANAGER, { label: 'lost' });
  for (const by of [keys.BUSINESS_MANAGER, keys.ORG_ADMIN, keys.PROVIDER]) {
    const { status, body } = await find(by, api_key);
    expect(status).toBe(200);
    expect(body).toEqual(made);
  }
});

test('white space around a key is no part of it, as it comes with one that is pasted', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  expect((await find(keys.ORG_ADMIN, `\t ${api_key} \r\n`)).body).toMatchObject({ id });
  expectNotFound(await find(keys.ORG_ADMIN, `${api_key.slice(0, 9)} ${api_key.slice(9)}`));
});

test('a key that does not work any more is found too', async () => {
  const revoked = await createKey(keys.ORG_ADMIN);
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${revoked.id}`);
  expect((await find(keys.ORG_ADMIN, revoked.api_key)).body).toMatchObject({ id: revoked.id, status: 'disabled' });

  const paused = await createKey(keys.ORG_ADMIN);
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/pause/${paused.id}`);
  expect((await find(keys.ORG_ADMIN, paused.api_key)).body).toMatchObject({ id: paused.id, status: 'paused' });

  const expired = await createKey(keys.ORG_ADMIN);
  await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", expired.id);
  expect((await find(keys.ORG_ADMIN, expired.api_key)).body).toMatchObject({ id: expired.id, status: 'expired' });
});

test.each<[string, () => string | Promise<string>]>([
  ['a key that was never made', () => generateApiKey('lk')],
  ['a key of another service', () => generateApiKey('acme')],
  ['no key at all', () => 'lost and found'],
  ['nothing', () => ''],
  ['a mistyped key', async () => (await createKey(keys.ORG_MANAGER)).api_key.replace(/.$/, '!')],
  ['another user’s key', async () => (await createKey(keys.ORG_ADMIN)).api_key],
  ['a main integration key', async () => (await createKey(keys.ORG_ADMIN, { user_type: 'bot' })).api_key],
  ['a key of another organisation', () => keys.PROVIDER],
])('%s is not found by one who has no access to it', async (_, apiKey) => {
  expectNotFound(await find(keys.ORG_MANAGER, await apiKey()));
});
