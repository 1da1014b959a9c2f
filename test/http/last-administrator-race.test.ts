import { beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { countInOffice, createOrganisation, createPerson } from '../support/people.ts';
import { meetingPlace, watchDatabase } from '../support/watched-database.ts';

/*
 * Two requests that at the same time remove the last two administrators, each counting on the one that the other one
 * removes: one of them goes through.
 */

type Removal = (by: string, id: string, options?: { env: { DB: D1Database } }) => Promise<Answer>;

const WAYS: Record<string, Removal> = {
  demotes: (by, id, options) => call(by, `POST /v2/user/${id}`, { ...options, body: { role: 'PUBLISHER' } }),
  disables: (by, id, options) => call(by, `POST /v2/user/${id}`, { ...options, body: { disabled: true } }),
  deletes: (by, id, options) => call(by, `DELETE /v2/user/${id}`, options),
};
const PAIRS = Object.entries(WAYS).flatMap(([one, first]) =>
  Object.entries(WAYS).map(([other, second]): [string, string, Removal, Removal] => [one, other, first, second]),
);

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

async function twoAdministrators() {
  const orgId = await createOrganisation(keys.PROVIDER);
  const one = await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId);
  const other = await createPerson(keys.PROVIDER, 'ORG_ADMIN', orgId);
  return { orgId, one, other };
}

/** Lets both requests judge before either writes. */
function together(): { env: { DB: D1Database } } {
  const meet = meetingPlace(2);
  return { env: { DB: watchDatabase(meet) } };
}

/** One is done; the other is told that it was the last, or that the caller itself is no longer who may do this. */
function expectOneWinner(answers: Answer[]): void {
  expect(answers.map(({ status }) => status === 200).toSorted()).toEqual([false, true]);
  const loser = answers.find(({ status }) => status !== 200);
  if (loser?.status === 400) expect(Object.values(loser.body.errors.json)).toEqual([expect.stringMatching(/last/)]);
  else expect(loser?.body.code).toMatch(/^(UNKNOWN_KEY|USER_DISABLED|PERMISSION_DENIED)$/);
}

describe('of the last two ORG_ADMINs of an organisation one is left when', () => {
  test.each(PAIRS)('a PROVIDER %s one and at the same time %s the other', async (_, __, first, second) => {
    const { orgId, one, other } = await twoAdministrators();
    const options = together();
    const answers = await Promise.all([
      first(keys.PROVIDER, one.id, options),
      second(keys.PROVIDER, other.id, options),
    ]);
    expectOneWinner(answers);
    expect(await countInOffice('ORG_ADMIN', orgId)).toBe(1);
  });

  test.each(PAIRS)('one %s the other who at the same time %s the one', async (_, __, first, second) => {
    const { orgId, one, other } = await twoAdministrators();
    const options = together();
    const answers = await Promise.all([first(one.key, other.id, options), second(other.key, one.id, options)]);
    expectOneWinner(answers);
    expect(await countInOffice('ORG_ADMIN', orgId)).toBe(1);
  });

  test('many race as they come', async () => {
    for (const [, , first, second] of PAIRS) {
      const { orgId, one, other } = await twoAdministrators();
      const answers = await Promise.all([first(one.key, other.id), second(other.key, one.id)]);
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(await countInOffice('ORG_ADMIN', orgId)).toBe(1);
    }
  });

  test('both step down by themselves', async () => {
    const { orgId, one, other } = await twoAdministrators();
    const options = { ...together(), body: { role: 'ORG_MANAGER' } };
    const answers = await Promise.all([one, other].map(({ key, id }) => call(key, `POST /v2/user/${id}`, options)));
    expectOneWinner(answers);
    expect(await countInOffice('ORG_ADMIN', orgId)).toBe(1);
  });
});

describe('of the last two PROVIDERs of the deployment one is left when', () => {
  /** Whoever is left of them, and a new one. */
  let survivor: string;
  beforeAll(() => {
    survivor = keys.PROVIDER;
  });

  test.each(PAIRS)('one %s the other who at the same time %s the one', async (_, __, first, second) => {
    const one = await readCurrent(survivor);
    const other = await createPerson(survivor, 'PROVIDER');
    expect(await countInOffice('PROVIDER', one.org_id)).toBe(2);
    const options = together();
    const answers = await Promise.all([first(survivor, other.id, options), second(other.key, one.user_id, options)]);
    expectOneWinner(answers);
    expect(await countInOffice('PROVIDER', one.org_id)).toBe(1);
    if (answers[0]?.status !== 200) survivor = other.key;
  });
});
