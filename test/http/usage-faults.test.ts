import { createExecutionContext, createMessageBatch, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest';
import { compose } from '../../src/compose.ts';
import type { Services } from '../../src/domain/services.ts';
import { flushUses, recordUse } from '../../src/domain/usage/record-use.ts';
import { newIsolate } from '../../src/domain/verification/isolate.ts';
import { verifyKey } from '../../src/domain/verification/verify-key.ts';
import { createApp } from '../../src/http/app.ts';
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
    services.counting.counter.count({ keyId, code: 'VALID', clientIp: '192.0.2.1' }, services.now());
  }
}

async function deliver(...flushes: UsageFlush[]): Promise<void> {
  const messages = flushes.map((body) => ({ id: crypto.randomUUID(), timestamp: new Date(), attempts: 1, body }));
  const context = createExecutionContext();
  await worker.queue(createMessageBatch<UsageFlush>('latchkey-usage', messages), env, context);
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
  const batch = createMessageBatch<UsageFlush>('latchkey-usage', messages);
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
    const verdict = await verifyKey(services, made.api_key, { clientIp: null, needs: [] }, () => 'nobody');
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
    expect({ status: read.status, id: read.body.id, last: read.body.last_used_at }).toEqual({
      status: 200,
      id,
      last: null,
    });
    const list = await call(keys.ORG_ADMIN, 'GET /v2/api_keys', without);
    expect(list.status).toBe(200);
    const change = await call(keys.ORG_ADMIN, `PUT /v2/api_keys/${id}`, { ...without, body: { label: 'changed' } });
    expect(change.body).toMatchObject({ id, label: 'changed', last_used_at: null });
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
    for (let n = 1; n <= 5_000; n++) recordUse(deferring, { keyId: n, code: 'VALID', clientIp: null });
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
