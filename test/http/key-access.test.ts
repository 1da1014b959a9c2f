import { beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectNotFound } from '../support/expect-error.ts';
import { EFFECTIVE_BY } from '../support/key-fields.ts';
import { writingNothing } from '../support/stored.ts';

/*
 * Which keys a caller may know of. What lies outside answers like what does not exist, to the byte.
 */

const NOWHERE = 999_999;

let keys: RoleKeys;
const ids = { personal: 0, main: 0, foreignPersonal: 0, foreignMain: 0 };
beforeAll(async () => {
  keys = await deploy();
  ids.personal = (await createKey(keys.BUSINESS_MANAGER, { label: 'personal' })).id;
  ids.main = (await createKey(keys.ORG_ADMIN, { label: 'main', user_type: 'bot' })).id;
  ids.foreignPersonal = (await createKey(keys.PROVIDER, { label: 'foreign personal' })).id;
  ids.foreignMain = (await createKey(keys.PROVIDER, { label: 'foreign main', user_type: 'bot' })).id;
});

/** All that a client can see of an answer, but for what is new in each. */
function visible({ status, headers, body }: Answer) {
  const { 'x-request-id': _, ...others } = Object.fromEntries(headers);
  return { status, headers: others, text: JSON.stringify({ ...body, request_id: '' }) };
}

const ROUTES: [string, (id: number) => string, unknown][] = [
  ['read', (id) => `GET /v2/api_keys/${id}`, undefined],
  ['changed', (id) => `PUT /v2/api_keys/${id}`, { label: 'taken over' }],
  ['revoked', (id) => `POST /v2/api_keys/revoke/${id}`, undefined],
];

type Case = ['ORG_ADMIN' | 'ORG_MANAGER' | 'GROUP_MANAGER', keyof typeof ids];

describe.each<Case>([
  ['ORG_MANAGER', 'personal'],
  ['ORG_MANAGER', 'main'],
  ['GROUP_MANAGER', 'personal'],
  ['GROUP_MANAGER', 'main'],
  ['ORG_MANAGER', 'foreignPersonal'],
  ['ORG_ADMIN', 'foreignPersonal'],
  ['ORG_ADMIN', 'foreignMain'],
])('to another %s, a key that is %s', (role, which) => {
  test.each(ROUTES)('cannot be %s, like one that does not exist', async (_, route, body) => {
    const there = await writingNothing(() => call(keys[role], route(ids[which]), { body }));
    expectNotFound(there);
    expect(visible(there)).toEqual(visible(await call(keys[role], route(NOWHERE), { body })));
  });
});

describe('a main integration key', () => {
  test('has access to the keys of its organisation, as an ORG_ADMIN has', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    expect((await call(api_key, `GET /v2/api_keys/${ids.personal}`)).status).toBe(200);
    expectNotFound(await call(api_key, `GET /v2/api_keys/${ids.foreignPersonal}`));
    expectNotFound(await call(api_key, `GET /v2/api_keys/${ids.foreignMain}`));
  });
});

test.each<['PROVIDER' | 'ORG_ADMIN', keyof typeof ids]>([
  ['ORG_ADMIN', 'personal'],
  ['ORG_ADMIN', 'main'],
  ['PROVIDER', 'personal'],
  ['PROVIDER', 'main'],
])('a %s reads and revokes a key that is %s', async (role, which) => {
  const { user_id } = await readCurrent(keys.PUBLISHER);
  const { id } = await createKey(keys.ORG_ADMIN, which === 'main' ? { user_type: 'bot' } : { user_id });
  expect((await call(keys[role], `GET /v2/api_keys/${id}`)).body.id).toBe(id);
  expect((await call(keys[role], `POST /v2/api_keys/revoke/${id}`)).body).toEqual({
    id,
    status: 'success',
    effective_by: EFFECTIVE_BY,
  });
});

describe('a list', () => {
  async function labelsFor(by: string): Promise<string[]> {
    const { body } = await call(by, 'GET /v2/api_keys?per_page=100');
    return body.api_keys.map((key: { label: string }) => key.label);
  }

  test('shows a user its own keys only', async () => {
    const { user_id } = await readCurrent(keys.ORG_MANAGER);
    const { body } = await call(keys.ORG_MANAGER, 'GET /v2/api_keys?per_page=100');
    expect(body.count).toBeGreaterThan(0);
    expect(body.api_keys.filter((key: { user_id: string }) => key.user_id !== user_id)).toEqual([]);
    expect(await labelsFor(keys.GROUP_MANAGER)).not.toContain('personal');
  });

  test('shows a user no main integration keys, whatever it asks for', async () => {
    const { body } = await call(keys.ORG_MANAGER, 'GET /v2/api_keys?type=bot');
    expect(body).toMatchObject({ count: 0, api_keys: [] });
  });

  test('shows an ORG_ADMIN every key of its organisation, and none of another', async () => {
    const labels = await labelsFor(keys.ORG_ADMIN);
    expect(labels).toEqual(expect.arrayContaining(['personal', 'main', 'Demo key of the publisher']));
    expect(labels.filter((label) => label.startsWith('foreign'))).toEqual([]);
  });

  test('shows a main integration key what an ORG_ADMIN sees', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    expect(await labelsFor(api_key)).toEqual(await labelsFor(keys.ORG_ADMIN));
  });
});

describe('a user whom the caller may not know of', () => {
  async function answerFor(userId: string) {
    return call(keys.ORG_ADMIN, 'POST /v2/api_keys', { body: { label: 'a key', user_id: userId } });
  }

  test('of another organisation, gets no key, like one that does not exist', async () => {
    const { user_id } = await readCurrent(keys.PROVIDER);
    const answer = await writingNothing(() => answerFor(user_id));
    expectNotFound(answer);
    expect(visible(answer)).toEqual(visible(await answerFor('0'.repeat(24))));
  });

  test('that is a bot, gets no key by its id', async () => {
    const { user_id } = await call(keys.ORG_ADMIN, `GET /v2/api_keys/${ids.main}`).then(({ body }) => body);
    expectNotFound(await writingNothing(() => answerFor(user_id)));
  });
});

test('an organisation that does not exist gets no main integration key', async () => {
  const body = { label: 'a key', user_type: 'bot', org_id: NOWHERE };
  expectNotFound(await writingNothing(() => call(keys.PROVIDER, 'POST /v2/api_keys', { body })));
});
