import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, type CallOptions, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { type Location, openLocation } from '../support/location.ts';
import { createPerson, createUser } from '../support/people.ts';
import { readRows } from '../support/stored.ts';

/*
 * What an answer says of when its change holds: counted from the clock after the transaction returned, however long that
 * took.
 */

const BOUND_S = 20;
const GRACE_S = 100;
const SETTINGS: Partial<Env> = { MAX_STALENESS_SECONDS: String(BOUND_S), OUTAGE_GRACE_SECONDS: String(GRACE_S) };
const TOOK_MS = 1_700;

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

let here: Location;
beforeEach(() => {
  here = openLocation(SETTINGS);
});

/** A database whose transactions take their time. */
function slow(location: Location): D1Database {
  return new Proxy(env.DB, {
    get(database, name) {
      if (name === 'batch') {
        return async (statements: D1PreparedStatement[]) => {
          const answers = await database.batch(statements);
          location.clock.now += TOOK_MS;
          return answers;
        };
      }
      const value: unknown = Reflect.get(database, name);
      return typeof value === 'function' ? value.bind(database) : value;
    },
  });
}

function make(route: string, options: CallOptions = {}, by = keys.PROVIDER): Promise<Answer> {
  return here.call(by, route, { ...options, env: { DB: slow(here), ...options.env } });
}

function stamp(moment: number): string {
  return new Date(moment).toISOString().replace('T', ' ').replace('Z', '000+00');
}

function holdsAfter(seconds: number, inAnOutage: number, from = here.clock.now) {
  return { normally: stamp(from + seconds * 1000), in_an_outage: stamp(from + inAnOutage * 1000) };
}

const CHANGES: [
  route: string,
  status: number,
  prepare: () => Promise<{ path: string; body?: unknown; by?: string }>,
][] = [
  ['POST /v2/api_keys', 201, async () => ({ path: '', body: { label: 'new' } })],
  ['PUT /v2/api_keys', 200, async () => ({ path: `/${await aKey()}`, body: { label: 'changed' } })],
  ['POST /v2/api_keys/revoke', 200, async () => ({ path: `/${await aKey()}` })],
  ['POST /v2/api_keys/revoke_current', 200, async () => ({ path: '', by: (await createKey(keys.PROVIDER)).api_key })],
  ['POST /v2/api_keys/pause', 200, async () => ({ path: `/${await aKey()}` })],
  ['POST /v2/api_keys/resume', 200, async () => ({ path: `/${await aPausedKey()}` })],
  ['POST /v2/api_keys/rotate', 200, async () => ({ path: `/${await aKey()}` })],
  ['POST /v2/user', 200, async () => ({ path: `/${await aUser()}`, body: { first_name: 'Other' } })],
  ['POST /v2/user', 200, async () => ({ path: `/${await aUser()}`, body: { disabled: true } })],
  ['DELETE /v2/user', 200, async () => ({ path: `/${await aUser()}` })],
];

const aUser = () => createUser(keys.PROVIDER, { role: 'PUBLISHER' });

async function aKey(): Promise<number> {
  return (await createKey(keys.PROVIDER)).id;
}

async function aPausedKey(): Promise<number> {
  const id = await aKey();
  await make(`POST /v2/api_keys/pause/${id}`);
  return id;
}

test.each(CHANGES)('%s says by when it holds', async (route, expected, prepare) => {
  const { path, body, by } = await prepare();
  const before = here.clock.now;
  const { status, body: answer } = await make(`${route}${path}`, body === undefined ? {} : { body }, by);
  expect(status).toBe(expected);
  expect(here.clock.now).toBe(before + TOOK_MS);
  expect(answer.effective_by).toEqual(holdsAfter(BOUND_S, GRACE_S));
});

test('with a bound of 0 a change holds from when its transaction returned', async () => {
  here = openLocation({ ...SETTINGS, MAX_STALENESS_SECONDS: '0' });
  expect((await make(`POST /v2/api_keys/revoke/${await aKey()}`)).body.effective_by).toEqual(holdsAfter(0, 0));
});

test.each([
  ['revoke', aKey],
  ['pause', aKey],
  ['resume', aPausedKey],
])('%s, again, counts from that answer: nothing earlier is certain', async (act, prepare) => {
  const route = `POST /v2/api_keys/${act}/${await prepare()}`;
  await make(route);
  await here.pass(3_600_000);
  expect((await make(route)).body.effective_by).toEqual(holdsAfter(BOUND_S, GRACE_S));
});

