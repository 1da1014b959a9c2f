import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid, expectOutOfReach, expectUnauthenticated } from '../support/expect-error.ts';
import { holdBody } from '../support/held-body.ts';
import { TIMESTAMP } from '../support/key-fields.ts';
import { NARROW_KEYS } from '../support/narrow-keys.ts';
import { type OwnIsolate, openIsolate } from '../support/own-isolate.ts';
import { changeUser, createPerson } from '../support/people.ts';
import { alter, readRows } from '../support/stored.ts';
import { watchDatabase } from '../support/watched-database.ts';

/*
 * The overlap of a rotation, seen and changed: `previous_secret`, and `POST /api_keys/overlap/{id}`.
 */

const HOUR = 3600;
const DAY_MS = 24 * HOUR * 1000;

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

interface Rotated {
  id: number;
  old: { secret: string; hint: string };
  secret: string;
  answer: Answer['body'];
}

/** A key within the overlap of a rotation. */
async function rotatedKey(by: string, fields: Record<string, unknown> = {}, seconds = HOUR): Promise<Rotated> {
  const made = await createKey(by, fields);
  const { status, body } = await call(by, `POST /v2/api_keys/rotate/${made.id}`, {
    body: { overlap_seconds: seconds },
  });
  expect(status).toBe(200);
  return { id: made.id, old: { secret: made.api_key, hint: made.key_hint }, secret: body.api_key, answer: body };
}

function changeOverlap(by: string, id: number, seconds: number): Promise<Answer> {
  return call(by, `POST /v2/api_keys/overlap/${id}`, { body: { overlap_seconds: seconds } });
}

/** Seconds from now to a timestamp of an answer. */
function secondsTo(timestamp: string): number {
  return (Date.parse(timestamp.replace(' ', 'T').replace(/\+00$/, 'Z')) - Date.now()) / 1000;
}

/** Whether a secret is let in by an isolate that has to ask. */
async function works(secret: string, isolate: OwnIsolate = openIsolate()): Promise<boolean> {
  const answer = await isolate.call(secret, 'GET /v2/api_keys/current');
  if (answer.status !== 200) expectUnauthenticated(answer, 'REVOKED');
  return answer.status === 200;
}

