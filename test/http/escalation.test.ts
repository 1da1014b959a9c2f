import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid, expectOutOfReach } from '../support/expect-error.ts';
import { createUser } from '../support/people.ts';
import { writingNothing } from '../support/stored.ts';

/*
 * The ways in which a key could get at more than it has, by making or changing keys. Each attempt is made twice: by
 * the narrow key, which is refused and leaves nothing behind, and by a key that has what the narrow one lacks, for
 * which it works: so it was the rule that refused, and nothing else about the call.
 */

interface Made {
  id: number;
  api_key: string;
}

interface Attempt {
  route: string;
  body?: Record<string, unknown>;
}

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

async function expectRefusedToTheNarrow(narrow: Made, { route, body }: Attempt, message: RegExp): Promise<void> {
  const options = body === undefined ? {} : { body };
  expectOutOfReach(await writingNothing(() => call(narrow.api_key, route, options)), message);
  expect((await call(keys.ORG_ADMIN, route, options)).status).toBeLessThan(300);
}

function restricted(permissions: readonly string[]) {
  return { has_restricted_permissions: true, permissions };
}

describe('a key with restricted permissions', () => {
  const NARROW: string[] = ['review_read', 'api_key_read', 'api_key_manage'];
  const WIDER: string[] = [...NARROW, 'user_read'];
  const UNRESTRICTED = { has_restricted_permissions: false, permissions: [] };

  let narrow: Made;
  let narrowTwin: Made;
  let wide: Made;
  let wideMain: Made;
  let narrowMain: Made;
  let colleague: string;
  beforeEach(async () => {
    narrow = await createKey(keys.ORG_ADMIN, restricted(NARROW));
    narrowTwin = await createKey(keys.ORG_ADMIN, restricted(NARROW));
    wide = await createKey(keys.ORG_ADMIN);
    wideMain = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    narrowMain = await createKey(keys.ORG_ADMIN, { user_type: 'bot', ...restricted(NARROW) });
    colleague = await createUser(keys.ORG_ADMIN, { role: 'BUSINESS_MANAGER' });
  });

  const create = (fields: object): Attempt => ({ route: 'POST /v2/api_keys', body: { label: 'a key', ...fields } });
  const change = ({ id }: Made, body: Record<string, unknown>): Attempt => ({ route: `PUT /v2/api_keys/${id}`, body });

  const see = ({ id }: Made): Attempt => ({ route: `GET /v2/api_keys/key/${id}` });
  const rotate = ({ id }: Made): Attempt => ({ route: `POST /v2/api_keys/rotate/${id}`, body: {} });

  test.each<[string, () => Attempt, RegExp]>([
    ['makes no unrestricted key', () => create({}), /business_edit/],
    ['makes none with “not restricted” and a harmless list', () => create({ ...UNRESTRICTED }), /business_edit/],
    ['makes none with a wider list', () => create(restricted(WIDER)), /user_read/],
    ['makes no unrestricted main key', () => create({ user_type: 'bot' }), /user_manage/],
    ['makes no main key with a wider list', () => create({ user_type: 'bot', ...restricted(WIDER) }), /user_read/],
    ['makes no unrestricted key for another user', () => create({ user_id: colleague }), /user_read/],
    [
      'makes none with a wider list for another user',
      () => create({ user_id: colleague, ...restricted(WIDER) }),
      /user_read/,
    ],
    [
      'makes none for another user with what that user lacks today',
      () => create({ user_id: colleague, ...restricted([...WIDER, 'user_manage']) }),
      /user_manage/,
    ],
    ['does not widen its own list', () => change(narrow, restricted(WIDER)), /user_read/],
    ['does not lift its own restriction', () => change(narrow, UNRESTRICTED), /business_edit/],
    ['does not widen the list of another own key', () => change(narrowTwin, restricted(WIDER)), /user_read/],
    ['does not lift the restriction of another own key', () => change(narrowTwin, UNRESTRICTED), /business_edit/],
    ['does not widen the list of a main key', () => change(narrowMain, restricted(WIDER)), /user_read/],
    ['does not lift the restriction of a main key', () => change(narrowMain, UNRESTRICTED), /user_manage/],
    ['does not rename a wider key', () => change(wide, { label: 'renamed' }), /business_edit/],
    ['does not open a wider key to all addresses', () => change(wide, { ip_whitelist: [] }), /business_edit/],
    ['does not narrow a wider key to what it has itself', () => change(wide, restricted(NARROW)), /business_edit/],
    ['does not rename a wider main key', () => change(wideMain, { label: 'renamed' }), /user_manage/],
    ['does not narrow a wider main key', () => change(wideMain, restricted(NARROW)), /user_manage/],
    ['does not see a wider key', () => see(wide), /business_edit/],
    ['does not see a wider main key', () => see(wideMain), /user_manage/],
    ['does not rotate a wider key', () => rotate(wide), /business_edit/],
    ['does not rotate a wider main key', () => rotate(wideMain), /user_manage/],
  ])('%s', async (_, attempt, message) => {
    await expectRefusedToTheNarrow(narrow, attempt(), message);
  });

  test.each<[string, () => Attempt, RegExp]>([
    ['makes no unrestricted one', () => create({}), /user_manage/],
    ['makes none with a wider list', () => create(restricted(WIDER)), /user_read/],
    ['makes no unrestricted key for a user', () => create({ user_id: colleague }), /user_read/],
    ['does not lift its own restriction', () => change(narrowMain, UNRESTRICTED), /user_manage/],
    ['does not rename a wider one', () => change(wideMain, { label: 'renamed' }), /user_manage/],
    ['does not see a wider one', () => see(wideMain), /user_manage/],
    ['does not rotate a wider one', () => rotate(wideMain), /user_manage/],
  ])('that is a main key %s', async (_, attempt, message) => {
    await expectRefusedToTheNarrow(narrowMain, attempt(), message);
  });

  test('finds a wider key, but is not shown its secret', async () => {
    const found = await call(narrow.api_key, 'POST /v2/api_keys/find', { body: { api_key: wide.api_key } });
    expect(found.status).toBe(200);
    expect(found.body.id).toBe(wide.id);
    expect(JSON.stringify(found.body)).not.toContain(wide.api_key);
  });

  test('does what it may: makes, changes, sees and rotates keys as narrow as itself, and revokes wider ones', async () => {
    const made = await call(narrow.api_key, 'POST /v2/api_keys', { body: create(restricted(NARROW)).body });
    expect(made.status).toBe(201);
    for (const { route, body } of [
      see(narrowTwin),
      rotate(narrowTwin),
      change(made.body, restricted(['review_read'])),
      change(narrow, { label: 'renamed' }),
    ]) {
      expect((await call(narrow.api_key, route, body === undefined ? {} : { body })).status).toBe(200);
    }
    expect((await call(narrow.api_key, `POST /v2/api_keys/revoke/${wide.id}`)).status).toBe(200);
  });
});

describe('a user', () => {
  test('stores no permission on a key that its role lacks today, for the day when it has it', async () => {
    const hoard = restricted(['api_key_read', 'user_read', 'user_manage']);
    const { id } = await readCurrent(keys.BUSINESS_MANAGER);
    const created = await writingNothing(() =>
      call(keys.BUSINESS_MANAGER, 'POST /v2/api_keys', { body: { label: 'a key', ...hoard } }),
    );
    const changed = await writingNothing(() => call(keys.BUSINESS_MANAGER, `PUT /v2/api_keys/${id}`, { body: hoard }));
    for (const answer of [created, changed]) expectOutOfReach(answer, /user_manage/);
  });
});

test('a list of permissions without what they depend on is refused before reach is asked', async () => {
  const body = { label: 'a key', ...restricted(['review_reply', 'user_manage']) };
  const answer = await writingNothing(() => call(keys.ORG_ADMIN, 'POST /v2/api_keys', { body }));
  expectInvalid(answer, ['permissions.0', 'permissions.1']);
});
