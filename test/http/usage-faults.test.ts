import { createExecutionContext, createMessageBatch, getQueueResult, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest';
import { createApp } from '../../src/app.ts';
import { compose } from '../../src/compose.ts';
import { newIsolate } from '../../src/domain/isolate.ts';
import type { Services } from '../../src/domain/services.ts';
import { flushUses, recordUse } from '../../src/domain/usage/record-use.ts';
import { payerOfAddress } from '../../src/domain/verification/miss-budget.ts';
import { verifyKey } from '../../src/domain/verification/verify-key.ts';
import type { UsageFlush } from '../../src/storage/usage.ts';
import worker from '../../src/worker.ts';
import { call, createKey, readKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';

/*
 * Counting while the queue, the usage database or both are away: nothing is counted twice, nothing is lost without a
 * trace, and no caller notices.
 */

const MOST_BYTES = 100_000;

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

let logged: MockInstance<typeof console.error>;
beforeEach(() => {
  logged = vi.spyOn(console, 'error').mockImplementation(() => {});
});
afterEach(() => {
  logged.mockRestore();
});

/** What a call has that was allowed and asked for nothing. */
const ALLOWED = { code: 'VALID', secret: 1, needs: [] } as const;

/** What was logged as a failure, line by line. */
function failures(): Record<string, unknown>[] {
  return logged.mock.calls.map(([line]) => JSON.parse(String(line)));
}

const never = () => new Promise<never>(() => {});

/** Neither answers nor fails. */
function hanging(database: D1Database): D1Database {
  const statement: object = new Proxy({}, { get: (_, name) => (name === 'bind' ? () => statement : never) });
  return new Proxy(database, { get: (_, name) => (name === 'prepare' ? () => statement : never) });
}

function failing<Binding extends object>(binding: Binding): Binding {
  return new Proxy(binding, {
    get: () => () => {
      throw new Error('Out of reach');
    },
  });
}

/** An isolate of its own, that waits a hundred times less for what does not answer. */
function servicesWith(bindings: Partial<Env>, send?: Services['usage']['send']): Services {
  const services = compose({ ...env, USAGE: 'on', ...bindings }, createExecutionContext(), newIsolate());
  return {
    ...services,
    usage: { ...services.usage, ...(send === undefined ? {} : { send }) },
    after: (milliseconds, callBack) => services.after(milliseconds / 100, callBack),
  };
}

function count(services: Services, keyId: number, calls = 1): void {
  for (let n = 0; n < calls; n++) {
    services.counting.counter.count({ keyId, clientIp: '192.0.2.1', ...ALLOWED }, services.now());
  }
}

async function deliver(...flushes: UsageFlush[]): Promise<void> {
  const messages = flushes.map((body) => ({ id: crypto.randomUUID(), timestamp: new Date(), attempts: 1, body }));
  const context = createExecutionContext();
  await worker.queue(createMessageBatch('latchkey-usage', messages), env, context);
  await waitOnExecutionContext(context);
}

async function validCalls(id: number): Promise<unknown> {
  return (await call(keys.ORG_ADMIN, `GET /v2/api_keys/usage/${id}`)).body.totals.VALID;
}

describe('without the queue', () => {
  test.each<[string, (flush: UsageFlush) => Promise<void>]>([
    [
      'that fails',
      async () => {
        throw new Error('The queue is away');
      },
    ],
    ['that does not answer', never],
  ])('%s, counts go to the database, once also when the queue delivers them after all', async (_, outcome) => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const taken: UsageFlush[] = [];
    const services = servicesWith({}, (flush) => {
      taken.push(structuredClone(flush));
      return outcome(flush);
    });
    count(services, id, 5);
    await flushUses(services);
    expect(await validCalls(id)).toBe(5);
    expect(failures()).toMatchObject([{ message: expect.stringMatching(/queue/) }]);

    expect(taken).toHaveLength(1);
    await deliver(...taken);
    await deliver(...taken, ...taken);
    expect(await validCalls(id)).toBe(5);
    // What is counted later counts.
    count(services, id, 2);
    await flushUses(services);
    expect(await validCalls(id)).toBe(7);
  });

  test('whose binding throws at once, nothing is thrown', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const services = servicesWith({ USAGE_QUEUE: failing(env.USAGE_QUEUE) });
    count(services, id, 3);
    await flushUses(services);
    expect(await validCalls(id)).toBe(3);
  });

  test('that delivered already what it seemed not to take, nothing is added again, and it is no loss', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const services = servicesWith({}, async (flush) => {
      await deliver(structuredClone(flush));
      throw new Error('The answer was lost');
    });
    count(services, id, 5);
    await flushUses(services);
    expect(await validCalls(id)).toBe(5);
    expect(failures().map(({ message }) => message)).not.toContain('usage was lost');
  });
});

