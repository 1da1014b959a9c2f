import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { compose } from '../../src/compose.ts';
import { newIsolate } from '../../src/domain/isolate.ts';
import { type Answer, type CallOptions, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { eventsOf } from '../support/events.ts';
import {
  expectConflict,
  expectForbidden,
  expectInternal,
  expectInvalid,
  expectMismatch,
  expectNotFound,
  expectOutOfReach,
  expectRateLimited,
  expectUnauthenticated,
  expectUnavailable,
  expectUnsupported,
} from '../support/expect-error.ts';
import { changeUser, createPerson, createUser, newUser } from '../support/people.ts';
import { alter, countRows, readRows, writingNothing } from '../support/stored.ts';
import { watchDatabase } from '../support/watched-database.ts';

/*
 * A client that got no answer repeats its call with the same `Idempotency-Key`. What the first call made is not made again,
 * whenever the answer was lost, and the retry gets that answer.
 */

const DAY_MS = 24 * 60 * 60 * 1000;

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

let names = 0;
/** An `Idempotency-Key` that no call has used. */
function fresh(): string {
  names += 1;
  return `retry-${names}`;
}

/** A call that can be repeated, with its `Idempotency-Key`. */
interface Repeatable {
  by: string;
  route: string;
  body: unknown;
  name: string;
}

function send({ by, route, body, name }: Repeatable, options: CallOptions = {}): Promise<Answer> {
  return call(by, route, { body, headers: { 'Idempotency-Key': name }, ...options });
}

function creation(by: string = keys.ORG_ADMIN, body: Record<string, unknown> = {}): Repeatable {
  return { by, route: 'POST /v2/api_keys', body: { label: 'retried', ...body }, name: fresh() };
}

async function rotation(by: string = keys.ORG_ADMIN): Promise<Repeatable> {
  const { id } = await createKey(by);
  return { by, route: `POST /v2/api_keys/rotate/${id}`, body: { overlap_seconds: 0 }, name: fresh() };
}

/** The four calls that make something, each by who may make it. */
const MAKING: [route: string, prepare: () => Promise<Repeatable>][] = [
  ['POST /v2/api_keys', async () => creation()],
  ['POST /v2/api_keys/rotate/:id', () => rotation()],
  ['POST /v2/user', async () => ({ by: keys.ORG_ADMIN, route: 'POST /v2/user', body: newUser(), name: fresh() })],
  ['POST /v2/org', async () => ({ by: keys.PROVIDER, route: 'POST /v2/org', body: { name: 'Next' }, name: fresh() })],
];
/** Those of them that give out a secret. */
const GIVING = MAKING.slice(0, 2);

function isReplay({ headers }: Answer): boolean {
  return headers.get('Idempotent-Replayed') !== null;
}

/** That an answer is the one that was given before, to the last header but those that say which call it was. */
function expectReplay(again: Answer, first: Answer): void {
  expect(again.body).toEqual(first.body);
  expect(again.status).toBe(first.status);
  const { 'x-request-id': id, 'idempotent-replayed': replayed, ...headers } = Object.fromEntries(again.headers);
  const { 'x-request-id': firstId, ...firstHeaders } = Object.fromEntries(first.headers);
  expect(headers).toEqual(firstHeaders);
  expect(replayed).toBe('true');
  expect(id).not.toBe(firstId);
}

function expectDone(answer: Answer): void {
  expect([200, 201]).toContain(answer.status);
  expect(isReplay(answer)).toBe(false);
}

async function newestKept(): Promise<Record<string, unknown>> {
  const [row] = await readRows('SELECT * FROM idempotent_answers ORDER BY rowid DESC LIMIT 1');
  if (row === undefined) throw new Error('No answer is kept');
  return row;
}

/** An isolate in which it is this moment (unix milliseconds). */
function at(moment: number): CallOptions {
  const isolate = newIsolate();
  return { app: createApp((bound, context) => ({ ...compose(bound, context, isolate), now: () => moment })) };
}

function times<Result>(count: number, act: (n: number) => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => act(n)));
}

