import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import { compose } from '../../src/compose.ts';
import { type Isolate, newIsolate, newRecordsOfRegions, newRegion } from '../../src/domain/isolate.ts';
import type { Services } from '../../src/domain/services.ts';
import { answerIsolate, asRegion } from '../../src/domain/verification/answer-isolate.ts';
import type { RegionAnswer, RegionQuestion } from '../../src/domain/verification/region-answer.ts';
import { type Answer, type CallOptions, call, LIFTED } from './client.ts';

/*
 * Locations of the service in one test. Each is an isolate of its own, with a clock that the test moves. All use the D1
 * and KV of the test file. A test can cut a location off from them, and sees what it asks of them.
 */

/** How a location's calls of D1 or KV end. `throws`: before there is a promise. `hangs`: never. */
export type Reach = 'answers' | 'throws' | 'rejects' | 'hangs';

/** What a location asked of its bindings, in order. */
interface Asked {
  /** Queries of the change feed. */
  feed: string[];
  /** Queries of records of keys. */
  records: string[];
  /** All queries, the feed's and the records' included. */
  d1: string[];
  /** Queries of the usage database. */
  usageDb: string[];
  sessions: string[];
  kvReads: string[];
  kvWrites: string[];
  /** Questions to regions. */
  regions: { name: string; question: RegionQuestion }[];
}

export interface Location {
  /**
   * Unix milliseconds. Only the test moves it, and a call that waits for the end of a budget or for a slow D1. A timer
   * runs when the clock reaches its moment.
   */
  clock: { now: number };
  d1: Reach;
  /** How long each answer of D1 takes, in milliseconds. */
  d1Takes: number;
  /** How queries of the change feed end. Null: as `d1` says. */
  feed: Reach | null;
  /** Whether the nearest replica repeats its first answer about each key. */
  replicaLags: boolean;
  kvReads: Reach;
  kvWrites: Reach;
  /** How queries of the usage database end. */
  usageDb: Reach;
  /** Where its calls come in. Null: the platform does not say, and no region is asked. */
  colo: string | null;
  /** How its questions to regions end, by the name of the region. Left out: they are answered. */
  regions: Record<string, Reach>;
  /** How long each answer of a region takes, in milliseconds. */
  regionTakes: number;
  /** What answers in place of the real regions. Null: the real ones. */
  region: ((question: RegionQuestion, name: string) => Promise<unknown>) | null;
  /** Answers a question as a region with the storage and the clock of this location would. */
  answer: (question: RegionQuestion) => Promise<RegionAnswer | null>;
  /** Takes from that region all that it has heard and remembered. */
  restartRegion: () => void;
  /** The client address of its calls. Each location draws its own, because the budget of look-ups counts by address. */
  ip: string;
  call: (key: string | null, route: string, options?: CallOptions) => Promise<Answer>;
  /** Calls `GET /v2/api_keys/current`, which needs only the verification. */
  current: (key: string, options?: CallOptions) => Promise<Answer>;
  /** Lets time pass, and runs the timers that are due in it. */
  pass: (milliseconds: number) => Promise<void>;
  /** Runs `act` and returns what the location asked of its bindings meanwhile. */
  asking: <Result>(act: () => Promise<Result>) => Promise<{ asked: Asked; result: Result }>;
}

/** Five seconds before midnight UTC, so that a key can expire soon. */
export const START = Date.UTC(2031, 4, 5, 23, 59, 55);

/** The bound of a service without regions. */
const WITHOUT_REGIONS = { REGION: 'off', MAX_STALENESS_SECONDS: '30' };

/**
 * How long a call waits for KV and for D1, and for another call's poll or health check before it looks again. The Worker's timers are
 * recognised by these numbers.
 */
const KV_BUDGET_MS = 300;
const D1_BUDGET_MS = 2_000;
const LOOK_AGAIN_MS = [20, 100];
const REGION_BUDGETS_MS = [250, 500];
const REGION_POLL_MS = 2_000;