describe('a rotation', () => {
  test.each<[string, number, [number, number]]>([
    ['shorter than the bound', 5, [BOUND_S, GRACE_S]],
    ['longer than the bound', 60, [60 - TOOK_MS / 1000, GRACE_S]],
    ['longer than the grace', 3600, [3600 - TOOK_MS / 1000, 3600 - TOOK_MS / 1000]],
  ])(
    'with an overlap %s holds when the old secret has ended everywhere',
    async (_, overlap, [normally, inAnOutage]) => {
      const body = { overlap_seconds: overlap };
      const answer = await make(`POST /v2/api_keys/rotate/${await aKey()}`, { body });
      expect(answer.body.effective_by).toEqual(holdsAfter(normally, inAnOutage));
    },
  );
});

test('what takes nothing away and changes nothing says it too', async () => {
  const id = await aKey();
  const { body } = await make(`PUT /v2/api_keys/${id}`, { body: {} });
  expect(body.effective_by).toEqual(holdsAfter(BOUND_S, GRACE_S));
  const user = await createPerson(keys.PROVIDER, 'PUBLISHER');
  const same = await make(`POST /v2/user/${user.id}`, { body: { first_name: 'First' } });
  expect(same.body.effective_by).toEqual(holdsAfter(BOUND_S, GRACE_S));
});

describe.each(['POST /v2/api_keys', 'POST /v2/api_keys/rotate'])('%s, repeated with its Idempotency-Key,', (route) => {
  let names = 0;

  async function prepare(): Promise<(options?: CallOptions) => Promise<Answer>> {
    names += 1;
    const headers = { 'Idempotency-Key': `${route} ${names}`.replaceAll(' ', '-') };
    const [path, body] = route.endsWith('rotate')
      ? [`/${await aKey()}`, { overlap_seconds: 50 }]
      : ['', { label: 'new' }];
    return (options = {}) => make(`${route}${path}`, { body, headers, ...options });
  }

  test('says what the first answer said, also when the settings are others by now', async () => {
    const send = await prepare();
    const first = await send();
    await here.pass(3_600_000);
    const again = await send();
    expect(again.headers.get('Idempotent-Replayed')).toBe('true');
    expect(again.body).toEqual(first.body);
    expect((await send({ env: { MAX_STALENESS_SECONDS: '29' } })).body).toEqual(first.body);
  });

  test('says what the first answer that left said, where the one before it was lost', async () => {
    const send = await prepare();
    expect((await send({ env: { DB: losing() } })).status).toBe(503);
    await here.pass(3_600_000);
    const first = await send();
    // The secret was looked at, and then the answer left.
    expect(first.body.effective_by).toEqual(holdsAfter(BOUND_S, GRACE_S));
    await here.pass(60_000);
    expect((await send()).body).toEqual(first.body);
  });

  test('says the same in both answers, where the retry is answered before the first call', async () => {
    const send = await prepare();
    let retried: Answer | undefined;
    const DB = new Proxy(env.DB, {
      get(database, name) {
        if (name === 'batch') {
          return async (statements: D1PreparedStatement[]) => {
            const answers = await database.batch(statements);
            retried ??= await send({ env: { DB: env.DB } });
            here.clock.now += 1_000;
            return answers;
          };
        }
        const value: unknown = Reflect.get(database, name);
        return typeof value === 'function' ? value.bind(database) : value;
      },
    });
    const first = await send({ env: { DB } });
    expect(first.headers.get('Idempotent-Replayed')).toBeNull();
    expect(retried?.headers.get('Idempotent-Replayed')).toBe('true');
    expect(first.body).toEqual(retried?.body);
  });

  test('leaves although what it says cannot be kept, and is then told a later moment, which is true too', async () => {
    const send = await prepare();
    await readRows(`
      CREATE TRIGGER nothing_said BEFORE UPDATE OF effective_by ON idempotent_answers BEGIN SELECT RAISE(ABORT, 'full'); END`);
    const first = await send();
    await readRows('DROP TRIGGER nothing_said');
    expect(first.status).toBe(route.endsWith('rotate') ? 200 : 201);
    await here.pass(60_000);
    const again = await send();
    expect(again.body).toEqual({ ...first.body, effective_by: holdsAfter(BOUND_S, GRACE_S) });
    expect((await send()).body).toEqual(again.body);
  });
});

test('the retry of a rotation whose answer was lost holds when the old secret has ended everywhere', async () => {
  const route = `POST /v2/api_keys/rotate/${await aKey()}`;
  const options = { body: { overlap_seconds: 3600 }, headers: { 'Idempotency-Key': 'lost' } };
  const rotatedAt = here.clock.now;
  expect((await make(route, { ...options, env: { DB: losing() } })).status).toBe(503);
  await here.pass(60_000);
  expect((await make(route, options)).body.effective_by).toEqual(holdsAfter(3600, 3600, rotatedAt));
});

/** A database that does what it is asked to, and whose answer is lost on the way. */
function losing(): D1Database {
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