/** How many more rows each table has than before; only those that have more or fewer. */
async function rowsMadeBy<Result>(
  act: () => Promise<Result>,
): Promise<{ result: Result; rows: Record<string, number> }> {
  const before = await countRows();
  const result = await act();
  const differences = Object.entries(await countRows()).map(
    ([table, count]) => [table, Number(count) - Number(before[table])] as const,
  );
  return { result, rows: Object.fromEntries(differences.filter(([, difference]) => difference !== 0)) };
}

describe.each(MAKING)('%s, repeated with its Idempotency-Key,', (route, prepare) => {
  const makesSecret = GIVING.some(([giving]) => giving === route);

  test('is done once, and answered again as at first', async () => {
    const repeatable = await prepare();
    const first = await send(repeatable);
    expectDone(first);
    const { rows } = await rowsMadeBy(async () => {
      for (let n = 0; n < 3; n++) expectReplay(await send(repeatable), first);
    });
    expect(rows).toEqual(makesSecret ? { audit_events: 3 } : {});
  });

  test('at the same time, is done once, and every call has the one answer', { timeout: 30_000 }, async () => {
    const repeatable = await prepare();
    const { result: answers, rows } = await rowsMadeBy(() => times(20, () => send(repeatable)));
    const [first, ...others] = answers.filter((answer) => !isReplay(answer));
    if (first === undefined) throw new Error('No call acted');
    expectDone(first);
    expect(others).toEqual([]);
    for (const answer of answers.filter(isReplay)) expectReplay(answer, first);
    expect(rows.idempotent_answers).toBe(1);
    expect(rows.key_changes ?? 0).toBe(route === 'POST /v2/org' ? 0 : 1);
    expect(rows.audit_events).toBe(makesSecret ? 20 : 1);
  });

  test('just after it was asked whether it was done, is done once', async () => {
    const repeatable = await prepare();
    let first: Answer | undefined;
    const DB = afterReading('"idempotent_answers"', async () => {
      first ??= await send(repeatable);
    });
    const { result: again, rows } = await rowsMadeBy(() => send(repeatable, { env: { DB } }));
    if (first === undefined) throw new Error('It was not asked');
    expectDone(first);
    expectReplay(again, first);
    expect(rows.idempotent_answers).toBe(1);
  });

  test('is done each time without one', async () => {
    const { by, route, body } = await prepare();
    const { rows } = await rowsMadeBy(async () => {
      expectDone(await call(by, route, { body }));
      const again = await call(by, route, { body });
      // Only the email of a user is taken.
      if (route === 'POST /v2/user') expectInvalid(again, ['email']);
      else expectDone(again);
    });
    expect(rows.idempotent_answers).toBeUndefined();
  });

  test('but with another body, is refused', async () => {
    const repeatable = await prepare();
    const first = await send(repeatable);
    const other = {
      'POST /v2/api_keys': { label: 'another' },
      'POST /v2/api_keys/rotate/:id': { overlap_seconds: 60 },
      'POST /v2/user': newUser(),
      'POST /v2/org': { name: 'Another' },
    }[route];
    await writingNothing(async () => {
      expectMismatch(await send({ ...repeatable, body: other }));
      // What is written otherwise is another body as well.
      expectMismatch(await send({ ...repeatable, body: `${JSON.stringify(repeatable.body)} ` }));
    });
    expectReplay(await send(repeatable), first);
  });

  test('is another call by another calling key', async () => {
    const repeatable = await prepare();
    expectDone(await send(repeatable));
    const { api_key } = await createKey(repeatable.by);
    const again = await send({ ...repeatable, by: api_key });
    expect(isReplay(again)).toBe(false);
    if (route === 'POST /v2/user') expectInvalid(again, ['email']);
    else expectDone(again);
  });

  test('is done anew after 24 hours, and not before', async () => {
    const repeatable = await prepare();
    const first = await send(repeatable);
    const done = Number((await newestKept()).at);
    expectReplay(await send(repeatable, at(done + DAY_MS - 1)), first);
    const { result: again, rows } = await rowsMadeBy(() => send(repeatable, at(done + DAY_MS)));
    expect(rows.idempotent_answers).toBeUndefined();
    if (route === 'POST /v2/user') return expectInvalid(again, ['email']);
    expectDone(again);
    expect(again.body).not.toEqual(first.body);
    // The new answer is kept in place of the old one.
    expectReplay(await send(repeatable, at(done + DAY_MS)), again);
  });

  test('was done although its answer was lost: the retry has that answer', async () => {
    const repeatable = await prepare();
    const { result: lost, rows } = await rowsMadeBy(() => send(repeatable, { env: { DB: losingAnswers() } }));
    expectUnavailable(lost);
    expect(rows.idempotent_answers).toBe(1);
    const { result: again, rows: more } = await rowsMadeBy(() => send(repeatable));
    expect([200, 201]).toContain(again.status);
    expect(isReplay(again)).toBe(true);
    expect(more).toEqual(makesSecret ? { audit_events: 1 } : {});
    if (makesSecret) expect((await readCurrent(again.body.api_key)).id).toBe(again.body.id);
  });

  test('was not done because its transaction failed: the retry does it', async () => {
    const repeatable = await prepare();
    const DB = watchDatabase(() => {
      throw new Error('D1_ERROR: Network connection lost.');
    });
    await writingNothing(async () => expectUnavailable(await send(repeatable, { env: { DB } })));
    const again = await send(repeatable);
    expectDone(again);
    expectReplay(await send(repeatable), again);
  });

  test('was not done because its last statement failed: the retry does it', async () => {
    const repeatable = await prepare();
    await readRows(`
      CREATE TRIGGER no_answers BEFORE INSERT ON idempotent_answers BEGIN SELECT RAISE(ABORT, 'full'); END`);
    await writingNothing(async () => expectInternal(await send(repeatable)));
    await readRows('DROP TRIGGER no_answers');
    expectDone(await send(repeatable));
  });

  test.each([
    ['too long', 'x'.repeat(256)],
    ['with a space', 'an order'],
    ['not ASCII', 'é'],
    ['empty', ''],
    ['a control character', 'a\tb'],
  ])('is a 400 with one that is %s', async (_, name) => {
    const repeatable = await prepare();
    await writingNothing(async () => expectInvalid(await send({ ...repeatable, name }), ['Idempotency-Key']));
  });

  test('is done with one of 255 characters of any visible kind', async () => {
    const visible = Array.from({ length: 0x7e - 0x20 }, (_, n) => String.fromCharCode(0x21 + n)).join('');
    const repeatable = { ...(await prepare()), name: visible.repeat(3).slice(0, 250) + fresh().slice(-5) };
    const first = await send(repeatable);
    expectDone(first);
    expectReplay(await send(repeatable), first);
  });
});

