import { createExecutionContext } from 'cloudflare:test';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createApp } from '../../src/app.ts';
import { compose } from '../../src/compose.ts';
import { newIsolate } from '../../src/domain/isolate.ts';
import { type Answer, call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { readEvents } from '../support/events.ts';

/*
 * A refused call must not cost without bound: neither lines in the log, nor rows in the audit log. What a bound drops is
 * counted, and told.
 */

const MINUTE_MS = 60_000;
const START = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

interface Isolate {
  now: number;
  call: (key: string | null, route: string, body?: unknown, settings?: Partial<Env>) => Promise<Answer>;
  /** Lets what waits for this long, or less, go on. */
  pass: (milliseconds: number) => Promise<void>;
}

function openIsolate(): Isolate {
  const isolate = newIsolate();
  const timers: { due: number; callBack: () => void }[] = [];
  const deferred: Promise<unknown>[] = [];
  const app = createApp((bindings, context) => ({
    ...compose(bindings, context, isolate),
    now: () => own.now,
    after: (milliseconds, callBack) => {
      const timer = { due: own.now + milliseconds, callBack };
      timers.push(timer);
      return () => {
        if (timers.includes(timer)) timers.splice(timers.indexOf(timer), 1);
      };
    },
  }));
  const own: Isolate = {
    now: START,
    call(key, route, body, settings) {
      const context = Object.assign(createExecutionContext(), {
        waitUntil: (work: Promise<unknown>) => void deferred.push(work),
      });
      const fetch = (request: Request, bound: Env) => app.fetch(request, bound, context);
      return call(key, route, {
        ...(body === undefined ? {} : { body }),
        app: { fetch },
        env: { REQUEST_LOG: 'errors', ...settings },
      });
    },
    async pass(milliseconds) {
      own.now += milliseconds;
      for (const timer of timers.splice(0)) {
        if (timer.due <= own.now) timer.callBack();
        else timers.push(timer);
      }
      await new Promise((resolve) => setTimeout(resolve));
    },
  };
  return own;
}

let here: Isolate;
let lines: Record<string, unknown>[];
let told: Record<string, unknown>[];
beforeEach(() => {
  here = openIsolate();
  lines = [];
  told = [];
  const parse = (line: unknown) => JSON.parse(String(line));
  const log = vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(parse(line)));
  const errors = vi.spyOn(console, 'error').mockImplementation((line) => void told.push(parse(line)));
  return () => {
    log.mockRestore();
    errors.mockRestore();
  };
});