/** A call that asks nothing of storage for so many turns of the event loop is taken to wait for time to pass. */
const STUCK_AFTER = 8;

/** @param replaced settings; left out, those of a service without regions */
export function openLocation(replaced: Partial<Env> = {}): Location {
  const settings = { ...WITHOUT_REGIONS, ...replaced };
  const isolate = newIsolate();
  let regionIsolate = newRegion(newRecordsOfRegions());
  const regions: Asked['regions'] = [];
  const deferred: Promise<unknown>[] = [];
  const d1: string[] = [];
  const sessions: string[] = [];
  const kvReads: string[] = [];
  const kvWrites: string[] = [];
  const usageDb: string[] = [];
  const time = new TestTime();
  const firstAnswers = new Map<string, unknown[]>();
  /** Calls of the real storage that are in progress. */
  let asked = 0;
  let calls = 0;

  const bindings = {
    DB: replaceMethods(env.DB, {
      withSession(constraint: string) {
        sessions.push(constraint);
        if (location.d1 === 'throws') throw new Error('Out of reach');
        return watchSession(env.DB.withSession(constraint), constraint !== 'first-primary');
      },
      prepare(query: string) {
        d1.push(query);
        return env.DB.prepare(query);
      },
    }),
    KEY_CACHE: replaceMethods(env.KEY_CACHE, {
      getWithMetadata(name: string, type: 'json') {
        kvReads.push(name);
        return reach(location.kvReads, () => env.KEY_CACHE.getWithMetadata(name, type));
      },
      put(name: string, value: string, options: KVNamespacePutOptions) {
        kvWrites.push(name);
        return reach(location.kvWrites, () => env.KEY_CACHE.put(name, value, options));
      },
    }),
    USAGE_DB: replaceMethods(env.USAGE_DB, {
      prepare(query: string) {
        usageDb.push(query);
        return watchUsage(env.USAGE_DB.prepare(query));
      },
    }),
    REGIONS: replaceMethods(env.REGIONS, {
      getByName: (name: string, options: DurableObjectNamespaceGetDurableObjectOptions) => ({
        ask(question: RegionQuestion) {
          regions.push({ name, question });
          const how = location.regions[name.split(' ')[0] ?? ''] ?? 'answers';
          return reach(how, async () => {
            const { regionTakes, region } = location;
            if (regionTakes > 0) await new Promise<void>((done) => time.after(regionTakes, done, 'drives'));
            return region === null ? env.REGIONS.getByName(name, options).ask(question) : region(question, name);
          });
        },
      }),
    }),
  };

  /** D1's own statements, and their queries, by the proxies that stand for them: D1's `batch` takes no proxies. */
  const watched = new WeakMap<D1PreparedStatement, { own: D1PreparedStatement; query: string }>();

  function watchSession(session: D1DatabaseSession, isOfReplica: boolean): D1DatabaseSession {
    return replaceMethods(session, {
      batch(statements: D1PreparedStatement[]) {
        const given = statements.map((statement) => watched.get(statement) ?? { own: statement, query: '' });
        return reachD1(given.some(({ query }) => isOfFeed(query)) ? location.feed : null, () =>
          session.batch(given.map(({ own }) => own)),
        );
      },
      prepare(query: string) {
        d1.push(query);
        return watchStatement(session.prepare(query), { query, isOfReplica, values: '' });
      },
    });
  }

  function watchStatement(
    statement: D1PreparedStatement,
    about: { query: string; isOfReplica: boolean; values: string },
  ): D1PreparedStatement {
    const how = isOfFeed(about.query) ? location.feed : null;
    const proxy = replaceMethods(statement, {
      bind: (...values: unknown[]) =>
        watchStatement(statement.bind(...values), { ...about, values: JSON.stringify(values) }),
      raw: () =>
        reachD1(how, () => (isOfRecord(about.query) ? readAsReplica(about, () => statement.raw()) : statement.raw())),
      all: () => reachD1(how, () => statement.all()),
    });
    watched.set(proxy, { own: statement, query: about.query });
    return proxy;
  }

  function watchUsage(statement: D1PreparedStatement): D1PreparedStatement {
    return replaceMethods(statement, {
      bind: (...values: unknown[]) => watchUsage(statement.bind(...values)),
      raw: () => reach(location.usageDb, () => statement.raw()),
      all: () => reach(location.usageDb, () => statement.all()),
    });
  }

  function reachD1<Value>(how: Reach | null, act: () => Promise<Value>): Promise<Value> {
    return reach(how ?? location.d1, async () => {
      if (location.d1Takes > 0) await new Promise<void>((done) => time.after(location.d1Takes, done, 'drives'));
      return act();
    });
  }

  async function readAsReplica(
    { isOfReplica, values }: { isOfReplica: boolean; values: string },
    act: () => Promise<unknown[]>,
  ): Promise<unknown[]> {
    const first = firstAnswers.get(values);
    if (location.replicaLags && isOfReplica && first !== undefined) return first;
    const answer = await act();
    if (first === undefined) firstAnswers.set(values, answer);
    return answer;
  }

  function reach<Value>(how: Reach, act: () => Promise<Value>): Promise<Value> {
    switch (how) {
      case 'answers':
        asked += 1;
        return act().finally(() => {
          asked -= 1;
        });
      case 'throws':
        throw new Error('Out of reach');
      case 'rejects':
        return Promise.reject(new Error('Out of reach'));
      case 'hangs':
        return new Promise(() => {});
    }
  }

  /** Moves the clock on while calls wait for nothing but time. */
  async function drive(): Promise<void> {
    for (let quiet = 0; calls > 0; quiet++) {
      await scheduler.wait(0);
      if (asked !== time.driving) quiet = 0;
      if (quiet < STUCK_AFTER) continue;
      time.advance();
      quiet = 0;
    }
  }

  /** Whether a call waits for this timer and not for an answer. */
  function isWaitedFor(milliseconds: number): boolean {
    const { d1, feed, kvReads, usageDb, d1Takes, regionTakes } = location;
    if (LOOK_AGAIN_MS.includes(milliseconds)) return true;
    if (milliseconds === KV_BUDGET_MS) return kvReads === 'hangs';
    const hangs = [d1, feed, kvReads, usageDb].includes('hangs');
    if (milliseconds === D1_BUDGET_MS && (hangs || d1Takes > D1_BUDGET_MS)) return true;
    const isOfRegion = REGION_BUDGETS_MS.includes(milliseconds) || milliseconds === D1_BUDGET_MS;
    return isOfRegion && (Object.values(location.regions).includes('hangs') || regionTakes > milliseconds);
  }

  const composeAt = (bound: Env, of: Isolate): Services => ({
    ...compose(bound, { waitUntil: (work) => void deferred.push(work) }, of),
    now: () => time.now,
    after(milliseconds, callBack) {
      return time.after(milliseconds, callBack, isWaitedFor(milliseconds) ? 'is waited for' : null);
    },
  });
  const app = createApp((bound) => composeAt(bound, isolate));

  async function settle() {
    while (deferred.length > 0) {
      const work = Promise.all(deferred.splice(0));
      const { d1, feed, kvReads, kvWrites, usageDb, d1Takes, regionTakes } = location;
      const reaches = [d1, feed, kvReads, kvWrites, usageDb, ...Object.values(location.regions)];
      const isHanging = reaches.includes('hangs') || d1Takes > 0 || regionTakes > 0;
      await (isHanging ? Promise.race([work, scheduler.wait(1)]) : work);
    }
  }

  const location: Location = {
    clock: time,
    d1: 'answers',
    d1Takes: 0,
    feed: null,
    replicaLags: false,
    kvReads: 'answers',
    kvWrites: 'answers',
    usageDb: 'answers',
    colo: null,
    regions: {},
    regionTakes: 0,
    region: null,
    async answer(question) {
      const bound = { ...env, ...LIFTED, ...bindings, ...settings };
      calls += 1;
      if (calls === 1) void drive();
      const answered = await answerIsolate(asRegion(composeAt(bound, regionIsolate), REGION_POLL_MS), question);
      calls -= 1;
      await settle();
      return answered;
    },
    restartRegion() {
      regionIsolate = newRegion(newRecordsOfRegions());
    },
    ip: `198.18.${randomByte()}.${randomByte()}`,
    async call(key, route, options = {}) {
      const bound = { ...bindings, ...settings, ...options.env };
      calls += 1;
      if (calls === 1) void drive();
      const at = location.colo === null ? {} : { colo: location.colo };
      const answer = await call(key, route, { ip: location.ip, ...at, ...options, app, env: bound });
      calls -= 1;
      await settle();
      return answer;
    },
    current: (key, options) => location.call(key, 'GET /v2/api_keys/current', options),
    async pass(milliseconds) {
      const until = time.now + milliseconds;
      while (time.now < until) {
        time.now = Math.min(until, time.nextPlan ?? until);
        do await scheduler.wait(1);
        while (asked !== time.driving);
      }
    },
    async asking(act) {
      const counters = [d1, sessions, kvReads, kvWrites, regions, usageDb];
      const [fromD1, fromSessions, fromReads, fromWrites, fromRegions, fromUsageDb] = counters.map(
        ({ length }) => length,
      );
      const result = await act();
      const queries = d1.slice(fromD1);
      const asked = {
        d1: queries,
        feed: queries.filter(isOfFeed),
        records: queries.filter(isOfRecord),
        sessions: sessions.slice(fromSessions),
        kvReads: kvReads.slice(fromReads),
        kvWrites: kvWrites.slice(fromWrites),
        regions: regions.slice(fromRegions),
        usageDb: usageDb.slice(fromUsageDb),
      };
      return { asked, result };
    },
  };
  return location;
}