/** A database that does what it is asked to, and whose answer is lost on the way. */
function losingAnswers(): D1Database {
  return new Proxy(env.DB, {
    get(database, name) {
      if (name === 'batch') {
        return async (statements: D1PreparedStatement[]) => {
          await database.batch(statements);
          throw new Error('D1_ERROR: Network connection lost.');
        };
      }
      const value: unknown = Reflect.get(database, name);
      return typeof value === 'function' ? value.bind(database) : value;
    },
  });
}

/** A database with something that happens after each query of a table, before its answer is here. */
function afterReading(table: string, act: () => Promise<void>): D1Database {
  const watched = (statement: D1PreparedStatement): D1PreparedStatement =>
    new Proxy(statement, {
      get(target, name) {
        if (name === 'bind') return (...values: unknown[]) => watched(target.bind(...values));
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return async (...given: unknown[]) => {
          const answer: unknown = await value.apply(target, given);
          await act();
          return answer;
        };
      },
    });
  return new Proxy(env.DB, {
    get(database, name) {
      if (name === 'prepare') {
        return (query: string) => {
          const statement = database.prepare(query);
          return query.startsWith('select') && query.includes(table) ? watched(statement) : statement;
        };
      }
      const value: unknown = Reflect.get(database, name);
      return typeof value === 'function' ? value.bind(database) : value;
    },
  });
}

test('two hundred retries of one creation at once make one key', { timeout: 60_000 }, async () => {
  const repeatable = creation();
  const { result: answers, rows } = await rowsMadeBy(() => times(200, () => send(repeatable)));
  const [first, ...others] = answers.filter((answer) => !isReplay(answer));
  if (first === undefined) throw new Error('No call acted');
  expect(others).toEqual([]);
  expect(first.status).toBe(201);
  for (const answer of answers.filter(isReplay)) expectReplay(answer, first);
  // One event of the creation, and one for each further time that the secret left.
  expect(rows).toEqual({
    api_keys: 1,
    api_key_secrets: 1,
    key_changes: 1,
    audit_events: 200,
    idempotent_answers: 1,
  });
  expect((await readCurrent(first.body.api_key)).id).toBe(first.body.id);
});

