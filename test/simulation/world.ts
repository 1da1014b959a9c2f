import { type Isolate, newIsolate } from '../../src/domain/isolate.ts';
import { NO_LIMITS } from '../../src/domain/limits.ts';
import { PERMISSION_NAMES } from '../../src/domain/permissions/permissions.ts';
import type { Services } from '../../src/domain/services.ts';
import type { Call } from '../../src/domain/verification/decide-access.ts';
import { readClock } from '../../src/domain/verification/read-clock.ts';
import { verifyHash } from '../../src/domain/verification/verify-key.ts';
import { pruneFeed } from '../../src/storage/change-feed.ts';
import { openUsageDatabase } from '../../src/storage/database.ts';
import { openForLists } from '../../src/storage/list-reads.ts';
import type { RegionName, Regions } from '../../src/storage/regions.ts';
import { openVerificationSource } from '../../src/storage/verification-source.ts';
import { LateKv } from './late-kv.ts';
import { type ChangeKind, Population } from './population.ts';
import { Random } from './random.ts';
import { loseAll, planRegionWeather, type RegionWeather } from './region-weather.ts';
import { type Ground, type Host, SimulatedRegions } from './regions.ts';
import { ReplicatedD1 } from './replicated-d1.ts';
import { Truth } from './truth.ts';
import { VirtualTime } from './virtual-time.ts';

/*
 * Several locations, each with its isolates, its view of KV and its replica; with regions, the isolates of two locations
 * ask one. Calls and changes happen at random. After each call, the simulation checks that its verdict was true at some
 * moment within the bound.
 */

const BOUND_WITH_REGIONS = 10_000;
const BOUND_WITHOUT = 30_000;
const GRACE = 300_000;
/** The regions, and in which location their objects run. The isolates of a location ask the one with its remainder. */
const REGIONS: { name: RegionName; location: number }[] = [
  { name: 'weur', location: 0 },
  { name: 'enam', location: 1 },
  { name: 'apac', location: 2 },
];
const LOCATIONS = 2 * REGIONS.length;
/** In bad weather, this share of the isolates does not know where it runs, and has no region. */
const SHARE_WITHOUT_REGION = 0.05;
const NEAR_PRIMARY: RegionName = 'weur';
const ISOLATES_PER_LOCATION = 2;
const MEAN_BETWEEN_STEPS = 150;
const SHARE_OF_CHANGES = 0.04;
const ADDRESSES = ['192.0.2.1', '198.51.100.7', '2001:db8::1'];
const HOUR = 60 * 60 * 1000;

export interface Options {
  seed: number;
  /** How many calls and changes to make. */
  steps: number;
  /** The most changes that an answer of the feed holds. Undefined: as deployed. */
  pollLimit?: number;
  /** How long the feed keeps changes, in milliseconds. Undefined: for ever. */
  retention?: number;
  /** D1 is slow in half of all cases. */
  slow?: boolean;
  /** How long each answer of D1 takes, in milliseconds. */
  answersIn?: number;
  /** The clocks of isolates are wrong, and are set back and forward. */
  clockSteps?: boolean;
  /** D1 and KV have no outages. */
  calm?: boolean;
  /** The world has regions, with these kinds of weather. Undefined: `REGION=off`. */
  regions?: { weather: readonly RegionWeather[]; shards?: number; areGone?: boolean };
  /** The rule to break, to see that the simulation notices. */
  breakRule?: Break;
  /** Ends at the first violation. */
  untilViolated?: boolean;
  onProgress?: (stepsDone: number) => void;
}

/** How one rule is broken: what replaces the deployed code. */
export interface Break {
  isolate?: (isolate: Isolate) => Isolate;
  services?: (services: Services) => Services;
  /** Changes what a region answers. */
  answer?: Ground['breakAnswer'];
  /** Called after each commit. */
  tamper?: (d1: ReplicatedD1, kind: ChangeKind) => void;
}

type Tier = 'memory' | 'region' | 'kv' | 'd1';
export interface Report {
  seed: number;
  steps: number;
  locations: number;
  isolates: number;
  calls: number;
  changes: number;
  virtualHours: number;
  /** Verdicts from each tier, and how many of them were stale within what is allowed. */
  tiers: Record<Tier, { verdicts: number; stale: number }>;
  unavailable: number;
  inGrace: number;
  /** Milliseconds, outside of outages. */
  largestStaleness: number;
  largestStalenessInGrace: number;
  pollsPerIsolateAndHour: number;
  /** What D1 was asked by isolates and by regions: for the feed (with a record or without), and for a record alone. */
  asked: Record<'isolates' | 'regions', { polls: number; records: number }>;
  /** Verdicts after the `effective_by` of a pause and of a resumption. */
  afterReceipts: { paused: number; resumed: number };
  violations: string[];
}

