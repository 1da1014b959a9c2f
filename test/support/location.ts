import { env } from 'cloudflare:workers';
import { compose } from '../../src/compose.ts';
import { newIsolate } from '../../src/domain/verification/isolate.ts';
import { createApp } from '../../src/http/app.ts';
import { type Answer, type CallOptions, call } from './client.ts';

/*
 * Locations of the service in one test: each an isolate of its own with a clock that the test moves, on the D1 and KV
 * of the test file, which it can be cut off from, and whose use is counted at the bindings.
 */

/** How a location's calls of D1 or KV end; `throws` is before there is a promise, `hangs` is never. */
export type Reach = 'answers' | 'throws' | 'rejects' | 'hangs';

/** What a location asked of its bindings, in order. */
interface Asked {
  /** Queries of the change feed. */
  feed: string[];
  /** Queries of records of keys. */
  records: string[];
  /** All queries, those included, and what each session began with. */
  d1: string[];
  sessions: string[];
  kvReads: string[];
  kvWrites: string[];
}

export interface Location {
  /** Unix milliseconds. It stands still but for the test, and for waiting until a budget is spent. */
  clock: { now: number };
  d1: Reach;
  kvReads: Reach;
  kvWrites: Reach;
  /** The address of its calls: one that no other location uses, because of the budget of misses. */
  ip: string;
  call: (key: string | null, route: string, options?: CallOptions) => Promise<Answer>;
  /** Asks who the key is, which takes the verification alone. */
  current: (key: string, options?: CallOptions) => Promise<Answer>;
  /** What it asked for while this was done. */
  asking: <Result>(act: () => Promise<Result>) => Promise<{ asked: Asked; result: Result }>;
}

/** Just before midnight, so that a key can expire soon. */
export const START = Date.UTC(2031, 4, 5, 23, 59, 55);

/** The budget that a look-up in KV has; longer ones are of D1. */
const KV_BUDGET_MS = 300;

export function openLocation(settings: Partial<Env> = {}): Location {
  const isolate = newIsolate();
  const deferred: Promise<unknown>[] = [];
  const d1: string[] = [];
  const sessions: string[] = [];
  const kvReads: string[] = [];
  const kvWrites: string[] = [];

  const bindings = {
    DB: replaceMethods(env.DB, {
      withSession(constraint: string) {
        sessions.push(constraint);
        if (location.d1 === 'throws') throw new Error('Out of reach');
        return watchSession(env.DB.withSession(constraint));
      },
      prepare(query: string) {
        d1.push(query);
        return env.DB.prepare(query);
      },
    }),
    KEY_CACHE: replaceMethods(env.KEY_CACHE, {
      get(name: string, type: 'json') {
        kvReads.push(name);
        return reach(location.kvReads, () => env.KEY_CACHE.get(name, type));
      },
      put(name: string, value: string, options: KVNamespacePutOptions) {
        kvWrites.push(name);
        return reach(location.kvWrites, () => env.KEY_CACHE.put(name, value, options));
      },
    }),
  };

  function watchSession(session: D1DatabaseSession): D1DatabaseSession {
    return replaceMethods(session, {
      prepare(query: string) {
        d1.push(query);
        return watchStatement(session.prepare(query));
      },
    });
  }

  function watchStatement(statement: D1PreparedStatement): D1PreparedStatement {
    return replaceMethods(statement, {
      bind: (...values: unknown[]) => watchStatement(statement.bind(...values)),
      raw: () => reach(location.d1, () => statement.raw()),
      all: () => reach(location.d1, () => statement.all()),
    });
  }

  const app = createApp((bound) => ({
    ...compose(bound, { waitUntil: (work) => void deferred.push(work) }, isolate),
    now: () => location.clock.now,
    after(milliseconds, callBack) {
      let cancelled = false;
      const cancel = () => {
        cancelled = true;
      };
      const isSpent = (milliseconds === KV_BUDGET_MS ? location.kvReads : location.d1) === 'hangs';
      if (!isSpent) return cancel;
      setTimeout(() => {
        if (cancelled) return;
        location.clock.now += milliseconds;
        callBack();
      });
      return cancel;
    },
  }));

  async function settle() {
    while (deferred.length > 0) {
      const work = Promise.all(deferred.splice(0));
      const isHanging = [location.d1, location.kvReads, location.kvWrites].includes('hangs');
      await (isHanging ? Promise.race([work, scheduler.wait(1)]) : work);
    }
  }

  const location: Location = {
    clock: { now: START },
    d1: 'answers',
    kvReads: 'answers',
    kvWrites: 'answers',
    ip: `198.18.${randomByte()}.${randomByte()}`,
    async call(key, route, options = {}) {
      const bound = { ...bindings, ...settings, ...options.env };
      const answer = await call(key, route, { ip: location.ip, ...options, app, env: bound });
      await settle();
      return answer;
    },
    current: (key, options) => location.call(key, 'GET /v2/api_keys/current', options),
    async asking(act) {
      const counters = [d1, sessions, kvReads, kvWrites];
      const [fromD1, fromSessions, fromReads, fromWrites] = counters.map(({ length }) => length);
      const result = await act();
      const queries = d1.slice(fromD1);
      const asked = {
        d1: queries,
        feed: queries.filter((query) => query.startsWith('select') && query.includes('"key_changes"')),
        records: queries.filter((query) => query.startsWith('select') && query.includes('"api_key_secrets"."hash" =')),
        sessions: sessions.slice(fromSessions),
        kvReads: kvReads.slice(fromReads),
        kvWrites: kvWrites.slice(fromWrites),
      };
      return { asked, result };
    },
  };
  return location;
}

function reach<Value>(how: Reach, act: () => Promise<Value>): Promise<Value> {
  switch (how) {
    case 'answers':
      return act();
    case 'throws':
      throw new Error('Out of reach');
    case 'rejects':
      return Promise.reject(new Error('Out of reach'));
    case 'hangs':
      return new Promise(() => {});
  }
}

function replaceMethods<Target extends object>(target: Target, methods: Record<string, unknown>): Target {
  return new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function randomByte(): number {
  return Math.floor(Math.random() * 256);
}