test.each<[string, () => D1Database]>([
  ['that fails', () => failing(env.USAGE_DB)],
  ['that hangs', () => hanging(env.USAGE_DB)],
])('without the queue and with a database %s, the log has the counts, and nothing is thrown', async (_, USAGE_DB) => {
  const { id } = await createKey(keys.ORG_ADMIN);
  const services = servicesWith({ USAGE_QUEUE: failing(env.USAGE_QUEUE), USAGE_DB: USAGE_DB() });
  count(services, id, 5);
  await expect(flushUses(services)).resolves.toBeUndefined();
  const [lost, ...others] = failures().filter(({ flush }) => flush !== undefined);
  expect(others).toEqual([]);
  expect(lost).toMatchObject({
    message: 'usage was lost',
    flush: { id: expect.any(String), counts: [{ keyId: id, code: 'VALID', network: '192.0.2.1', count: 5 }] },
  });
});

test('a batch that cannot be added is not taken for added, so that the queue delivers it again', async () => {
  const { id } = await createKey(keys.ORG_ADMIN);
  const sent: UsageFlush[] = [];
  const services = servicesWith({}, async (flush) => void sent.push(flush));
  count(services, id, 4);
  await flushUses(services);
  const messages = sent.map((body) => ({ id: crypto.randomUUID(), timestamp: new Date(), attempts: 1, body }));
  const batch = createMessageBatch('latchkey-usage', messages);
  const broken = { ...env, USAGE_DB: failing(env.USAGE_DB) };
  await expect(worker.queue(batch, broken, createExecutionContext())).rejects.toThrow();
  expect(await validCalls(id)).toBe(undefined);
  await deliver(...sent);
  expect(await validCalls(id)).toBe(4);
});