/** An isolate that answers calls. */
interface Site extends Host {
  /** The outcome of its polls, observed from outside. It tells whether the grace may apply. */
  polls: { answers: number; areFailing: boolean; lastFailing: number };
}

const SILENCE = 10_000;

export async function simulate(options: Options): Promise<Report> {
  // A contended write draws a random pause before it tries again. With this, one seed still gives one history.
  const drawAnything = Math.random;
  const random = new Random(options.seed + 1);
  Math.random = () => random.next();
  try {
    return await new World(options).run();
  } finally {
    Math.random = drawAnything;
  }
}

class World {
  readonly #options: Options;
  readonly #random: Random;
  readonly #time: VirtualTime;
  readonly #truth = new Truth(GRACE + 60_000);
  readonly #d1: ReplicatedD1;
  readonly #kv: LateKv;
  readonly #population: Population;
  readonly #regions: SimulatedRegions | null;
  readonly #bound: number;
  readonly #sites: Site[];
  /** Locations whose isolates cannot reach D1 at present, while everyone else can. */
  readonly #cutOff = new Map<number, 'failing' | 'hanging'>();
  /**
   * The isolates that get calls at present. Isolates are busy and idle by turns, and fall behind while they are idle.
   */
  #busy: Site[] = [];
  readonly #report: Report;
  #underWay = 0;

