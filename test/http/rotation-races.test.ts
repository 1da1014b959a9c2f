import { beforeAll, expect, test } from 'vitest';
import { hashApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { type Answer, type CallOptions, call, createKey, readCurrent, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid, expectUnauthenticated } from '../support/expect-error.ts';
import { EFFECTIVE_BY } from '../support/key-fields.ts';
import { openIsolate } from '../support/own-isolate.ts';
import { alter, countRows, readRows } from '../support/stored.ts';
import { meetingPlace, watchDatabase } from '../support/watched-database.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

function times<Result>(count: number, act: (n: number) => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => act(n)));
}

function rotate(id: number, overlapSeconds: number, options: CallOptions = {}): Promise<Answer> {
  const body = { overlap_seconds: overlapSeconds };
  return call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${id}`, { body, ...options });
}

/** Uses a secret, from an address of its own: those that are in no cache are budgeted by address. */
let addresses = 0;
function use(apiKey: string): Promise<Answer> {
  addresses += 1;
  return call(apiKey, 'GET /v2/api_keys/current', { ip: `198.18.${addresses >> 8}.${addresses & 255}` });
}

function secretsOf(keyId: number): Promise<Record<string, unknown>[]> {
  return readRows('SELECT hash, sealed, retires_at FROM api_key_secrets WHERE key_id = ?', keyId);
}

async function countEvents(keyId: number, action: string): Promise<unknown> {
  const [row] = await readRows(
    'SELECT count(*) AS n FROM audit_events WHERE api_key_id = ? AND action = ?',
    keyId,
    action,
  );
  return row?.n;
}

function given(answers: Answer[]): string[] {
  return answers.flatMap(({ status, body }) => (status === 200 ? [body.api_key] : []));
}

test.each([
  ['no overlap', 0],
  ['an overlap', 3600],
])(
  'fifty rotations of one key at once, with %s, win or say that they lost',
  { timeout: 30_000 },
  async (_, overlap) => {
    const made = await createKey(keys.ORG_ADMIN);
    await readCurrent(made.api_key);
    const before = await countRows();
    const answers = await times(50, () => rotate(made.id, overlap));
    const won = given(answers);
    expect(won.length).toBeGreaterThan(0);
    if (overlap > 0) expect(won).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      // Who read the key after the one that won finds its overlap.
      const isLate = overlap > 0 && answer.body.errors?.json?.id === undefined;
      expectInvalid(answer, [isLate ? 'end_previous' : 'id']);
    }

    // What was answered is what is there, and nothing else was written.
    expect(await countEvents(made.id, 'api_key.rotated')).toBe(won.length);
    expect(await countRows()).toEqual({
      ...before,
      api_key_secrets: Number(before.api_key_secrets) + won.length,
      key_changes: Number(before.key_changes) + won.length,
      audit_events: Number(before.audit_events) + won.length,
    });
    const secrets = await secretsOf(made.id);
    const hashes = await Promise.all([made.api_key, ...won].map(hashApiKey));
    expect(secrets.map(({ hash }) => hash).toSorted()).toEqual(hashes.toSorted());
    const inUse = secrets.filter(({ retires_at }) => retires_at === null);
    expect(inUse).toHaveLength(1);
    expect(secrets.filter(({ sealed }) => sealed !== null)).toEqual(inUse);
    const live = secrets.filter(({ retires_at }) => retires_at === null || Number(retires_at) > Date.now());
    expect(live).toHaveLength(overlap === 0 ? 1 : 2);

    // The calls say the same.
    const working = [];
    for (const secret of [made.api_key, ...won]) {
      const answer = await use(secret);
      if (answer.status === 200) working.push(await hashApiKey(secret));
      else expectUnauthenticated(answer, 'REVOKED');
    }
    expect(working.toSorted()).toEqual(live.map(({ hash }) => hash).toSorted());
    const current = won[hashes.indexOf(String(inUse[0]?.hash)) - 1];
    expect((await readKey(keys.ORG_ADMIN, made.id)).key_hint).toBe(`lk_…${current?.slice(-4)}`);
  },
);

test('of one rotation after the other within an overlap, two secrets work after each', async () => {
  const made = await createKey(keys.ORG_ADMIN);
  const secrets: string[] = [made.api_key];
  for (let n = 0; n < 5; n++) {
    const { body } = await rotate(made.id, 3600, { body: { overlap_seconds: 3600, end_previous: true } });
    secrets.push(body.api_key);
    const statuses = [];
    for (const secret of secrets) statuses.push((await use(secret)).status);
    expect(statuses).toEqual([...Array(secrets.length - 2).fill(401), 200, 200]);
  }
});

test('of two rotations that were judged together, one wins and its overlap holds', async () => {
  const { id, api_key: first } = await createKey(keys.ORG_ADMIN);
  const meet = meetingPlace(2);
  const DB = watchDatabase(meet);
  const answers = await times(2, () => rotate(id, 3600, { env: { DB } }));
  const [second] = given(answers);
  expect(given(answers)).toHaveLength(1);
  for (const answer of answers.filter(({ status }) => status !== 200)) expectInvalid(answer, ['id']);
  for (const secret of [first, String(second)]) expect((await readCurrent(secret)).id).toBe(id);

  // One that began before is held up until the transaction, while another one begins an overlap: it does not end that.
  const other = await createKey(keys.ORG_ADMIN);
  let isFirst = true;
  const late = await rotate(other.id, 0, {
    env: {
      DB: watchDatabase(async () => {
        if (isFirst) expect((await rotate(other.id, 3600)).status).toBe(200);
        isFirst = false;
      }),
    },
  });
  expectInvalid(late, ['id']);
  expect((await readCurrent(other.api_key)).id).toBe(other.id);
});

test('an overlap that runs at the commit is kept, whatever was read of it before', async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  expect((await rotate(id, 3600)).status).toBe(200);
  const endAt = (moment: number) =>
    alter('UPDATE api_key_secrets SET retires_at = ? WHERE hash = ?', moment, hashApiKey(api_key));
  await endAt(1);
  const DB = watchDatabase(() => endAt(Date.now() + 3_600_000));
  expectInvalid(await rotate(id, 0, { env: { DB } }), ['end_previous']);
  expect((await readCurrent(api_key)).id).toBe(id);
});

test.each([0, 3, 6, 9])(
  'rotations of a key that is revoked as number %d of ten leave no secret that works',
  async (place) => {
    const made = await createKey(keys.ORG_ADMIN);
    await readCurrent(made.api_key);
    const answers = await times(10, (n) =>
      n === place ? call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${made.id}`) : rotate(made.id, 3600),
    );
    expect(answers[place]?.body).toEqual({ id: made.id, status: 'success', effective_by: EFFECTIVE_BY });
    const rotations = answers.filter((_, n) => n !== place);
    for (const answer of rotations.filter(({ status }) => status !== 200)) {
      expect(answer.status).toBe(400);
    }
    const won = given(rotations);
    for (const secret of [made.api_key, ...won]) expectUnauthenticated(await use(secret), 'REVOKED');
    expect((await readKey(keys.ORG_ADMIN, made.id)).status).toBe('disabled');
    const secrets = await secretsOf(made.id);
    expect(secrets).toHaveLength(won.length + 1);
    expect(secrets.filter(({ sealed }) => sealed !== null)).toEqual([]);
    expect(await countEvents(made.id, 'api_key.rotated')).toBe(won.length);
    expect(await countEvents(made.id, 'api_key.revoked')).toBe(1);

    // No rotation came after the revocation.
    const [last] = await readRows(
      'SELECT action FROM audit_events WHERE api_key_id = ? ORDER BY id DESC LIMIT 1',
      made.id,
    );
    expect(last?.action).toBe('api_key.revoked');
  },
);