describe('previous_secret', () => {
  test('is null for a key that has one secret, new or rotated without an overlap', async () => {
    const made = await createKey(keys.ORG_ADMIN);
    expect(made.previous_secret).toBe(null);
    expect((await readKey(keys.ORG_ADMIN, made.id)).previous_secret).toBe(null);
    const { answer, id } = await rotatedKey(keys.ORG_ADMIN, {}, 0);
    expect(answer.previous_secret).toBe(null);
    expect((await readKey(keys.ORG_ADMIN, id)).previous_secret).toBe(null);
  });

  test('is the secret that goes, in every answer that has the key', async () => {
    const { id, old, secret, answer } = await rotatedKey(keys.ORG_ADMIN);
    const expected = { hint: old.hint, retires_at: expect.stringMatching(TIMESTAMP), last_used_at: null };
    expect(answer.previous_secret).toEqual(expected);
    expect(answer.key_hint).not.toBe(old.hint);
    const { body: listed } = await call(keys.ORG_ADMIN, 'GET /v2/api_keys?per_page=100');
    const ofList = listed.api_keys.find((key: { id: number }) => key.id === id);
    const found = await call(keys.ORG_ADMIN, 'POST /v2/api_keys/find', { body: { api_key: secret } });
    const changed = await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: { label: 'renamed' } });
    const read = await readKey(keys.ORG_ADMIN, id);
    for (const key of [ofList, found.body, changed.body, read]) {
      expect(key.previous_secret).toEqual(answer.previous_secret);
    }
    expect(secondsTo(read.previous_secret.retires_at)).toBeGreaterThan(HOUR - 60);
    expect(secondsTo(read.previous_secret.retires_at)).toBeLessThanOrEqual(HOUR);
    // What was read can be put back.
    expect((await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { body: read })).status).toBe(200);
  });

  test('is null once the overlap is over, or the key was revoked', async () => {
    const over = await rotatedKey(keys.ORG_ADMIN);
    const isolate = openIsolate();
    isolate.now += HOUR * 1000 + 1;
    const { body } = await isolate.call(keys.ORG_ADMIN, `GET /v2/api_keys/${over.id}`);
    expect(body.previous_secret).toBe(null);
    const revoked = await rotatedKey(keys.ORG_ADMIN);
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${revoked.id}`);
    expect((await readKey(keys.ORG_ADMIN, revoked.id)).previous_secret).toBe(null);
  });

  test('of many keys is read by two queries, whatever there is of older secrets', async () => {
    const person = await createPerson(keys.PROVIDER, 'ORG_MANAGER', (await readCurrent(keys.ORG_ADMIN)).org_id);
    const made: Rotated[] = [];
    for (let n = 0; n < 5; n++) made.push(await rotatedKey(person.key));
    const insert = env.DB.prepare(
      'INSERT INTO api_key_secrets (hash, key_id, created_at, retires_at) VALUES (?, ?, ?, ?)',
    );
    for (const { id } of made) {
      await env.DB.batch(Array.from({ length: 200 }, (_, n) => insert.bind(`${id} ${n}`, id, n, n)));
    }
    let read = 0;
    const count = async (route: string) => {
      read = 0;
      const answer = await call(person.key, route, { env: { DB: countingRows((rows) => (read += rows)) } });
      expect(answer.status).toBe(200);
      return answer.body;
    };
    const { api_keys } = await count('GET /v2/api_keys');
    expect(api_keys.map((key: Answer['body']) => key.previous_secret?.hint ?? null)).toEqual([
      ...made.map(({ old }) => old.hint).toReversed(),
      null,
    ]);
    expect(read).toBeLessThan(100);
  });

  test('is what the first answer said, for a retry of the rotation', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const headers = { 'Idempotency-Key': 'a-rotation' };
    const rotate = () =>
      call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { body: { overlap_seconds: 60 }, headers });
    const first = await rotate();
    const again = await rotate();
    expect(again.headers.get('Idempotent-Replayed')).toBe('true');
    expect(first.body.previous_secret).not.toBe(null);
    expect(again.body).toEqual(first.body);
  });
});

/** The database, with a call back for the rows that each query reads. */
function countingRows(onRead: (rows: number) => void): D1Database {
  const count = <Result>(result: Result): Result => {
    const meta: unknown = (result as { meta?: unknown } | null)?.meta;
    if (typeof meta === 'object' && meta !== null && 'rows_read' in meta) onRead(Number(meta.rows_read));
    return result;
  };
  const watched = <Target extends object>(target: Target): Target =>
    new Proxy(target, {
      get(_, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...given: unknown[]) => {
          const own = given.map((one) => (Array.isArray(one) ? one.map(unwrap) : one));
          const answer: unknown = value.apply(target, own);
          if (answer instanceof Promise)
            return answer.then((result) => (Array.isArray(result) ? result.map(count) : count(result)));
          if (typeof answer !== 'object' || answer === null) return answer;
          const proxy = watched(answer);
          originals.set(proxy, answer);
          return proxy;
        };
      },
    });
  const originals = new WeakMap<object, object>();
  const unwrap = (one: unknown) => (typeof one === 'object' && one !== null ? (originals.get(one) ?? one) : one);
  return watched(env.DB);
}

describe('an overlap', () => {
  test('is ended at once: exactly the old secret is refused, everywhere', async () => {
    const { id, old, secret } = await rotatedKey(keys.ORG_ADMIN);
    const elsewhere = openIsolate();
    expect([await works(old.secret, elsewhere), await works(secret, elsewhere)]).toEqual([true, true]);
    const ended = await changeOverlap(keys.ORG_ADMIN, id, 0);
    expect(ended).toMatchObject({ status: 200, body: { id, previous_secret: null, status: 'active' } });
    expect(secondsTo(ended.body.effective_by.normally)).toBeLessThanOrEqual(30);
    expect([await works(old.secret), await works(secret)]).toEqual([false, true]);
    // Past the bound, where the old secret is in memory too.
    elsewhere.now += 31_000;
    expect([await works(old.secret, elsewhere), await works(secret, elsewhere)]).toEqual([false, true]);
  });

  test('is given longer, up to 30 days from now, where the old secret is known too', async () => {
    const { id, old, secret } = await rotatedKey(keys.ORG_ADMIN, {}, 60);
    const elsewhere = openIsolate();
    expect(await works(old.secret, elsewhere)).toBe(true);
    const longer = await changeOverlap(keys.ORG_ADMIN, id, 30 * 24 * HOUR);
    expect(longer.status).toBe(200);
    expect(longer.body.previous_secret).toMatchObject({ hint: old.hint });
    expect(secondsTo(longer.body.previous_secret.retires_at)).toBeGreaterThan(30 * 24 * HOUR - 60);
    // From then on nothing lets the old secret in.
    expect(longer.body.effective_by.normally).toBe(longer.body.previous_secret.retires_at);
    elsewhere.now += 29 * DAY_MS;
    expect([await works(old.secret, elsewhere), await works(secret, elsewhere)]).toEqual([true, true]);
    elsewhere.now += DAY_MS + 60_000;
    expect([await works(old.secret, elsewhere), await works(secret, elsewhere)]).toEqual([false, true]);
  });

  test('is made shorter', async () => {
    const { id, old } = await rotatedKey(keys.ORG_ADMIN);
    const { body } = await changeOverlap(keys.ORG_ADMIN, id, 60);
    expect(secondsTo(body.previous_secret.retires_at)).toBeLessThanOrEqual(60);
    expect(await works(old.secret)).toBe(true);
  });

  test('never goes beyond the expiry of the key', async () => {
    const tomorrow = new Date(Date.now() + DAY_MS).toISOString().slice(0, 10);
    const { id } = await rotatedKey(keys.ORG_ADMIN, { expiration_date: tomorrow }, 60);
    const { body } = await changeOverlap(keys.ORG_ADMIN, id, 30 * 24 * HOUR);
    expect(body.previous_secret.retires_at).toBe(`${tomorrow} 00:00:00.000000+00`);
  });

  test('that lasts as long as the key stays as it is when it is given longer, or as long, again', async () => {
    const tomorrow = new Date(Date.now() + DAY_MS).toISOString().slice(0, 10);
    const { id, old, answer } = await rotatedKey(keys.ORG_ADMIN, { expiration_date: tomorrow }, 30 * 24 * HOUR);
    const before = await readRows('SELECT * FROM audit_events WHERE api_key_id = ?', id);
    const again = await changeOverlap(keys.ORG_ADMIN, id, 30 * 24 * HOUR);
    expect(again).toMatchObject({ status: 200, body: { id, previous_secret: answer.previous_secret } });
    expect(again.body.effective_by.normally).toBe(answer.previous_secret.retires_at);
    expect(await readRows('SELECT * FROM audit_events WHERE api_key_id = ?', id)).toEqual(before);
    // Nothing of that keeps it from being ended.
    expect((await changeOverlap(keys.ORG_ADMIN, id, 0)).status).toBe(200);
    expect(await works(old.secret)).toBe(false);
  });

  test.each<[string, () => Promise<number>]>([
    ['never was', async () => (await createKey(keys.ORG_ADMIN)).id],
    [
      'was ended',
      async () => {
        const { id } = await rotatedKey(keys.ORG_ADMIN);
        await changeOverlap(keys.ORG_ADMIN, id, 0);
        return id;
      },
    ],
    [
      'is that of a revoked key',
      async () => {
        const { id } = await rotatedKey(keys.ORG_ADMIN);
        await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`);
        return id;
      },
    ],
  ])('that %s is a 400, whether it is to end or to go on', async (_, make) => {
    const id = await make();
    const before = await readRows('SELECT hash, retires_at FROM api_key_secrets WHERE key_id = ?', id);
    for (const seconds of [0, 60]) expectInvalid(await changeOverlap(keys.ORG_ADMIN, id, seconds), ['overlap_seconds']);
    expect(await readRows('SELECT hash, retires_at FROM api_key_secrets WHERE key_id = ?', id)).toEqual(before);
  });

  test.each<[string, unknown, string[]]>([
    ['nothing', {}, ['overlap_seconds']],
    ['less than 0', { overlap_seconds: -1 }, ['overlap_seconds']],
    ['more than 30 days', { overlap_seconds: 2_592_001 }, ['overlap_seconds']],
    ['part of a second', { overlap_seconds: 0.5 }, ['overlap_seconds']],
    ['text', { overlap_seconds: '0' }, ['overlap_seconds']],
    ['what it does not know', { overlap_seconds: 0, end_previous: true }, ['end_previous']],
  ])('is left alone by a body with %s', async (_, body, fields) => {
    const { id, old } = await rotatedKey(keys.ORG_ADMIN);
    expectInvalid(await call(keys.ORG_ADMIN, `POST /v2/api_keys/overlap/${id}`, { body }), fields);
    expect(await works(old.secret)).toBe(true);
  });

  test('is changed on record', async () => {
    const { id } = await rotatedKey(keys.ORG_ADMIN);
    await changeOverlap(keys.ORG_ADMIN, id, 2 * HOUR);
    await changeOverlap(keys.ORG_ADMIN, id, 0);
    const { body } = await call(keys.ORG_ADMIN, `GET /v2/audit_events?api_key_id=${id}`);
    expect(body.audit_events.slice(0, 2)).toMatchObject([
      { action: 'api_key.overlap_ended', api_key_id: id, changes: { overlap_seconds: [expect.any(Number), 0] } },
      { action: 'api_key.overlap_changed', api_key_id: id, changes: { overlap_seconds: [HOUR, 2 * HOUR] } },
    ]);
  });

  test('is not changed by the old secret itself, which may only give itself up', async () => {
    const { id, old } = await rotatedKey(keys.ORG_ADMIN);
    for (const seconds of [0, 30 * 24 * HOUR]) {
      expectOutOfReach(await changeOverlap(old.secret, id, seconds), /replaced/);
    }
    expect(secondsTo((await readKey(keys.ORG_ADMIN, id)).previous_secret.retires_at)).toBeLessThanOrEqual(HOUR);
    expect((await call(old.secret, 'POST /v2/api_keys/revoke_current')).status).toBe(200);
    expect((await readKey(keys.ORG_ADMIN, id)).previous_secret).toBe(null);
  });

  test.each(NARROW_KEYS)(
    'is given longer by no key with %s that the key is beyond, but ended',
    async (_, fields, message) => {
      const { id, old } = await rotatedKey(keys.ORG_ADMIN);
      const narrow = await createKey(keys.ORG_ADMIN, fields);
      expectOutOfReach(await changeOverlap(narrow.api_key, id, 2 * HOUR), message);
      expect(await works(old.secret)).toBe(true);
      // An end takes rights away, whoever asks for it.
      expect((await changeOverlap(narrow.api_key, id, 60)).status).toBe(200);
      expect((await changeOverlap(narrow.api_key, id, 0)).status).toBe(200);
      expect(await works(old.secret)).toBe(false);
    },
  );

  test('of a key of a PROVIDER is ended by PROVIDER only', async () => {
    const provider = await createPerson(keys.PROVIDER, 'PROVIDER');
    const admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN');
    const { id, old } = await rotatedKey(provider.key);
    expectOutOfReach(await changeOverlap(admin.key, id, 0), /PROVIDER/);
    expect(await works(old.secret)).toBe(true);
    expect((await changeOverlap(keys.PROVIDER, id, 0)).status).toBe(200);
    expect(await works(old.secret)).toBe(false);
  });
});