describe('one Idempotency-Key of one calling key', () => {
  test('names one call, whatever the call', async () => {
    const made = creation();
    expectDone(await send(made));
    expectMismatch(await send({ ...(await rotation()), name: made.name }));
    expectMismatch(await send({ ...made, route: 'POST /v2/user', body: newUser() }));
    const rotated = await rotation();
    expectDone(await send(rotated));
    expectMismatch(await send({ ...rotated, route: (await rotation()).route }));
  });

  test('names a rotation without a body and with an empty one alike', async () => {
    const rotated = await rotation();
    const first = await send({ ...rotated, body: undefined });
    expectDone(first);
    for (const body of ['', '{}', ' { } ']) expectReplay(await send({ ...rotated, body }), first);
  });

  test('names one rotation with an overlap, which no twin of it ends', { timeout: 30_000 }, async () => {
    const twins = { ...(await rotation()), body: { overlap_seconds: 60 } };
    const answers = await times(20, () => send(twins));
    const [first, ...others] = answers.filter((answer) => !isReplay(answer));
    if (first === undefined) throw new Error('No call acted');
    expectDone(first);
    expect(others).toEqual([]);
    for (const answer of answers.filter(isReplay)) expectReplay(answer, first);

    // One that is committed between the reads of the other.
    for (const table of ['"idempotent_answers"', 'max(']) {
      const rotated = { ...(await rotation()), body: { overlap_seconds: 60 } };
      let twin: Answer | undefined;
      const DB = afterReading(table, async () => {
        twin ??= await send(rotated);
      });
      const again = await send(rotated, { env: { DB } });
      if (twin === undefined) throw new Error('It was not asked');
      expectReplay(again, twin);
    }
  });

  test('is not used up by calls that were refused', async () => {
    const made = creation();
    expectInvalid(await send({ ...made, body: { label: '' } }), ['label']);
    expectInvalid(await send({ ...made, body: { label: 'a', expiration_date: '2020-01-01' } }), ['expiration_date']);
    expectUnsupported(await send(made, { headers: { 'Idempotency-Key': made.name, 'Content-Type': 'text/plain' } }));
    const narrow = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['203.0.113.7'] });
    const wide = { ...creation(narrow.api_key), name: made.name };
    expectOutOfReach(await send(wide), /addresses/);
    expectDone(await send({ ...wide, body: { label: 'a', ip_whitelist: ['203.0.113.7'] } }));
    expectDone(await send(made));

    const taken = newUser();
    const user = { by: keys.ORG_ADMIN, route: 'POST /v2/user', body: taken, name: fresh() };
    await createUser(keys.ORG_ADMIN, taken);
    expectInvalid(await send(user), ['email']);
    expectDone(await send({ ...user, body: newUser() }));
  });

  test('is looked at after what the path names, and before the body', async () => {
    const nowhere = { by: keys.ORG_ADMIN, route: 'POST /v2/api_keys/rotate/999999', body: {}, name: 'an order' };
    expectNotFound(await send(nowhere));
    expectForbidden(await send({ ...creation(keys.PUBLISHER), name: 'an order' }), 'PERMISSION_DENIED');
    expectUnauthenticated(await call(null, 'POST /v2/api_keys', { headers: { 'Idempotency-Key': '' } }), 'MISSING_KEY');
  });

  test('of another use is told after all that is wrong with the call itself', async () => {
    const user: Repeatable = { by: keys.ORG_ADMIN, route: 'POST /v2/user', body: newUser(), name: fresh() };
    expectDone(await send(user));
    const { id } = await createKey(keys.ORG_ADMIN);
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
    const rotate = { ...user, route: `POST /v2/api_keys/rotate/${id}`, body: {} };
    expectInvalid(await send(rotate), ['disabled']);
    const foreign = await createKey(keys.BUSINESS_MANAGER);
    expectOutOfReach(await send({ ...rotate, route: `POST /v2/api_keys/rotate/${foreign.id}` }), /another user/i);
    expectInvalid(
      await send({ ...user, route: 'POST /v2/api_keys', body: { label: 'a', expiration_date: '2020-01-01' } }),
      ['expiration_date'],
    );
  });
});