test('a rotation at the time of a change wins or loses whole', async () => {
  const made = await createKey(keys.ORG_ADMIN, { label: 'before' });
  const answers = await times(10, (n) =>
    n % 2 === 0
      ? rotate(made.id, 0)
      : call(keys.ORG_ADMIN, `PUT /v2/api_keys/${made.id}`, { body: { label: `after ${n}` } }),
  );
  const rotations = answers.filter((_, n) => n % 2 === 0);
  expect(rotations.filter(({ status }) => status !== 200 && status !== 400)).toEqual([]);
  const won = given(rotations);
  expect(await countEvents(made.id, 'api_key.rotated')).toBe(won.length);
  const changed = answers.filter(({ status }, n) => n % 2 === 1 && status === 200);
  expect(await countEvents(made.id, 'api_key.changed')).toBe(changed.length);
  expect((await secretsOf(made.id)).filter(({ retires_at }) => retires_at === null)).toHaveLength(1);
});

test('under load, no call with the old secret fails during the overlap, and each does after it', {
  timeout: 30_000,
}, async () => {
  const made = await createKey(keys.ORG_ADMIN);
  const here = openIsolate();
  const there = openIsolate();
  const callCurrent = (n: number) =>
    (n % 2 === 0 ? here : there).call(made.api_key, 'GET /v2/api_keys/current').then(({ status }) => status);
  const start = here.now;
  there.now = start;

  // Calls in both isolates, before, during and after the rotation, which one of the two makes.
  const [before, [rotation], during] = await Promise.all([
    times(100, callCurrent),
    times(1, () => here.call(keys.ORG_ADMIN, `POST /v2/api_keys/rotate/${made.id}`, { body: { overlap_seconds: 60 } })),
    times(100, callCurrent),
  ]);
  expect(rotation?.status).toBe(200);
  const after = await times(100, callCurrent);
  const useNew = async (isolate: typeof here) => {
    const { status } = await isolate.call(rotation?.body.api_key, 'GET /v2/api_keys/current');
    return status;
  };
  const news = [await useNew(here), await useNew(there)];
  for (const isolate of [here, there]) isolate.now = start + 59_999;
  const last = await times(100, callCurrent);
  expect([...before, ...during, ...after, ...news, ...last]).toEqual(Array(402).fill(200));

  for (const isolate of [here, there]) isolate.now = start + 60_000;
  expect(await times(100, callCurrent)).toEqual(Array(100).fill(401));
  expect([await useNew(here), await useNew(there)]).toEqual([200, 200]);
});