  constructor(options: Options) {
    this.#options = options;
    this.#random = new Random(options.seed);
    // Five minutes before midnight, so that keys expire within the first steps.
    this.#time = new VirtualTime(Date.UTC(2031, 4, 1, 23, 55));
    this.#bound = options.regions === undefined ? BOUND_WITHOUT : BOUND_WITH_REGIONS;
    this.#d1 = new ReplicatedD1(this.#time, this.#random, LOCATIONS, options, (at) => this.#onCommit(at));
    this.#population = new Population(this.#time, this.#random, this.#d1, (hash) => this.#start(this.#call(hash)));
    this.#kv = new LateKv(this.#time, this.#random, LOCATIONS);
    this.#regions = options.regions === undefined ? null : this.#newRegions(options.regions.shards ?? 1);
    this.#sites = Array.from({ length: LOCATIONS * ISOLATES_PER_LOCATION }, (_, index) =>
      this.#newSite(index % LOCATIONS),
    );
    this.#report = {
      seed: options.seed,
      steps: options.steps,
      locations: LOCATIONS,
      isolates: this.#sites.length,
      calls: 0,
      changes: 0,
      virtualHours: 0,
      tiers: {
        memory: { verdicts: 0, stale: 0 },
        region: { verdicts: 0, stale: 0 },
        kv: { verdicts: 0, stale: 0 },
        d1: { verdicts: 0, stale: 0 },
      },
      unavailable: 0,
      inGrace: 0,
      largestStaleness: 0,
      largestStalenessInGrace: 0,
      pollsPerIsolateAndHour: 0,
      asked: { isolates: { polls: 0, records: 0 }, regions: { polls: 0, records: 0 } },
      afterReceipts: this.#population.receipts.judged,
      violations: [],
    };
  }

  async run(): Promise<Report> {
    const startedAt = this.#time.now;
    const [site] = this.#sites;
    if (site === undefined) throw new Error('There is no site');
    await this.#time.runUntil(this.#population.settle(() => this.#servicesAt(site)));
    await this.#time.runUntil(this.#live());
    const hours = (this.#time.now - startedAt) / HOUR;
    this.#report.virtualHours = hours;
    this.#report.pollsPerIsolateAndHour = this.#report.asked.isolates.polls / this.#sites.length / hours;
    return this.#report;
  }

  async #live(): Promise<void> {
    this.#planWeather();
    for (let step = 1; step <= this.#options.steps; step++) {
      await this.#time.sleep(this.#random.interval(MEAN_BETWEEN_STEPS));
      if (this.#random.chance(0.001)) {
        const ending = this.#random.pick(this.#sites);
        Object.assign(ending, this.#newSite(ending.location));
      }
      this.#start(this.#random.chance(SHARE_OF_CHANGES) ? this.#change() : this.#call());
      if (step % 10_000 === 0) this.#options.onProgress?.(step);
      if (this.#options.untilViolated && this.#report.violations.length > 0) break;
    }
    while (this.#underWay > 0) await this.#time.sleep(1_000);
  }

  /** Starts something and does not wait for it. */
  #start(work: Promise<void>): void {
    this.#underWay += 1;
    const done = () => {
      this.#underWay -= 1;
    };
    // At the end, work that hangs is waited for no longer than ten minutes.
    const cancel = this.#time.after(10 * 60_000, done);
    work.then(
      () => {
        cancel();
        done();
      },
      () => {
        cancel();
        done();
      },
    );
  }

  #planWeather(): void {
    const outages = ['failing', 'hanging'] as const;
    const plan = (storage: { outage: 'none' | 'failing' | 'hanging' }, meanBetween: number, longest: number) => {
      this.#time.after(this.#random.interval(meanBetween), () => {
        storage.outage = this.#random.pick(outages);
        this.#time.after(this.#random.between(5_000, longest), () => {
          storage.outage = 'none';
          plan(storage, meanBetween, longest);
        });
      });
    };
    if (!this.#options.calm) {
      plan(this.#d1, 30 * 60_000, 8 * 60_000);
      plan(this.#kv, 30 * 60_000, 5 * 60_000);
    }
    const redraw = () => {
      for (let location = 0; location < LOCATIONS; location++) this.#d1.redrawLag(location);
      this.#time.after(30_000, redraw);
    };
    redraw();
    const shift = () => {
      const busy = this.#sites.filter(() => this.#random.chance(0.4));
      this.#busy = busy.length > 0 ? busy : [this.#random.pick(this.#sites)];
      this.#time.after(this.#random.between(3_000, 25_000), shift);
    };
    shift();
    if (this.#options.clockSteps) this.#planClockSteps();
    if (this.#regions !== null) this.#planWeatherOfRegions(this.#regions);
    const { retention } = this.#options;
    if (retention === undefined) return;
    const prune = () => {
      const { db, now } = this.#servicesAt(this.#random.pick(this.#sites));
      this.#start(pruneFeed(db, now() - retention, 1_000).then(() => {}));
      this.#time.after(20_000, prune);
    };
    prune();
  }

  #planWeatherOfRegions({ objects }: SimulatedRegions): void {
    const { weather = [], areGone = false } = this.#options.regions ?? {};
    for (const kind of weather) planRegionWeather({ time: this.#time, random: this.#random, objects }, kind);
    if (areGone) loseAll(objects, this.#random);
    if (weather.length === 0) return;
    // Isolates that cannot reach D1, while their region can.
    const cutOff = () => {
      const location = Math.floor(this.#random.between(0, LOCATIONS));
      this.#cutOff.set(location, this.#random.pick(['failing', 'hanging'] as const));
      this.#time.after(this.#random.between(5_000, 60_000), () => {
        this.#cutOff.delete(location);
        this.#time.after(this.#random.interval(60_000), cutOff);
      });
    };
    this.#time.after(this.#random.interval(60_000), cutOff);
  }

  /**
   * Each isolate reads its clock just before and just after a step, as a busy isolate would. An idle isolate cannot
   * notice a step, so the simulation does not ask that of it.
   */
  #planClockSteps(): void {
    const step = () => {
      const site = this.#random.pick(this.#sites);
      readClock(this.#servicesAt(site));
      if (site.clockError < -HOUR || this.#random.chance(0.3)) site.clockError += this.#random.between(0, 2 * HOUR);
      else
        site.clockError -= this.#random.chance(0.5)
          ? this.#random.between(1_001, 40_000)
          : this.#random.between(1_001, HOUR);
      readClock(this.#servicesAt(site));
      this.#time.after(this.#random.interval(10_000), step);
    };
    step();
  }

  async #call(hash = this.#population.pickHash()): Promise<void> {
    const site = this.#random.pick(this.#busy);
    const { polls } = site;
    const call: Call = {
      clientIp: this.#random.pick(ADDRESSES),
      needs: this.#random.chance(0.3) ? [this.#random.pick(PERMISSION_NAMES)] : [],
    };
    const startedAt = this.#time.now;
    // The tier that answered last before the verdict.
    let tier: Tier = 'memory';
    const from = async <Value>(name: Tier, answer: Promise<Value>): Promise<Value> => {
      const value = await answer;
      tier = name;
      return value;
    };
    const services = this.#servicesAt(site);
    const { cache, regions, source } = services;
    const watched: Services = {
      ...services,
      regions: regions && { ask: (name, question) => from('region', regions.ask(name, question)) },
      cache: { read: (name) => from('kv', cache.read(name)), write: cache.write },
      source: {
        ...source,
        readFeedAndRecord: (after, limit, name) => from('d1', source.readFeedAndRecord(after, limit, name)),
        readRecord: (name, where) => from('d1', source.readRecord(name, where)),
      },
    };
    const answer = verifyHash(watched, hash, call, () => ({ name: `client ${startedAt}`, site: null }));
    // A verdict from memory is given at once. Rewriting its record to KV afterwards is not part of the answer.
    if (!(answer instanceof Promise)) tier = 'memory';
    const verdict = await answer;
    const now = this.#time.now;
    this.#report.calls += 1;
    // The database of this world is never restored.
    if (site.isolate.heard.ask(now).generation > 0) this.#violate(`history forgotten without a restore, at ${now}`);
    if (!verdict.allowed && verdict.code === 'UNAVAILABLE') {
      this.#report.unavailable += 1;
      // It is a violation unless D1 was in trouble shortly before the call or since. A call waits for 2 s, and after
      // that no call waits for another 2 s.
      if (this.#d1.lastTroubleAt < startedAt - 4_000) this.#violate(`UNAVAILABLE without any trouble, at ${now}`);
      return;
    }
    const outcome = verdict.allowed ? `VALID ${verdict.key.label} ${verdict.key.permissions.join(' ')}` : verdict.code;
    const staleness = this.#truth.stalenessOf(outcome, hash, call, now, this.#readClock(site));
    // The grace applies only to calls whose isolate tried to hear the feed and could not.
    const inGrace = polls.areFailing || polls.lastFailing >= startedAt;
    const counted = this.#report.tiers[tier];
    counted.verdicts += 1;
    if (staleness > 0) counted.stale += 1;
    if (inGrace && staleness > this.#bound) this.#report.inGrace += 1;
    if (staleness > (inGrace ? GRACE : this.#bound)) {
      this.#violate(`${outcome} from ${tier} is stale by ${staleness} ms, at ${now}`);
    } else if (inGrace) {
      this.#report.largestStalenessInGrace = Math.max(this.#report.largestStalenessInGrace, staleness);
    } else {
      this.#report.largestStaleness = Math.max(this.#report.largestStaleness, staleness);
    }
    const keyId = verdict.key?.id;
    const broken = keyId === undefined ? null : this.#population.receipts.findBroken(keyId, outcome, now, inGrace);
    if (broken !== null) this.#violate(`${broken}, from ${tier}, at ${now}`);
  }

  async #change(): Promise<void> {
    if (this.#d1.outage !== 'none') return;
    this.#report.changes += 1;
    const site = this.#random.pick(this.#sites);
    await this.#population.change(this.#servicesAt(site), site);
  }

  #onCommit(at: number): void {
    this.#options.breakRule?.tamper?.(this.#d1, this.#population.changing);
    this.#truth.observe(this.#d1, at);
  }

  #newSite(location: number): Site {
    const isolate = this.#newIsolate();
    const { name = null } = REGIONS[location % REGIONS.length] ?? {};
    const { weather = [] } = this.#options.regions ?? {};
    const isLost = weather.length > 0 && this.#random.chance(SHARE_WITHOUT_REGION);
    if (this.#regions !== null && !isLost) {
      isolate.region.own.name = name;
      isolate.region.nearPrimary.name = name === NEAR_PRIMARY ? null : NEAR_PRIMARY;
    }
    return {
      location,
      isolate,
      clockError: this.#options.clockSteps ? this.#random.between(0, HOUR) : 0,
      polls: { answers: 0, areFailing: false, lastFailing: Number.NEGATIVE_INFINITY },
    };
  }

  #newRegions(shards: number): SimulatedRegions {
    const { breakRule, pollLimit } = this.#options;
    const ground: Ground = {
      time: this.#time,
      random: this.#random,
      compose: (host) => this.#break(this.#compose(host, this.#report.asked.regions)),
      breakAnswer: breakRule?.answer,
      breakIsolate: breakRule?.isolate,
      pollLimit,
    };
    return new SimulatedRegions(ground, REGIONS, shards);
  }

  /** A poll fails by an error, or when D1 has answered no poll for 10 s. */
  async #watchPoll(polls: Site['polls'], answer: Promise<unknown>): Promise<void> {
    const { answers } = polls;
    const cancel = this.#time.after(SILENCE, () => {
      if (polls.answers === answers) polls.areFailing = true;
    });
    try {
      await answer;
      polls.answers += 1;
      if (polls.areFailing) polls.lastFailing = this.#time.now;
      polls.areFailing = false;
    } catch {
      polls.areFailing = true;
    }
    cancel();
  }

  #newIsolate(): Isolate {
    const fresh = newIsolate();
    if (this.#options.pollLimit !== undefined) fresh.polls.mostChanges = this.#options.pollLimit;
    // Records are rewritten to KV often, so that it matters in the short time of the simulation.
    fresh.memory.refreshAfterMs = 5_000;
    return this.#options.breakRule?.isolate?.(fresh) ?? fresh;
  }

  /** What an isolate works with. Its polls and its region are watched, to know from outside when it is in an outage. */
  #servicesAt(site: Site): Services {
    const { isolate, location, polls } = site;
    const services = this.#compose(site, this.#report.asked.isolates);
    const { source } = services;
    const watch = <Value>(poll: () => Promise<Value>): Promise<Value> => {
      const answer = this.#reachD1(location, poll);
      void this.#watchPoll(polls, answer);
      return answer;
    };
    const regions = this.#regions;
    return this.#break({
      ...services,
      regions: regions && this.#watchRegions(regions, { isolate, polls, now: services.now }),
      source: {
        ...source,
        readFeed: (after, limit) => watch(() => source.readFeed(after, limit)),
        readFeedAndRecord: (after, limit, hash) => watch(() => source.readFeedAndRecord(after, limit, hash)),
        readRecord: (hash, from) => this.#reachD1(location, () => source.readRecord(hash, from)),
      },
    });
  }

  async #reachD1<Value>(location: number, read: () => Promise<Value>): Promise<Value> {
    const outage = this.#cutOff.get(location);
    if (outage === undefined) return read();
    this.#d1.lastTroubleAt = this.#time.now;
    if (outage === 'hanging') return new Promise(() => {});
    await this.#time.sleep(this.#random.between(2, 300));
    throw new Error('D1_ERROR: out of reach of this location');
  }

  /** An isolate that has heard of the feed by its region within the bound is in no outage any more. */
  #watchRegions(
    regions: SimulatedRegions,
    { isolate, polls, now }: Pick<Site, 'isolate' | 'polls'> & Pick<Services, 'now'>,
  ): Regions {
    return {
      ask: async (name, question) => {
        const answer = await regions.ask(name, question);
        // After the isolate has taken it in.
        this.#time.after(0, () => {
          if (polls.areFailing && isolate.heard.isRecent(now(), this.#bound)) {
            polls.lastFailing = this.#time.now;
            polls.areFailing = false;
          }
        });
        return answer;
      },
    };
  }

  #break(services: Services): Services {
    return this.#options.breakRule?.services?.(services) ?? services;
  }

  /**
   * What code at this host works with, without any region.
   * @param asked counts what D1 is asked
   */
  #compose(host: Host, asked: Report['asked']['isolates']): Services {
    const d1 = this.#d1.at(host.location);
    const source = openVerificationSource(d1);
    return {
      ...host.isolate,
      settings: {
        keyPrefix: 'lk',
        acceptedPrefixes: ['lk'],
        access: null,
        limitsCalls: false,
        limitsVerifying: false,
        requestLog: 'errors',
        maxStalenessMs: this.#bound,
        feedWaitMs: this.#bound,
        hasRegions: this.#regions !== null,
        regionPollMs: 2_000,
        regionShards: 1,
        nearPrimary: NEAR_PRIMARY,
        pollIntervalMs: Math.min(10_000, this.#bound / 2),
        outageGraceMs: GRACE,
        countsUsage: false,
        usageFlushMs: 0,
        auditKeepMs: Number.POSITIVE_INFINITY,
      },
      ...openForLists(d1),
      regions: null,
      sharesPolls: false,
      source: {
        readFeed: (after, limit) => {
          asked.polls += 1;
          return source.readFeed(after, limit);
        },
        readFeedAndRecord: (after, limit, hash) => {
          asked.polls += 1;
          return source.readFeedAndRecord(after, limit, hash);
        },
        readRecord: (hash, from) => {
          asked.records += 1;
          return source.readRecord(hash, from);
        },
        readSession: source.readSession,
      },
      cache: this.#kv.at(host.location),
      usage: { send: async () => {}, db: openUsageDatabase(d1) },
      limits: NO_LIMITS,
      keyring: async () => null,
      fetchAccessKeys: async () => [],
      now: () => this.#readClock(host),
      after: (milliseconds, callBack) => this.#time.after(milliseconds, callBack),
      defer: (work) => void work.catch(() => {}),
    };
  }

  /** Whole milliseconds, as clocks tell them. A record with a fraction of one does not pass the parser. */
  #readClock({ clockError }: Host): number {
    return Math.floor(this.#time.now + clockError);
  }

  #violate(what: string): void {
    this.#report.violations.push(what);
  }
}