function isOfFeed(query: string): boolean {
  return query.startsWith('select') && query.includes('"key_changes"');
}

function isOfRecord(query: string): boolean {
  return query.startsWith('select') && query.includes('"api_key_secrets"."hash" =');
}

/** A clock that the test sets, with its timers. */
class TestTime {
  readonly #plans = new Set<{ at: number; callBack: () => void; why: 'drives' | 'is waited for' | null }>();
  #now = START;

  get now(): number {
    return this.#now;
  }

  /**
   * Setting it forward runs the timers that come due. Setting it back moves all timers back as far, so that their
   * delays stay the same.
   */
  set now(moment: number) {
    if (moment < this.#now) for (const plan of this.#plans) plan.at -= this.#now - moment;
    for (let next = this.#next(); next !== undefined && next.at <= moment; next = this.#next()) {
      this.#plans.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callBack();
    }
    this.#now = moment;
  }

  /** The moment of the next timer. Null: there is none. */
  get nextPlan(): number | null {
    return this.#next()?.at ?? null;
  }

  /** How many slow answers of D1 are waiting for their timer. */
  get driving(): number {
    return [...this.#plans].filter(({ why }) => why === 'drives').length;
  }

  after(milliseconds: number, callBack: () => void, why: 'drives' | 'is waited for' | null): () => void {
    const plan = { at: this.#now + milliseconds, callBack, why };
    this.#plans.add(plan);
    return () => void this.#plans.delete(plan);
  }

  /** Moves the clock to the next timer that a call waits for. */
  advance(): void {
    const next = this.#next(({ why }) => why !== null);
    if (next !== undefined) this.now = next.at;
  }

  #next(isMeant: (plan: { why: string | null }) => boolean = () => true) {
    return [...this.#plans].filter(isMeant).toSorted((a, b) => a.at - b.at)[0];
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
