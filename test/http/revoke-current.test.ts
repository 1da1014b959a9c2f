import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, type CallOptions, call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { eventsOf } from '../support/events.ts';
import { expectForbidden, expectInvalid, expectRateLimited, expectUnauthenticated } from '../support/expect-error.ts';
import { holdBody } from '../support/held-body.ts';
import { openIsolate } from '../support/own-isolate.ts';
import { createPerson, deleteUser, type Person } from '../support/people.ts';
import { alter, countRows, readRows, writingNothing } from '../support/stored.ts';
import { watchDatabase } from '../support/watched-database.ts';

/*
 * Whoever holds a leaked key may end it, with nothing but the key; and no one else who holds it can keep it from that.
 */

const ROUTE = 'POST /v2/api_keys/revoke_current';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

function giveUp(apiKey: string, options: CallOptions = {}): Promise<Answer> {
  return call(apiKey, ROUTE, options);
}

async function codeOf(apiKey: string): Promise<string> {
  const { status, body } = await call(apiKey, 'GET /v2/api_keys/current');
  return status === 200 ? 'VALID' : body.code;
}

function rotate(by: string, id: number, body: unknown): Promise<Answer> {
  return call(by, `POST /v2/api_keys/rotate/${id}`, { body });
}

/** Makes a key and rotates it, for an overlap of an hour. */
async function rotated(by: string): Promise<{ id: number; old: string; fresh: string }> {
  const { id, api_key: old } = await createKey(by);
  const { status, body } = await rotate(by, id, { overlap_seconds: 3600 });
  expect(status).toBe(200);
  return { id, old, fresh: body.api_key };
}

/** A database in which something happens once, just before the first transaction. */
function beforeCommit(act: () => Promise<unknown>): D1Database {
  let isFirst = true;
  return watchDatabase(async () => {
    if (!isFirst) return;
    isFirst = false;
    await act();
  });
}