describe('just before the transaction', () => {
  async function changeWhile(meanwhile: (rotated: Rotated) => Promise<unknown>, seconds: number, once = true) {
    const rotated = await rotatedKey(keys.ORG_ADMIN, { user_type: 'bot' });
    let times = 0;
    const DB = watchDatabase(async () => {
      if (once && times > 0) return;
      times += 1;
      if (times > 50) return;
      await meanwhile(rotated);
    });
    const answer = await call(keys.ORG_ADMIN, `POST /v2/api_keys/overlap/${rotated.id}`, {
      body: { overlap_seconds: seconds },
      env: { DB },
    });
    expect(times).toBeGreaterThan(0);
    return { answer, rotated };
  }

  test('the overlap is ended by someone else: it does not come back', async () => {
    const { answer, rotated } = await changeWhile(({ id }) => changeOverlap(keys.ORG_ADMIN, id, 0), 2 * HOUR);
    expectInvalid(answer, ['overlap_seconds']);
    expect(await works(rotated.old.secret)).toBe(false);
  });

  test('the key is revoked: nothing is done', async () => {
    const { answer } = await changeWhile(({ id }) => call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${id}`), 2 * HOUR);
    expectInvalid(answer, ['overlap_seconds']);
  });

  test('the user of the key is made PROVIDER: its end is for PROVIDER only', async () => {
    const admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN');
    const user = await createPerson(keys.PROVIDER, 'ORG_MANAGER');
    const { id, old } = await rotatedKey(user.key);
    let isFirst = true;
    const DB = watchDatabase(async () => {
      if (!isFirst) return;
      isFirst = false;
      await changeUser(keys.PROVIDER, user.id, { role: 'PROVIDER' });
    });
    const body = { overlap_seconds: 0 };
    const refused = await call(admin.key, `POST /v2/api_keys/overlap/${id}`, { body, env: { DB } });
    expect(isFirst).toBe(false);
    expectOutOfReach(refused, /PROVIDER only/);
    expect(await works(old.secret)).toBe(true);
  });

  test('the key is widened beyond the caller: it is not given longer', async () => {
    const both = { has_restricted_permissions: true, permissions: ['api_key_read', 'api_key_manage'] };
    const narrow = await createKey(keys.ORG_ADMIN, both);
    const { id, old } = await rotatedKey(keys.ORG_ADMIN, { ...both, user_type: 'bot' }, 60);
    let isFirst = true;
    const DB = watchDatabase(async () => {
      if (!isFirst) return;
      isFirst = false;
      await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, {
        body: { has_restricted_permissions: false, permissions: [] },
      });
    });
    const body = { overlap_seconds: 2 * HOUR };
    const answer = await call(narrow.api_key, `POST /v2/api_keys/overlap/${id}`, { body, env: { DB } });
    expect(isFirst).toBe(false);
    expect(answer.status).toBe(403);
    const [row] = await readRows('SELECT max(retires_at) AS at FROM api_key_secrets WHERE key_id = ?', id);
    expect(Number(row?.at)).toBeLessThan(Date.now() + HOUR * 1000);
    expect(await works(old.secret)).toBe(true);
  });

  test('whoever holds the key changes it again and again: that does not hold off its end', async () => {
    const rename = ({ id, secret }: Rotated) =>
      call(secret, `PUT /v2/api_keys/${id}`, { body: { label: crypto.randomUUID() } });
    const { answer, rotated } = await changeWhile(rename, 0, false);
    expect(answer.status).toBe(200);
    expect(await works(rotated.old.secret)).toBe(false);
  });
});

test('a caller that is revoked while its body is held back ends no overlap', async () => {
  const { id, old } = await rotatedKey(keys.ORG_ADMIN);
  const caller = await createKey(keys.ORG_ADMIN);
  const route = `POST /v2/api_keys/overlap/${id}`;
  const answer = await holdBody(caller.api_key, route, { overlap_seconds: 0 }, async () => {
    await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${caller.id}`);
  });
  expectUnauthenticated(answer, 'REVOKED');
  expect(await works(old.secret)).toBe(true);
});

test('the migration gives secrets in their overlap the hint that the log has', async () => {
  const { id, old } = await rotatedKey(keys.ORG_ADMIN);
  const other = await rotatedKey(keys.ORG_ADMIN);
  await alter('UPDATE api_key_secrets SET hint = NULL WHERE key_id IN (?, ?)', id, other.id);
  const [, statement = ''] = MIGRATION.split(/-- Of the secrets[^\n]*\n/);
  await env.DB.prepare(statement).run();
  for (const one of [{ id, old }, other]) {
    expect((await readKey(keys.ORG_ADMIN, one.id)).previous_secret.hint).toBe(one.old.hint);
  }
});

const [MIGRATION = ''] = Object.values(
  import.meta.glob<string>('../../migrations/0007_*.sql', { eager: true, import: 'default', query: '?raw' }),
);