test('calls that make nothing take no notice of an Idempotency-Key, whatever it is', async () => {
  for (const name of [fresh(), 'an order']) {
    const [{ id }, other] = [await createKey(keys.ORG_ADMIN), await createKey(keys.ORG_ADMIN)];
    for (const label of ['once', 'twice']) {
      const changed = await send({ by: keys.ORG_ADMIN, route: `PUT /v2/api_keys/${id}`, body: { label }, name });
      expect(changed.body.label).toBe(label);
      expectDone(changed);
    }
    for (const revoked of [id, other.id]) {
      const answer = await send({ by: keys.ORG_ADMIN, route: `POST /v2/api_keys/revoke/${revoked}`, body: {}, name });
      expect(answer.body).toMatchObject({ id: revoked, status: 'success' });
      expectDone(answer);
    }
  }
});

describe.each(GIVING)('a retry of %s', (_, prepare) => {
  test.each([
    ['rotated', (id: number) => call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { body: {} })],
    [
      'rotated, within its overlap,',
      (id: number) => call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { body: { overlap_seconds: 60 } }),
    ],
    ['revoked', (id: number) => call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`)],
    ['left without a seal', (id: number) => alter('UPDATE api_key_secrets SET sealed = NULL WHERE key_id = ?', id)],
  ])('whose secret was %s since is told so, and gets no other', async (_, lose) => {
    const repeatable = await prepare();
    const { body } = await send(repeatable);
    await lose(body.id);
    const again = await writingNothing(() => send(repeatable));
    expectConflict(again, 'IDEMPOTENCY_GONE');
    // To repeat the call would not help.
    expect(again.body.errors.json).toMatch(/a new Idempotency-Key/);
  });

  test('is answered as at first, although the key was changed since', async () => {
    const repeatable = await prepare();
    const first = await send(repeatable);
    const change = { label: 'renamed', ip_whitelist: ['203.0.113.0/24'], description: 'changed' };
    expect((await call(repeatable.by, `PUT /v2/api_keys/${first.body.id}`, { body: change })).status).toBe(200);
    await env.USAGE_DB.prepare('INSERT INTO usage_last VALUES (?, ?)').bind(first.body.id, Date.now()).run();
    expectReplay(await send(repeatable), first);
  });

  test('is on record as a look at the secret, before it leaves', async () => {
    const repeatable = await prepare();
    const { id } = (await send(repeatable)).body;
    const { events } = await eventsOf(keys.PROVIDER, () => send(repeatable, { ip: '198.51.100.9' }));
    expect(events).toMatchObject([{ action: 'api_key.seen', api_key_id: id, client_ip: '198.51.100.9' }]);

    await readRows(`
      CREATE TRIGGER no_looks BEFORE INSERT ON audit_events WHEN NEW.action = 'api_key.seen'
      BEGIN SELECT RAISE(ABORT, 'the log is full'); END`);
    const unrecorded = await send(repeatable);
    await readRows('DROP TRIGGER no_looks');
    expectInternal(unrecorded);
  });

  test('is refused to a caller that loses its rights just before the look', async () => {
    const { key, keyId } = await createPerson(keys.PROVIDER, 'ORG_ADMIN', (await readCurrent(keys.ORG_ADMIN)).org_id);
    const { id } = await createKey(key, { user_type: 'bot' });
    const repeatable = { by: key, route: `POST /v2/api_keys/rotate/${id}`, body: {}, name: fresh() };
    expectDone(await send(repeatable));
    let isRevoked = false;
    const DB = watchDatabase(async () => {
      if (isRevoked) return;
      isRevoked = true;
      expect((await call(keys.PROVIDER, `POST /v2/api_keys/revoke/${keyId}`)).status).toBe(200);
    });
    expectUnauthenticated(await send(repeatable, { env: { DB } }), 'REVOKED');
  });
});

test('a retry across a deployment has the first answer, which a Worker kept that knew of no pauses', async () => {
  const repeatable = creation();
  const first = await send(repeatable);
  const unknown = ['pausedAt', 'pausedBy'].flatMap((name) => [`'$[0].${name}'`, `'$[1].${name}'`]);
  const { id } = await newestKept();
  await alter(`UPDATE idempotent_answers SET answer = json_remove(answer, ${unknown}) WHERE id = ?`, String(id));
  expect(String((await newestKept()).answer)).not.toContain('paused');
  expectReplay(await send(repeatable), first);
});

test('secrets that leave by retries are limited with those that are seen', async () => {
  const { id: userId, key } = await createPerson(keys.PROVIDER, 'BUSINESS_MANAGER');
  const LIMITED: CallOptions = { env: { SECRETS_RATE_LIMIT: env.SECRETS_RATE_LIMIT } };
  const repeatable = creation(key);
  const first = await send(repeatable, LIMITED);
  expectDone(first);
  // A minute of the counter may end on the way, but not two.
  const answers = [];
  for (let n = 0; n < 30; n++) answers.push(await send(repeatable, LIMITED));
  for (const answer of answers.slice(0, 10)) expectReplay(answer, first);
  const allowed = answers.filter(({ status }) => status === 201);
  expect(allowed.length).toBeLessThanOrEqual(20);
  for (const answer of answers.filter(({ status }) => status !== 201)) expectRateLimited(answer);
  const seen = "SELECT count(*) AS n FROM audit_events WHERE action = 'api_key.seen' AND actor_user_id = ?";
  expect(await readRows(seen, userId)).toEqual([{ n: allowed.length }]);
});

describe('a retry is judged as if it were the first call:', () => {
  const NARROW = { has_restricted_permissions: true, permissions: ['api_key_read', 'api_key_manage'] };

  test('who lost the permission gets no answer', async () => {
    const { key, keyId } = await createPerson(keys.PROVIDER, 'BUSINESS_MANAGER');
    const repeatable = creation(key, NARROW);
    expectDone(await send(repeatable));
    const body = { has_restricted_permissions: true, permissions: ['api_key_read'] };
    expect((await call(key, `PUT /v2/api_keys/${keyId}`, { body })).status).toBe(200);
    expectForbidden(await send(repeatable), 'PERMISSION_DENIED');
  });

  test('who lost the reach that the call needs gets no answer, and is on record', async () => {
    const { key, keyId } = await createPerson(keys.PROVIDER, 'BUSINESS_MANAGER');
    const repeatable = creation(key);
    expectDone(await send(repeatable));
    expect((await call(key, `PUT /v2/api_keys/${keyId}`, { body: NARROW })).status).toBe(200);
    const { result, events } = await eventsOf(keys.PROVIDER, () => send(repeatable));
    expectOutOfReach(result, /permissions/);
    expect(events).toMatchObject([{ action: 'api_key.create_refused', actor_api_key_id: keyId }]);
  });

  test('whose key has since become wider than the caller gets no answer, and is on record', async () => {
    const { key } = await createPerson(keys.PROVIDER, 'BUSINESS_MANAGER');
    const narrow = await createKey(key, NARROW);
    const repeatable = creation(narrow.api_key, NARROW);
    const first = await send(repeatable);
    expectReplay(await send(repeatable), first);
    const widening = { body: { has_restricted_permissions: false, permissions: [] } };
    expect((await call(key, `PUT /v2/api_keys/${first.body.id}`, widening)).status).toBe(200);
    const { result, events } = await eventsOf(keys.PROVIDER, () => send(repeatable));
    expectOutOfReach(result, /permissions/);
    expect(events).toMatchObject([{ action: 'api_key.see_refused', api_key_id: first.body.id }]);
  });

  test('a rotation whose key has since become wider than the caller gives out nothing', async () => {
    const { key } = await createPerson(keys.PROVIDER, 'BUSINESS_MANAGER');
    const narrow = await createKey(key, NARROW);
    const { id } = await createKey(key, NARROW);
    const repeatable = { by: narrow.api_key, route: `POST /v2/api_keys/rotate/${id}`, body: {}, name: fresh() };
    const first = await send(repeatable);
    expectReplay(await send(repeatable), first);
    const widening = { body: { has_restricted_permissions: false, permissions: [] } };
    expect((await call(key, `PUT /v2/api_keys/${id}`, widening)).status).toBe(200);
    expectOutOfReach(await send(repeatable), /permissions/);
  });

  test('a key that was made for another user is given out to its maker only while that may make it', async () => {
    const maker = await createPerson(keys.PROVIDER, 'ORG_ADMIN', (await readCurrent(keys.ORG_ADMIN)).org_id);
    const userId = await createUser(maker.key, { role: 'BUSINESS_MANAGER' });
    const repeatable = creation(maker.key, { user_id: userId });
    const first = await send(repeatable);
    expectReplay(await send(repeatable), first);
    await changeUser(keys.PROVIDER, maker.id, { role: 'ORG_MANAGER' });
    expectOutOfReach(await send(repeatable), /ORG_ADMIN/);
  });

  test('who may no longer make users or organisations gets no answer', async () => {
    const person = await createPerson(keys.PROVIDER, 'PROVIDER');
    const user: Repeatable = {
      by: person.key,
      route: 'POST /v2/user',
      body: newUser({ role: 'ORG_ADMIN' }),
      name: fresh(),
    };
    const organisation: Repeatable = { by: person.key, route: 'POST /v2/org', body: { name: 'Next' }, name: fresh() };
    expectDone(await send(user));
    expectDone(await send(organisation));
    await changeUser(keys.PROVIDER, person.id, { role: 'ORG_MANAGER' });
    expectOutOfReach(await send(user), /role/);
    expectOutOfReach(await send(organisation), /PROVIDER/);
  });

  test('what was right on the day of the call is no reason to refuse its retry on the next', async () => {
    const evening = Date.UTC(2031, 4, 5, 23);
    const repeatable = creation(keys.ORG_ADMIN, { expiration_date: '2031-05-06' });
    const first = await send(repeatable, at(evening));
    expectDone(first);
    expectReplay(await send(repeatable, at(evening + 2 * 60 * 60 * 1000)), first);
    // A new call of that day is refused, as ever.
    const anew = { ...repeatable, name: fresh() };
    expectInvalid(await send(anew, at(evening + 2 * 60 * 60 * 1000)), ['expiration_date']);
  });
});

describe('a key that rotated itself', () => {
  test('learns nothing by its old secret, and the answer by its new one', async () => {
    const { id, api_key } = await createKey(keys.ORG_ADMIN);
    for (const [overlap_seconds, expectRefusal] of [
      [60, (answer: Answer) => expectOutOfReach(answer, /new one/)],
      [0, (answer: Answer) => expectUnauthenticated(answer, 'REVOKED')],
    ] as const) {
      const old = overlap_seconds === 60 ? api_key : (await createKey(keys.ORG_ADMIN)).api_key;
      const { id: own } = await readCurrent(old);
      const repeatable = {
        by: old,
        route: `POST /v2/api_keys/rotate/${own}`,
        body: { overlap_seconds },
        name: fresh(),
      };
      const first = await send(repeatable);
      expectDone(first);
      expectRefusal(await send(repeatable));
      expectReplay(await send({ ...repeatable, by: first.body.api_key }), first);
    }
    expect((await readCurrent(api_key)).id).toBe(id);
  });
});

test('what is kept for retries has no secret in it, nor the Idempotency-Key', async () => {
  const secrets: string[] = [];
  const sent: string[] = [];
  for (const [, prepare] of MAKING) {
    const repeatable = { ...(await prepare()), name: `${fresh()}-of-the-shop` };
    const { body } = await send(repeatable);
    sent.push(repeatable.name);
    if (body.api_key !== undefined) secrets.push(body.api_key);
  }
  const [sealed] = await readRows('SELECT sealed FROM api_key_secrets WHERE sealed IS NOT NULL ORDER BY rowid DESC');
  const text = JSON.stringify(await readRows('SELECT * FROM idempotent_answers'));
  expect(secrets).toHaveLength(2);
  const written = [...secrets, ...secrets.map((secret) => secret.slice(3, -6)), ...sent, String(sealed?.sealed)];
  expect(written.filter((it) => text.includes(it))).toEqual([]);
  expect(text).not.toMatch(/[a-z][a-z0-9]{1,15}_[0-9A-Za-z]{49}/);
});
