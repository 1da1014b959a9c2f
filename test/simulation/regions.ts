import { type Isolate, newRecordsOfRegions, newRegion } from '../../src/domain/isolate.ts';
import type { Services, Verification } from '../../src/domain/services.ts';
import { answerIsolate, asRegion, followAsRegion } from '../../src/domain/verification/answer-isolate.ts';
import { HeardChanges } from '../../src/domain/verification/heard-changes.ts';
import { readClock } from '../../src/domain/verification/read-clock.ts';
import {
  parseRegionQuestion,
  type RegionAnswer,
  type RegionQuestion,
} from '../../src/domain/verification/region-answer.ts';
import type { RegionName, Regions } from '../../src/storage/regions.ts';
import type { Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

/*
 * The regions of the simulated world. What an object knows, looks up and answers is the deployed code. Simulated are the
 * object's life (src/region/region.ts), the way to it, and the way from it to D1.
 */

const POLL_INTERVAL = 2_000;
/** As in src/region/region.ts. */
const IN_USE = 15 * 60_000;
const LOST_ALARM = 10_000;

/** Where something runs, with what it remembers. */
export interface Host {
  location: number;
  isolate: Isolate;
  /** Its clock minus the true one, in milliseconds. */
  clockError: number;
}

/** What the objects of the regions take from the world. */
export interface Ground {
  time: VirtualTime;
  random: Random;
  /** What code at this host works with. */
  compose: (host: Host) => Services;
  /** Changes the answer of a region, to break a rule. Undefined: it stays. */
  breakAnswer?: ((answer: RegionAnswer, question: RegionQuestion, services: Verification) => RegionAnswer) | undefined;
  breakIsolate?: ((isolate: Isolate) => Isolate) | undefined;
  /** The most changes that an answer of the feed holds, and ids that an object remembers. Undefined: as deployed. */
  pollLimit?: number | undefined;
}

/** Tells no more changes than it is allowed to at present. */
class BriefChanges extends HeardChanges {
  mostTold = Number.POSITIVE_INFINITY;

  override tell(after: number, most: number, now: number) {
    return super.tell(after, Math.min(most, this.mostTold), now);
  }
}

/** The life of a Durable Object, from an empty memory to its end. */
class Life implements Host {
  readonly location: number;
  readonly isolate: Isolate;
  clockError: number;
  isOver = false;
  readonly heard: BriefChanges;
  readonly #object: RegionObject;
  readonly #ground: Ground;
  #askedAt = Number.NEGATIVE_INFINITY;
  #alarmAt = Number.NEGATIVE_INFINITY;

  constructor(ground: Ground, object: RegionObject, records: Isolate['memory']['records'], clockError: number) {
    this.#ground = ground;
    this.#object = object;
    this.location = object.location;
    this.clockError = clockError;
    const { pollLimit } = ground;
    // As many ids as are often in use at once, so that it forgets some.
    this.heard = pollLimit === undefined ? new BriefChanges(20_000) : new BriefChanges(12);
    const fresh = { ...newRegion(records), heard: this.heard };
    if (pollLimit !== undefined) fresh.polls.mostChanges = pollLimit;
    fresh.memory.refreshAfterMs = 5_000;
    this.isolate = ground.breakIsolate?.(fresh) ?? fresh;
  }

  async ask(given: RegionQuestion): Promise<RegionAnswer | null> {
    const question = parseRegionQuestion(given);
    if (question === null) return null;
    const services = this.services();
    const now = services.now();
    this.#askedAt = now;
    if (!(now < this.#alarmAt + LOST_ALARM && this.#alarmAt < now + LOST_ALARM)) this.#setAlarm(services);
    const answer = await answerIsolate(services, question);
    return answer === null ? null : (this.#ground.breakAnswer?.(answer, question, services) ?? answer);
  }

  async alarm(): Promise<void> {
    const services = this.services();
    this.#alarmAt = Number.NEGATIVE_INFINITY;
    const sinceAsked = services.now() - this.#askedAt;
    if (!(sinceAsked >= 0 && sinceAsked < IN_USE)) return;
    this.#setAlarm(services);
    await followAsRegion(services);
  }

  /** The clock is read just before and just after the step. Nobody can notice a step that happens unread. */
  stepClock(by: number): void {
    readClock(this.services());
    this.clockError += by;
    readClock(this.services());
  }

  services(): Verification {
    const services = this.#ground.compose(this);
    const { source } = services;
    const over = <Value>(read: () => Promise<Value>) => this.#object.reachD1(read);
    return asRegion(
      {
        ...services,
        source: {
          ...source,
          readFeed: (after, limit) => over(() => source.readFeed(after, limit)),
          readFeedAndRecord: (after, limit, hash) => over(() => source.readFeedAndRecord(after, limit, hash)),
          readRecord: (hash, from) => over(() => source.readRecord(hash, from)),
        },
      },
      POLL_INTERVAL,
    );
  }

  #setAlarm({ now, settings }: Verification): void {
    this.#alarmAt = now() + settings.pollIntervalMs;
    this.#object.setAlarm(settings.pollIntervalMs);
  }
}

/** A name under which isolates find a region. As a rule one object answers to it. */
export class RegionObject {
  readonly location: number;
  readonly #ground: Ground;
  #lives: Life[];
  #cancelAlarm: () => void = () => {};
  /** The records of all objects that share an isolate with this one. */
  #records: Isolate['memory']['records'];

  /** What becomes of a question. */
  outage: 'none' | 'failing' | 'hanging' | 'overloaded' = 'none';
  /** What becomes of its questions to D1. */
  cutOff: 'none' | 'failing' | 'hanging' = 'none';
  isSlow = false;
  losesAlarms = false;
  isBrief = false;
  garbles = false;
  /** How far the clock of a new life may be off, in milliseconds. */
  clockTolerance = 0;

  constructor(ground: Ground, location: number, records: Isolate['memory']['records']) {
    this.#ground = ground;
    this.location = location;
    this.#records = records;
    this.#lives = [this.#newLife()];
  }

  async ask(question: RegionQuestion): Promise<unknown> {
    const { time, random } = this.#ground;
    if (this.outage === 'hanging') return new Promise(() => {});
    await time.sleep(this.#delay());
    if (this.outage === 'failing') throw new Error('Network connection lost.');
    if (this.outage === 'overloaded') {
      throw Object.assign(new Error('Durable Object is overloaded.'), { overloaded: true });
    }
    const life = random.pick(this.#lives);
    life.heard.mostTold = this.isBrief ? Math.ceil(random.between(0, 3)) : Number.POSITIVE_INFINITY;
    const answer = await life.ask(structuredClone(question));
    if (life.isOver) throw new Error('The Durable Object was reset.');
    // What it holds changes while the answer is on its way.
    const sent: unknown = structuredClone(answer);
    await time.sleep(this.#delay());
    return this.garbles && random.chance(0.7) ? garble(sent, random) : sent;
  }

  /** An object has one alarm, which survives it. */
  setAlarm(milliseconds: number): void {
    const { time, random } = this.#ground;
    this.#cancelAlarm();
    const isLost = this.losesAlarms || random.chance(0.002);
    const late = random.chance(0.05) ? random.between(0, 5_000) : random.between(0, 30);
    this.#cancelAlarm = isLost
      ? () => {}
      : time.after(
          milliseconds + late,
          () =>
            void this.#lives
              .at(-1)
              ?.alarm()
              .catch(() => {}),
        );
  }

  async reachD1<Value>(read: () => Promise<Value>): Promise<Value> {
    if (this.cutOff === 'hanging') return new Promise(() => {});
    if (this.cutOff === 'none') return read();
    await this.#ground.time.sleep(this.#ground.random.between(2, 300));
    throw new Error('D1_ERROR: out of reach of this region');
  }

  /** It begins again with an empty memory. The records of an isolate may outlive the objects that it runs. */
  restart(): void {
    for (const life of this.#lives) life.isOver = true;
    if (this.#ground.random.chance(0.5)) this.#records = newRecordsOfRegions();
    this.#lives = [this.#newLife()];
  }

  /** For a while the platform may run two objects of one name. */
  double(): void {
    this.#records = newRecordsOfRegions();
    this.#lives.push(this.#newLife());
  }

  endDoubles(): void {
    const [kept] = this.#ground.random.chance(0.5) ? this.#lives : this.#lives.toReversed();
    if (kept !== undefined) this.#lives = [kept];
  }

  stepClock(by: number): void {
    this.#ground.random.pick(this.#lives).stepClock(by);
  }

  /** How long one way to it takes. */
  #delay(): number {
    const { random } = this.#ground;
    if (!this.isSlow) return random.chance(0.97) ? random.between(1, 60) : random.between(60, 600);
    return random.chance(0.7) ? random.between(100, 3_000) : random.between(3_000, 45_000);
  }

  #newLife(): Life {
    const { random } = this.#ground;
    const clockError = this.clockTolerance === 0 ? 0 : random.between(-this.clockTolerance, this.clockTolerance);
    return new Life(this.#ground, this, this.#records, clockError);
  }
}

/** All regions, with their objects. */
export class SimulatedRegions implements Regions {
  readonly objects: RegionObject[] = [];
  readonly #byRegion = new Map<RegionName, RegionObject[]>();
  readonly #ground: Ground;

  /** @param shards how many objects serve each region */
  constructor(ground: Ground, places: readonly { name: RegionName; location: number }[], shards: number) {
    this.#ground = ground;
    for (const { name, location } of places) {
      // The objects of a region may share an isolate, and so its memory for records.
      const records = newRecordsOfRegions();
      const objects = Array.from({ length: shards }, () => new RegionObject(ground, location, records));
      this.#byRegion.set(name, objects);
      this.objects.push(...objects);
    }
  }

  async ask(name: RegionName, question: RegionQuestion): Promise<unknown> {
    const objects = this.#byRegion.get(name) ?? [];
    const { hash } = question;
    const object = hash === null ? this.#ground.random.pick(objects) : objects[sumOf(hash) % objects.length];
    if (object === undefined) throw new Error(`There is no region ${name}`);
    return object.ask(question);
  }
}

function sumOf(text: string): number {
  return [...text].reduce((sum, character) => sum + character.charCodeAt(0), 0);
}

/** An answer that is none, or that says less than it did. */
function garble(answer: unknown, random: Random): unknown {
  if (typeof answer !== 'object' || answer === null || !('feed' in answer)) return 'an answer of another version';
  const { feed } = answer;
  if (typeof feed !== 'object') return undefined;
  return random.pick<unknown>([
    undefined,
    'an answer of another version',
    { feed },
    { feed: null, found: null },
    { ...answer, version: 2 },
    { ...answer, feed: { ...feed, age: Number.NaN } },
    { ...answer, feed: { ...feed, age: -1 } },
    { ...answer, feed: { ...feed, age: Number.POSITIVE_INFINITY } },
    { ...answer, feed: { ...feed, age: '0' } },
    { ...answer, feed: { ...feed, head: -1 } },
    { ...answer, feed: { ...feed, floor: Number.NaN } },
    { ...answer, feed: { ...feed, epoch: null } },
    { ...answer, feed: { ...feed, changes: [['key', 0.5]] } },
    { ...answer, found: { record: { keyId: 1 } } },
    { ...answer, found: { absentFor: Number.NaN } },
    { ...answer, found: { absentFor: -1 } },
  ]);
}
