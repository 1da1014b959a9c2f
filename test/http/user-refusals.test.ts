import { beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { eventsOf } from '../support/events.ts';
import {
  expectForbidden,
  expectInvalid,
  expectNotFound,
  expectOutOfReach,
  expectTooLarge,
  expectUnsupported,
} from '../support/expect-error.ts';
import { createOrganisation, createPerson, createUser, freshEmail, newUser } from '../support/people.ts';
import { writingNothing } from '../support/stored.ts';

/*
 * Users that are not there for the caller, and which of several reasons for a refusal is told.
 */

let keys: RoleKeys;
let userId: string;
beforeAll(async () => {
  keys = await deploy();
  userId = await createUser(keys.ORG_ADMIN, { email: 'Émail@test.example' });
});

describe('as if it did not exist, to the byte, is', () => {
  const NO_ONE = '0123456789abcdef01234567';

  async function expectLikeNoOne(id: string): Promise<void> {
    const body = { first_name: 'Renamed', email: 'x', disabled: true };
    for (const method of ['GET', 'POST', 'DELETE']) {
      const options = method === 'POST' ? { body } : {};
      const [answer, none] = [
        await writingNothing(() => call(keys.ORG_ADMIN, `${method} /v2/user/${id}`, options)),
        await writingNothing(() => call(keys.ORG_ADMIN, `${method} /v2/user/${NO_ONE}`, options)),
      ];
      expectNotFound(answer);
      expect(textOf(answer)).toBe(textOf(none));
      expect([...answer.headers.keys()]).toEqual([...none.headers.keys()]);
    }
  }

  test('a user of another organisation', async () => {
    const id = await createUser(keys.PROVIDER, { org_id: await createOrganisation(keys.PROVIDER) });
    await expectLikeNoOne(id);
  });

  test('the bot user of one’s own organisation', async () => {
    const { user_id } = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    await expectLikeNoOne(user_id);
  });

  test.each([
    ['an id in capitals', () => userId.toUpperCase()],
    ['an id that is too short', () => userId.slice(1)],
    ['an id that is too long', () => `${userId}0`],
    ['no hex number', () => 'first'],
    ['“me” in capitals', () => 'ME'],
  ])('%s', async (_, id) => {
    await expectLikeNoOne(id());
  });

  test('for a PROVIDER, a bot user', async () => {
    const { user_id } = await createKey(keys.ORG_ADMIN, { user_type: 'bot' });
    const path = `/v2/user/${user_id}`;
    expectNotFound(await writingNothing(() => call(keys.PROVIDER, `GET ${path}`)));
    for (const body of [{ role: 'PUBLISHER' }, { disabled: true }]) {
      expectNotFound(await writingNothing(() => call(keys.PROVIDER, `POST ${path}`, { body })));
    }
    expectNotFound(await writingNothing(() => call(keys.PROVIDER, `DELETE ${path}`)));
  });
});

function textOf({ body }: Answer): string {
  return JSON.stringify({ ...body, request_id: 'of this request' });
}

describe('of several things that are wrong, what is told is', () => {
  const NO_ONE = 'POST /v2/user/0123456789abcdef01234567';
  const BINARY = { 'Content-Type': 'application/octet-stream' };

  test('first the permission', async () => {
    const answer = await call(keys.BUSINESS_MANAGER, NO_ONE, { body: '{', headers: BINARY });
    expectForbidden(answer, 'PERMISSION_DENIED');
  });

  test('then the size', async () => {
    expectTooLarge(await call(keys.ORG_ADMIN, NO_ONE, { body: { first_name: 'x'.repeat(70_000) } }));
    const body = newUser({ first_name: 'x'.repeat(70_000) });
    expectTooLarge(await call(keys.ORG_ADMIN, 'POST /v2/user', { body }));
  });

  test('and the type of the body', async () => {
    expectUnsupported(await call(keys.ORG_ADMIN, NO_ONE, { body: '{', headers: BINARY }));
    expectUnsupported(await call(keys.ORG_ADMIN, 'POST /v2/user', { body: '{', headers: BINARY }));
    expectUnsupported(await call(keys.PROVIDER, 'POST /v2/org', { body: '{', headers: BINARY }));
  });

  test('then that it is not there', async () => {
    expectNotFound(await call(keys.ORG_ADMIN, NO_ONE, { body: '{' }));
  });

  test('then the fields', async () => {
    const body = { role: 'PROVIDER', first_name: '' };
    expectInvalid(await call(keys.ORG_ADMIN, `POST /v2/user/${userId}`, { body }), ['first_name']);
  });

  test('then the reach', async () => {
    const body = { role: 'PROVIDER' };
    expectOutOfReach(await call(keys.ORG_ADMIN, `POST /v2/user/${userId}`, { body }), /PROVIDER/);
    const twin = newUser({ role: 'PROVIDER', email: 'émail@test.example' });
    expectOutOfReach(await call(keys.ORG_ADMIN, 'POST /v2/user', { body: twin }), /PROVIDER/);
  });

  test('and last what depends on other users', async () => {
    const twin = newUser({ email: 'émail@test.example' });
    expectInvalid(await call(keys.ORG_ADMIN, 'POST /v2/user', { body: twin }), ['email']);
  });
});

describe('who may not give a role', () => {
  test.each(['PROVIDER', 'ORG_ADMIN'])(
    'does not find out by %s whether an email is taken, and is on record',
    async (role) => {
      const taken = await createPerson(keys.PROVIDER, 'PUBLISHER', await createOrganisation(keys.PROVIDER));
      const tell = async (email: string) => {
        const { result, events } = await eventsOf(keys.PROVIDER, () =>
          call(keys.ORG_MANAGER, 'POST /v2/user', { body: newUser({ role, email }) }),
        );
        const { request_id, ...body } = result.body;
        return { status: result.status, body, actions: events.map(({ action }) => action) };
      };
      expect(await tell(taken.email)).toEqual(await tell(freshEmail()));
      expect(await tell(taken.email)).toMatchObject({ status: 403, actions: ['user.create_refused'] });
    },
  );
});