describe.each<[string, () => D1Database]>([
  ['fails', () => failing(env.USAGE_DB)],
  ['hangs', () => hanging(env.USAGE_DB)],
])('while the usage database %s', (_, database) => {
  test('keys are verified, by answers that do not wait for it', async () => {
    const made = await createKey(keys.ORG_ADMIN);
    const deferred: Promise<unknown>[] = [];
    const services = servicesWith({
      USAGE_DB: database(),
      USAGE_QUEUE: failing(env.USAGE_QUEUE),
      USAGE_FLUSH_SECONDS: '0',
    });
    const app = createApp(() => ({ ...services, defer: (work) => void deferred.push(work) }));
    for (let n = 0; n < 3; n++) {
      const request = new Request('https://latchkey.example/v2/api_keys/current', {
        headers: { 'x-APIKey': made.api_key },
      });
      const answer = await app.fetch(request, env, createExecutionContext());
      expect(await answer.json()).toMatchObject({ id: made.id });
    }
    const verdict = await verifyKey(services, made.api_key, { clientIp: null, needs: [] }, () => payerOfAddress(null));
    expect(verdict.allowed).toBe(true);
    expect(deferred.length).toBeGreaterThan(0);
    await Promise.all(deferred);
    const lost = failures().flatMap(({ flush }) => (flush === undefined ? [] : [flush]));
    expect(JSON.stringify(lost)).toContain(`"keyId":${made.id}`);
  });

  test('keys are shown and changed, without when they were used last', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const services = servicesWith({});
    count(services, id);
    await flushUses(services);
    const without = { env: { USAGE_DB: database() } };
    const read = await call(keys.ORG_ADMIN, `GET /v2/api_keys/${id}`, without);
    // Left out, and not null: null means never used, and someone revokes on that.
    expect({ status: read.status, id: read.body.id }).toEqual({ status: 200, id });
    expect(read.body).not.toHaveProperty('last_used_at');
    const list = await call(keys.ORG_ADMIN, 'GET /v2/api_keys', without);
    expect(list.status).toBe(200);
    expect(list.body.api_keys.filter((key: object) => 'last_used_at' in key)).toEqual([]);
    const change = await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { ...without, body: { label: 'changed' } });
    expect(change.body).toMatchObject({ id, label: 'changed' });
    expect(change.body).not.toHaveProperty('last_used_at');
    expect(failures().length).toBeGreaterThan(0);
  });

  test('usage is answered with an error, in time and without internals', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const answer = await Promise.race([
      call(keys.ORG_ADMIN, `GET /v2/api_keys/usage/${id}`, { env: { USAGE_DB: database() } }),
      new Promise<null>((resolve) => setTimeout(resolve, 4_000, null)),
    ]);
    expect(answer).not.toBe(null);
    expect(answer?.status).toBe(503);
    expect(answer?.body.code).toBe('UNAVAILABLE');
    // Not in the whole body: a request id may well have a "d1" in it.
    expect(JSON.stringify(answer?.body.errors)).not.toMatch(/D1|SQL|select|Out of reach/i);
  });
});

describe('a flush fits into the 30 s that an event is kept for after its answer, its wait included,', () => {
  test.each([0, 5, 10, 20, 25])('with USAGE_FLUSH_SECONDS at %d', async (seconds) => {
    const { id } = await createKey(keys.ORG_ADMIN);
    // The queue and the database are silent, and a clock says when each wait ends.
    let clock = 0;
    const services = servicesWith({ USAGE_FLUSH_SECONDS: String(seconds), USAGE_DB: hanging(env.USAGE_DB) }, never);
    const timers: { due: number; callBack: () => void }[] = [];
    const deferred: Promise<unknown>[] = [];
    const watched = {
      ...services,
      defer: (work: Promise<unknown>) => void deferred.push(work),
      after: (milliseconds: number, callBack: () => void) => {
        const timer = { due: clock + milliseconds, callBack };
        timers.push(timer);
        return () => {
          if (timers.includes(timer)) timers.splice(timers.indexOf(timer), 1);
        };
      },
    };
    // Many messages: they share the time.
    for (let n = 1; n <= 3_000; n++) {
      const use = { keyId: 1_000_000 + n, code: 'EXPIRED', clientIp: '192.0.2.1' } as const;
      watched.counting.counter.count(use, watched.now());
    }
    recordUse(watched, { keyId: id, clientIp: null, ...ALLOWED });
    const flushed = Promise.all(deferred);
    for (let idle = 0; idle < 20; idle++) {
      const next = timers.toSorted((a, b) => a.due - b.due)[0];
      if (next !== undefined) {
        idle = 0;
        clock = next.due;
        timers.splice(timers.indexOf(next), 1);
        next.callBack();
      }
      await new Promise((resolve) => setTimeout(resolve));
    }
    await flushed;
    expect(clock).toBeGreaterThanOrEqual(seconds * 1000);
    expect(clock).toBeLessThan(30_000);
    const lost = failures().filter(({ message }) => message === 'usage was lost');
    expect(lost.length).toBeGreaterThan(1);
    const totals = lost.map((line) => line.totals as Record<string, number>);
    expect(totals.reduce((sum, { EXPIRED = 0 }) => sum + EXPIRED, 0)).toBe(3_000);
    expect(totals.reduce((sum, { VALID = 0 }) => sum + VALID, 0)).toBe(1);
    const lines = logged.mock.calls.map(([line]) => String(line).length);
    expect(Math.max(...lines)).toBeLessThan(16_000);
  });
});