describe('a key that gives itself up', () => {
  test('is refused from the next call on, and says who revoked it', async () => {
    const { id, api_key } = await createKey(keys.BUSINESS_MANAGER);
    const me = await readCurrent(api_key);
    expect(await giveUp(api_key)).toMatchObject({ status: 200, body: { id, status: 'success' } });
    expect(await codeOf(api_key)).toBe('REVOKED');
    expect(await readKey(keys.BUSINESS_MANAGER, id)).toMatchObject({ status: 'disabled', revoked_by: me.user_id });
  });

  test('answers as revoking does, and a second time it is a revoked key', async () => {
    const [one, other] = [await createKey(keys.ORG_ADMIN), await createKey(keys.ORG_ADMIN)];
    const { body } = await giveUp(one.api_key);
    const byId = await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${other.id}`);
    expect(Object.keys(body)).toEqual(Object.keys(byId.body));
    expectUnauthenticated(await writingNothing(() => giveUp(one.api_key)), 'REVOKED');
  });

  test('needs no permission', async () => {
    const nothing = { has_restricted_permissions: true, permissions: [] };
    const { api_key } = await createKey(keys.ORG_ADMIN, nothing);
    expect((await giveUp(api_key)).status).toBe(200);
    expect(await codeOf(api_key)).toBe('REVOKED');
  });

  test.each(['PROVIDER', 'ORG_MANAGER', 'PUBLISHER'] as const)('may be of a %s', async (role) => {
    const { key } = await createPerson(keys.PROVIDER, role);
    expect((await giveUp(key)).status).toBe(200);
    expect(await codeOf(key)).toBe('REVOKED');
  });

  test('may be a main integration key, and the others of its organisation go on', async () => {
    const [one, other] = [
      await createKey(keys.ORG_ADMIN, { user_type: 'bot' }),
      await createKey(keys.ORG_ADMIN, { user_type: 'bot' }),
    ];
    expect((await giveUp(one.api_key)).status).toBe(200);
    expect([await codeOf(one.api_key), await codeOf(other.api_key)]).toEqual(['REVOKED', 'VALID']);
  });

  test('takes the secret before it along', async () => {
    const { old, fresh } = await rotated(keys.ORG_ADMIN);
    expect((await giveUp(fresh)).status).toBe(200);
    expect([await codeOf(old), await codeOf(fresh)]).toEqual(['REVOKED', 'REVOKED']);
  });

  test('leaves one row in the feed and one event, and no sealed form', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const before = await countRows();
    const { events } = await eventsOf(keys.PROVIDER, () => giveUp(api_key));
    expect(events).toMatchObject([
      { action: 'api_key.revoked', api_key_id: id, actor_api_key_id: id, changes: { disabled: [false, true] } },
    ]);
    expect(await countRows()).toEqual({
      ...before,
      key_changes: Number(before.key_changes) + 1,
      audit_events: Number(before.audit_events) + 1,
    });
    expect(await readRows('SELECT sealed FROM api_key_secrets WHERE key_id = ?', id)).toEqual([{ sealed: null }]);
  });

  test('twenty times at once does so once', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    const { result: answers, events } = await eventsOf(keys.PROVIDER, () =>
      Promise.all(Array.from({ length: 20 }, () => giveUp(api_key))),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) expectUnauthenticated(answer, 'REVOKED');
    expect(events).toMatchObject([{ action: 'api_key.revoked', api_key_id: id }]);
  });

  test('is content with {}, and with nothing else', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN);
    expectInvalid(await writingNothing(() => giveUp(api_key, { body: { overlap_seconds: 60 } })), ['body']);
    expect((await giveUp(api_key, { body: {} })).status).toBe(200);
  });

  test('is judged like any key: expired, or from an address that it may not be used from, it is not', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['192.0.2.1'] });
    expectForbidden(await writingNothing(() => giveUp(api_key)), 'IP_NOT_ALLOWED');
    await alter("UPDATE api_keys SET expiration_date = '2020-01-01' WHERE id = ?", id);
    expectUnauthenticated(await writingNothing(() => giveUp(api_key, { ip: '192.0.2.1' })), 'EXPIRED');
  });
});

describe('a secret in its overlap that gives itself up', () => {
  let id: number;
  let old: string;
  let fresh: string;
  beforeEach(async () => {
    ({ id, old, fresh } = await rotated(keys.ORG_ADMIN));
  });

  test('ends the overlap, and not the key', async () => {
    expect([await codeOf(old), await codeOf(fresh)]).toEqual(['VALID', 'VALID']);
    expect(await giveUp(old)).toMatchObject({ status: 200, body: { id, status: 'success' } });
    expect([await codeOf(old), await codeOf(fresh)]).toEqual(['REVOKED', 'VALID']);
    expect(await readKey(keys.ORG_ADMIN, id)).toMatchObject({ status: 'active', revoked_at: null });
    expectUnauthenticated(await writingNothing(() => giveUp(old)), 'REVOKED');
    // Nothing is left that a rotation could cut off.
    expect((await rotate(fresh, id, { overlap_seconds: 60 })).status).toBe(200);
  });

  test('is on record with an action of its own, and one row in the feed', async () => {
    const before = await countRows();
    const { events } = await eventsOf(keys.PROVIDER, () => giveUp(old));
    expect(events).toMatchObject([
      {
        action: 'api_key.overlap_ended',
        api_key_id: id,
        actor_api_key_id: id,
        changes: { overlap_seconds: [3600, 0] },
      },
    ]);
    expect(await countRows()).toEqual({
      ...before,
      key_changes: Number(before.key_changes) + 1,
      audit_events: Number(before.audit_events) + 1,
    });
    const { body } = await call(keys.ORG_ADMIN, 'GET /v2/audit_events?action=api_key.overlap_ended');
    expect(body.audit_events[0].api_key_id).toBe(id);
  });

  test('at once with others does so once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => giveUp(old)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) expectUnauthenticated(answer, 'REVOKED');
    expect(await codeOf(fresh)).toBe('VALID');
  });

  test('does not revoke its key by id', async () => {
    expectForbidden(await writingNothing(() => call(old, `POST /v2/api_keys/revoke/${id}`)), 'PERMISSION_DENIED');
    expect([await codeOf(old), await codeOf(fresh)]).toEqual(['VALID', 'VALID']);
  });

  test('after the overlap is over gives up nothing', async () => {
    const isolate = openIsolate();
    isolate.now += 3_600_001;
    expect((await writingNothing(() => isolate.call(old, ROUTE))).body.code).toBe('REVOKED');
  });
});

describe('just before the transaction', () => {
  let person: Person;
  beforeEach(async () => {
    person = await createPerson(keys.PROVIDER, 'ORG_ADMIN');
  });

  test.each<[string, () => Promise<unknown>]>([
    [
      'its label is changed',
      () => call(person.key, `PUT /v2/api_keys/${person.keyId}`, { body: { label: 'renamed' } }),
    ],
    [
      'its permissions are taken away',
      () =>
        call(person.key, `PUT /v2/api_keys/${person.keyId}`, {
          body: { has_restricted_permissions: true, permissions: [] },
        }),
    ],
    ['its user is disabled', () => call(keys.PROVIDER, `POST /v2/user/${person.id}`, { body: { disabled: true } })],
    ['its user is demoted', () => call(keys.PROVIDER, `POST /v2/user/${person.id}`, { body: { role: 'PUBLISHER' } })],
  ])('%s, and the key is given up all the same', async (_, change) => {
    const DB = beforeCommit(async () => expect(await change()).toMatchObject({ status: 200 }));
    expect((await giveUp(person.key, { env: { DB } })).status).toBe(200);
    expect((await readKey(keys.PROVIDER, person.keyId)).status).toBe('disabled');
  });

  test('its secret is rotated out with an overlap: that ends, and the key goes on', async () => {
    let fresh = '';
    const DB = beforeCommit(async () => {
      fresh = (await rotate(person.key, person.keyId, { overlap_seconds: 3600 })).body.api_key;
    });
    expect((await giveUp(person.key, { env: { DB } })).status).toBe(200);
    expect([await codeOf(person.key), await codeOf(fresh)]).toEqual(['REVOKED', 'VALID']);
  });

  test('its secret is rotated out without one: the key goes on', async () => {
    let fresh = '';
    const DB = beforeCommit(async () => {
      fresh = (await rotate(person.key, person.keyId, {})).body.api_key;
    });
    expectUnauthenticated(await giveUp(person.key, { env: { DB } }), 'REVOKED');
    expect(await codeOf(fresh)).toBe('VALID');
  });

  test('someone else revokes it: who revoked it first stays', async () => {
    const DB = beforeCommit(() => call(keys.PROVIDER, `POST /v2/api_keys/revoke/${person.keyId}`));
    expectUnauthenticated(await giveUp(person.key, { env: { DB } }), 'REVOKED');
    const { user_id } = await readCurrent(keys.PROVIDER);
    expect((await readKey(keys.PROVIDER, person.keyId)).revoked_by).toBe(user_id);
  });

  test('someone revokes the key of a secret in its overlap: nothing is left to end', async () => {
    expect((await rotate(person.key, person.keyId, { overlap_seconds: 3600 })).status).toBe(200);
    let rows = {};
    const DB = beforeCommit(async () => {
      await call(keys.PROVIDER, `POST /v2/api_keys/revoke/${person.keyId}`);
      rows = await countRows();
    });
    expectUnauthenticated(await giveUp(person.key, { env: { DB } }), 'REVOKED');
    expect(await countRows()).toEqual(rows);
  });

  test('someone pauses the key of a secret in its overlap: the overlap stays, as for any call of a paused key', async () => {
    expect((await rotate(person.key, person.keyId, { overlap_seconds: 3600 })).status).toBe(200);
    const DB = beforeCommit(() => call(keys.PROVIDER, `POST /v2/api_keys/pause/${person.keyId}`));
    expectUnauthenticated(await giveUp(person.key, { env: { DB } }), 'PAUSED');
    expect((await readKey(keys.PROVIDER, person.keyId)).previous_secret).not.toBe(null);
  });

  test('its user is deleted: there is nothing to give up', async () => {
    const DB = beforeCommit(() => deleteUser(keys.PROVIDER, person.id));
    expectUnauthenticated(await giveUp(person.key, { env: { DB } }), 'UNKNOWN_KEY');
  });
});

test('a secret that is rotated out while the body is held back ends its overlap, and not the key', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  let fresh = '';
  const answer = await holdBody(api_key, ROUTE, {}, async () => {
    fresh = (await rotate(keys.ORG_ADMIN, id, { overlap_seconds: 3600 })).body.api_key;
  });
  expect(answer.status).toBe(200);
  expect([await codeOf(api_key), await codeOf(fresh)]).toEqual(['REVOKED', 'VALID']);
});

describe('who else holds the key cannot keep it from being given up', () => {
  test('by changing it again and again', async () => {
    const { id, api_key } = await createKey(keys.BUSINESS_MANAGER);
    let changes = 0;
    const DB = watchDatabase(async () => {
      changes += 1;
      if (changes > 60) return;
      const changed = await call(api_key, `PUT /v2/api_keys/${id}`, { body: { label: `change ${changes}` } });
      expect([200, 401]).toContain(changed.status);
    });
    expect((await giveUp(api_key, { env: { DB } })).status).toBe(200);
    expect(await codeOf(api_key)).toBe('REVOKED');
  });

  /** What is charged, of which each key has as many a minute as given. */
  function limited(most: number): CallOptions {
    const charged = new Map<string, number>();
    const limit = async ({ key }: RateLimitOptions) => {
      charged.set(key, (charged.get(key) ?? 0) + 1);
      return { success: Number(charged.get(key)) <= most };
    };
    return { env: { RATE_LIMIT: 'on', USER_RATE_LIMIT: { limit }, TAKING_AWAY_RATE_LIMIT: { limit } } };
  }

  test('by using up the limits of calls, of what it takes away, and of wrong calls of this', async () => {
    const { api_key } = await createKey(keys.BUSINESS_MANAGER);
    const options = limited(3);
    for (let n = 0; n < 5; n++) {
      await call(api_key, 'GET /v2/permissions', options);
      await call(api_key, 'POST /v2/api_keys/revoke/999999', options);
      await giveUp(api_key, { ...options, body: { wrong: true } });
    }
    expectRateLimited(await call(api_key, 'GET /v2/permissions', options));
    expectRateLimited(await call(api_key, 'POST /v2/api_keys/revoke/999999', options));
    expectRateLimited(await giveUp(api_key, { ...options, body: { wrong: true } }));
    expect((await giveUp(api_key, options)).status).toBe(200);
  });

  test('and the call has a limit all the same', async () => {
    const { api_key } = await createKey(keys.BUSINESS_MANAGER);
    expectRateLimited(await writingNothing(() => giveUp(api_key, limited(0))));
  });
});