describe('the log of requests', () => {
  test('has a line for one refused call', async () => {
    await here.call('nonsense', 'GET /v2/api_keys');
    expect(lines).toMatchObject([{ message: 'request', status: 401, code: 'MALFORMED_KEY' }]);
    await here.pass(30_000);
    expect(told).toEqual([]);
  });

  test('has 20 lines a minute of 500 refused calls, and one that says how many more there were', async () => {
    for (let n = 0; n < 500; n++) await here.call('nonsense', 'GET /v2/api_keys');
    expect(lines).toHaveLength(20);
    expect(told).toEqual([]);
    await here.pass(25_000);
    expect(told).toMatchObject([{ dropped: { MALFORMED_KEY: 480 } }]);
  });

  test('counts what is dropped after that line for another one', async () => {
    for (let n = 0; n < 30; n++) await here.call('nonsense', 'GET /v2/api_keys');
    await here.pass(25_000);
    for (let n = 0; n < 5; n++) await here.call('nonsense', 'GET /v2/api_keys');
    await here.pass(25_000);
    expect(told.map(({ dropped }) => dropped)).toEqual([{ MALFORMED_KEY: 10 }, { MALFORMED_KEY: 5 }]);
  });

  test('has one line for what is dropped of all codes, and begins anew with the next minute', async () => {
    for (let n = 0; n < 25; n++) {
      await here.call('nonsense', 'GET /v2/api_keys');
      await here.call(null, 'GET /v2/api_keys');
    }
    await here.pass(MINUTE_MS);
    expect(told).toMatchObject([{ dropped: { MALFORMED_KEY: 5, MISSING_KEY: 5 } }]);
    expect(lines).toHaveLength(40);
    await here.call('nonsense', 'GET /v2/api_keys');
    expect(lines).toHaveLength(41);
  });

  test('hides no other refusal behind a flood of one', async () => {
    const { api_key } = await createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions: [] });
    for (let n = 0; n < 200; n++) await here.call('nonsense', 'GET /v2/api_keys');
    await here.call(api_key, 'GET /v2/api_keys');
    expect(lines.at(-1)).toMatchObject({ status: 403, code: 'PERMISSION_DENIED' });
  });

  test('tells of what was dropped where the clock has gone back since it was to tell', async () => {
    for (let n = 0; n < 21; n++) await here.call('nonsense', 'GET /v2/api_keys');
    here.now -= 3_600_000;
    for (let n = 0; n < 21; n++) await here.call('nonsense', 'GET /v2/api_keys');
    await here.pass(25_000);
    expect(told).toMatchObject([{ dropped: { MALFORMED_KEY: 2 } }]);
  });

  test('bounds calls outside of the API as well', async () => {
    for (let n = 0; n < 50; n++) await call(null, 'GET /nowhere', { app: appOf(here), env: { REQUEST_LOG: 'errors' } });
    expect(lines).toHaveLength(20);
  });

  test('has 20 lines a minute of calls that fail without a key, such as those of monitors in an outage', async () => {
    const DB = { withSession: () => expect.fail('D1 was lost') } as unknown as D1Database;
    for (let n = 0; n < 60; n++) {
      expect((await here.call(null, 'GET /health/ready', undefined, { DB })).status).toBe(503);
    }
    expect(lines).toHaveLength(20);
    await here.pass(25_000);
    expect(told).toContainEqual(expect.objectContaining({ dropped: { UNAVAILABLE: 40 } }));
  });

  test('has every line of calls with a verified key that fail', async () => {
    for (let n = 0; n < 30; n++) {
      const { status } = await here.call(keys.ORG_ADMIN, 'POST /v2/api_keys', { label: 'a' }, { MASTER_KEYS: '' });
      expect(status).toBe(503);
    }
    expect(lines).toHaveLength(30);
  });

  test('has every line where REQUEST_LOG is all', async () => {
    for (let n = 0; n < 60; n++) await here.call('nonsense', 'GET /v2/api_keys', undefined, { REQUEST_LOG: 'all' });
    expect(lines).toHaveLength(60);
  });
});

/** The isolate as something that fetches, for calls that nothing is waited for. */
function appOf(isolate: Isolate) {
  return {
    fetch: async (request: Request) => {
      const { status, body } = await isolate.call(null, `GET ${new URL(request.url).pathname}`);
      return new Response(JSON.stringify(body), { status });
    },
  };
}

describe('refused attempts', () => {
  let caller: { id: number; api_key: string };
  beforeEach(async () => {
    caller = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['203.0.113.0/24'] });
    lines = [];
  });

  async function attempt(by = caller.api_key): Promise<void> {
    const { status } = await here.call(by, 'POST /v2/api_keys', {
      label: 'beyond the list',
      ip_whitelist: ['192.0.2.1'],
    });
    expect(status).toBe(403);
  }

  async function onRecord(keyId = caller.id): Promise<Record<string, unknown>[]> {
    const { audit_events } = await readEvents(keys.PROVIDER, '?action=api_key.create_refused&per_page=100');
    const own = audit_events.filter((event: Answer['body']) => event.actor_api_key_id === keyId);
    return own.map(({ changes }: Answer['body']) => changes).toReversed();
  }

  test('are on record, a single one too, without a word of what was dropped', async () => {
    await attempt();
    expect(await onRecord()).toEqual([{ rule: 'networks', outside: '192.0.2.1' }]);
    expect(told).toEqual([]);
  });

  test('are ten events a minute, however many there are; the next event has how many more there were', async () => {
    for (let n = 0; n < 60; n++) await attempt();
    expect(await onRecord()).toHaveLength(10);
    expect(told).toMatchObject([{ api_key_id: caller.id, message: expect.stringMatching(/refused attempts/) }]);
    here.now += MINUTE_MS;
    await attempt();
    await attempt();
    const events = await onRecord();
    expect(events).toHaveLength(12);
    expect(events.map(({ dropped }) => dropped).slice(-3)).toEqual([undefined, 50, undefined]);
  });

  test('of one caller keep those of another on record', async () => {
    const other = await createKey(keys.ORG_ADMIN, { ip_whitelist: ['203.0.113.0/24'] });
    for (let n = 0; n < 30; n++) await attempt();
    await attempt(other.api_key);
    expect(await onRecord(other.id)).toEqual([{ rule: 'networks', outside: '192.0.2.1' }]);
  });
});