describe('in the queue', () => {
  function batchOf(queue: string, bodies: readonly unknown[]) {
    return createMessageBatch(
      queue,
      bodies.map((body, n) => ({ id: `message ${n}`, timestamp: new Date(), attempts: 1, body })),
    );
  }

  function flushOf(id: number): UsageFlush {
    const calls = { code: 'VALID', network: '192.0.2.1', secret: 1, needs: '', count: 3, firstAt: 1, lastAt: 2 };
    return { id: crypto.randomUUID(), counts: [{ keyId: id, ...calls, hour: Math.floor(Date.now() / 3_600_000) }] };
  }

  const MALFORMED: [string, unknown][] = [
    ['null', null],
    ['a text', 'usage'],
    ['without counts', { id: 'a' }],
    ['without an id', { counts: [] }],
    ['with counts that are no list', { id: 'b', counts: {} }],
    ['with a count that is no number', { id: 'c', counts: [{ keyId: 1, hour: 1, code: 'VALID', count: 'many' }] }],
    ['with a key that is no number', { id: 'd', counts: [{ keyId: null, hour: 1, code: 'VALID', count: 1 }] }],
    ['with a negative count', { id: 'e', counts: [{ keyId: 1, hour: 1, code: 'VALID', count: -5 }] }],
  ];

  test.each(MALFORMED)('a message that is %s is logged, and the good ones beside it are added', async (_, body) => {
    const first = await createKey(keys.ORG_ADMIN);
    const second = await createKey(keys.ORG_ADMIN);
    const batch = batchOf('latchkey-usage', [flushOf(first.id), body, flushOf(second.id)]);
    const context = createExecutionContext();
    await worker.queue(batch, env, context);
    const { outcome, explicitAcks, retryBatch } = await getQueueResult(batch, context);
    expect({ outcome, explicitAcks, retry: retryBatch.retry }).toEqual({
      outcome: 'ok',
      explicitAcks: ['message 1'],
      retry: false,
    });
    expect([await validCalls(first.id), await validCalls(second.id)]).toEqual([3, 3]);
    expect(failures()).toMatchObject([{ message_id: 'message 1', message: expect.stringMatching(/no flush/) }]);
  });

  test('a message that is no flush is done with also where the good ones have to come again', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    const batch = batchOf('latchkey-usage', [null, flushOf(id)]);
    const context = createExecutionContext();
    const broken = { ...env, USAGE_DB: failing(env.USAGE_DB) };
    await expect(worker.queue(batch, broken, context)).rejects.toThrow();
    expect((await getQueueResult(batch, context)).explicitAcks).toEqual(['message 0']);
  });

  test('a flush of an older version, without sources and times, and of a newer one, with more fields, is added', async () => {
    const older = await createKey(keys.ORG_ADMIN);
    const newer = await createKey(keys.ORG_ADMIN);
    const hour = Math.floor(Date.now() / 3_600_000);
    const flush = flushOf(newer.id);
    await worker.queue(
      batchOf('latchkey-usage', [
        { id: crypto.randomUUID(), counts: [{ keyId: older.id, hour, code: 'VALID', count: 7 }] },
        { ...flush, version: 9, counts: flush.counts.map((counted) => ({ ...counted, secret: 2, permissions: [] })) },
      ]),
      env,
      createExecutionContext(),
    );
    expect([await validCalls(older.id), await validCalls(newer.id)]).toEqual([7, 3]);
    expect((await readKey(keys.ORG_ADMIN, older.id)).last_used_at).not.toBe(null);
    expect(failures()).toEqual([]);
  });

  test('what is in the dead letters is logged with its counts, in lines that are bounded, and done with', async () => {
    const counts = Array.from({ length: 900 }, (_, n) => ({ ...flushOf(5_000_000 + n).counts[0] }));
    const context = createExecutionContext();
    const batch = batchOf('latchkey-usage-dead', [{ id: 'lost', counts }, 'nonsense']);
    await worker.queue(batch, { ...env, USAGE_DB: failing(env.USAGE_DB) }, context);
    expect(await getQueueResult(batch, context)).toMatchObject({ outcome: 'ok', retryBatch: { retry: false } });
    expect(failures()).toMatchObject([
      { message_id: 'message 0', totals: { VALID: 2_700 }, keys: 900, flush: { id: 'lost' }, counts_left_out: 850 },
      { message_id: 'message 1', problem: expect.any(String) },
    ]);
    expect(Math.max(...logged.mock.calls.map(([line]) => String(line).length))).toBeLessThan(16_000);
    const rows = await env.USAGE_DB.prepare("SELECT 1 FROM usage_flushes WHERE id = 'lost'").all();
    expect(rows.results).toEqual([]);
  });
});

describe('a refused key that is tried from thousands of networks', () => {
  const NETWORKS = 4_000;

  test('is 20 rows in the queue and 50 in the database, and every call in the totals', async () => {
    const made = await createKey(keys.ORG_ADMIN);
    const sent: UsageFlush[] = [];
    const services = servicesWith({}, async (flush) => void sent.push(flush));
    for (let n = 0; n < NETWORKS; n++) {
      const clientIp = `10.${n >> 8}.${n & 255}.1`;
      services.counting.counter.count({ keyId: made.id, code: 'IP_NOT_ALLOWED', clientIp }, services.now());
    }
    expect(services.counting.counter.size).toBeLessThanOrEqual(21);
    await flushUses(services);
    const counts = sent.flatMap((flush) => flush.counts);
    expect(counts.filter(({ network }) => network !== null)).toHaveLength(20);
    expect(counts.reduce((sum, { count: calls }) => sum + calls, 0)).toBe(NETWORKS);

    const written: number[] = [];
    const USAGE_DB = new Proxy(env.USAGE_DB, {
      get(database, name) {
        if (name === 'batch') {
          return async (statements: D1PreparedStatement[]) => {
            const answers = await database.batch(statements);
            written.push(answers.reduce((sum, { meta }) => sum + meta.rows_written, 0));
            return answers;
          };
        }
        const value: unknown = Reflect.get(database, name);
        return typeof value === 'function' ? value.bind(database) : value;
      },
    });
    const NOTHING = { keyId: 0, hour: 0, code: '', secret: null, needs: null, firstAt: 0, lastAt: 0 };
    // As if it had come from many isolates, none of which knows of the others.
    const spread = Array.from(
      { length: 20 },
      (_, isolate): UsageFlush => ({
        id: crypto.randomUUID(),
        counts: Array.from({ length: 200 }, (_, n) => ({
          ...(counts[0] ?? NOTHING),
          network: `11.${isolate}.${n}.1`,
          count: 1,
        })),
      }),
    );
    const messages = spread.map((body) => ({ id: body.id, timestamp: new Date(), attempts: 1, body }));
    await worker.queue(createMessageBatch('latchkey-usage', messages), { ...env, USAGE_DB }, createExecutionContext());
    await deliver(...sent);
    const report = (await call(keys.ORG_ADMIN, `GET /v2/api_keys/usage/${made.id}`)).body;
    expect(report.totals).toEqual({ IP_NOT_ALLOWED: 2 * NETWORKS });
    expect(report.refused_sources).toHaveLength(50);
    // Each source is two rows, it and its key in the index; the flushes, the hour and little else come on top.
    expect(Math.max(...written)).toBeLessThan(2 * 50 + 2 * 20 + 50);
  });

  test('and pushes out none of the networks that the key is used from, nor does one refusal go unseen', async () => {
    const made = await createKey(keys.ORG_ADMIN);
    const sent: UsageFlush[] = [];
    const services = servicesWith({}, async (flush) => void sent.push(flush));
    const see = (code: 'VALID' | 'IP_NOT_ALLOWED', clientIp: string) => {
      const outcome = code === 'VALID' ? ALLOWED : { code };
      services.counting.counter.count({ keyId: made.id, clientIp, ...outcome }, services.now());
    };
    see('IP_NOT_ALLOWED', '203.0.113.99');
    for (let n = 0; n < NETWORKS; n++) see('IP_NOT_ALLOWED', `10.${n >> 8}.${n & 255}.1`);
    see('VALID', '192.0.2.77');
    await flushUses(services);
    await deliver(...sent);
    const report = (await call(keys.ORG_ADMIN, `GET /v2/api_keys/usage/${made.id}`)).body;
    expect(report.sources).toMatchObject([{ network: '192.0.2.77', count: 1 }]);
    expect(report.refused_sources.map(({ network }: { network: string }) => network)).toContain('203.0.113.99');
    expect(report.totals).toEqual({ VALID: 1, IP_NOT_ALLOWED: NETWORKS + 1 });
    // The next interval begins anew.
    see('IP_NOT_ALLOWED', '203.0.113.100');
    await flushUses(services);
    expect(sent.at(-1)?.counts).toMatchObject([{ network: '203.0.113.100' }]);
  });
});

describe('a message', () => {
  test('is at most 100,000 bytes, however much was counted, and nothing is left out', async () => {
    const sent: UsageFlush[] = [];
    const services = servicesWith({}, async (flush) => void sent.push(flush));
    for (let n = 0; n < 5_000; n++) {
      const clientIp = `2001:db8:${(0xa000 + n).toString(16)}:ffff::1`;
      services.counting.counter.count(
        { keyId: 1_000_000_000 + n, code: 'PERMISSION_DENIED', clientIp },
        services.now(),
      );
    }
    await flushUses(services);
    const sizes = sent.map((flush) => new TextEncoder().encode(JSON.stringify(flush)).length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MOST_BYTES);
    // Filled, and not sent one by one.
    expect(sizes.slice(0, -1).every((size) => size > MOST_BYTES - 500)).toBe(true);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(sent.length);
    const ids = sent.flatMap(({ counts }) => counts.map(({ keyId }) => keyId));
    expect(ids).toEqual(Array.from({ length: 5_000 }, (_, n) => 1_000_000_000 + n));
    expect(services.counting.counter.size).toBe(0);
  });

  test('is sent early when very much was counted', async () => {
    const sent: UsageFlush[] = [];
    const deferred: Promise<unknown>[] = [];
    const services = servicesWith({ USAGE_FLUSH_SECONDS: '25' }, async (flush) => void sent.push(flush));
    const deferring = {
      ...services,
      now: () => 1_800_000_000_000,
      defer: (work: Promise<unknown>) => void deferred.push(work),
    };
    for (let n = 1; n <= 5_000; n++) recordUse(deferring, { keyId: n, clientIp: null, ...ALLOWED });
    await vi.waitFor(() => expect(sent.flatMap(({ counts }) => counts)).toHaveLength(5_000));
    await Promise.all(deferred);
  });

  test('is not sent at all when nothing was counted', async () => {
    const sent: UsageFlush[] = [];
    await flushUses(servicesWith({}, async (flush) => void sent.push(flush)));
    expect(sent).toEqual([]);
  });
});

test('without the usage database, other work of the cron trigger is done', async () => {
  await env.DB.prepare('UPDATE audit_events SET at = 1').run();
  const context = createExecutionContext();
  const broken = { ...env, USAGE_DB: failing(env.USAGE_DB) };
  await Promise.allSettled([worker.scheduled({ scheduledTime: 0, cron: '', noRetry: () => {} }, broken, context)]);
  const { results } = await env.DB.prepare('SELECT count(*) AS n FROM audit_events').all();
  expect(results).toEqual([{ n: 0 }]);
  expect((await readKey(keys.ORG_ADMIN, (await createKey(keys.ORG_ADMIN)).id)).status).toBe('active');
});
