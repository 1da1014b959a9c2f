import type { Random } from './random.ts';
import { databaseOver, Primary, Replica } from './replicas.ts';
import { isWrite, type Sent } from './sqlite-d1.ts';
import type { VirtualTime } from './virtual-time.ts';

/** How far a replica can lag behind the primary, in milliseconds. */
const MOST_LAG = 60_000;

/**
 * D1 with one primary and a replica in each location. Replicas apply commits up to a minute late. Sessions honour
 * bookmarks. Answers may be slow, fail or never come.
 */
export class ReplicatedD1 {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #prompt: number;
  readonly #answersIn: number | undefined;
  readonly #primary = new Primary();
  readonly #replicas: Replica[];
  readonly #onCommit: (at: number) => void;
  /** `failing`: every call ends in an error. `hanging`: no call ends. */
  outage: 'none' | 'failing' | 'hanging' = 'none';
  /** When a call last failed, or took longer than a call waits for it. */
  lastTroubleAt = Number.NEGATIVE_INFINITY;

  /** @param weather `slow` and `answersIn` of the simulation's options */
  constructor(
    time: VirtualTime,
    random: Random,
    locations: number,
    weather: { slow?: boolean; answersIn?: number },
    onCommit: (at: number) => void,
  ) {
    this.#prompt = weather.slow ? 0.5 : 0.88;
    this.#answersIn = weather.answersIn;
    this.#time = time;
    this.#random = random;
    this.#onCommit = onCommit;
    this.#replicas = Array.from({ length: locations }, () => new Replica(this.#primary, 0));
  }

  /** The database as a Worker in this location sees it. */
  at(location: number): D1Database {
    return databaseOver({
      askPrimary: (statements) => this.#answer(() => this.#runOnPrimary(statements)),
      askReplica: (statements, from) => this.#answer(() => this.#runOnReplica(location, statements, from)),
    });
  }

  /** Reads the primary at this moment, without any delay. */
  read(sql: string): Record<string, unknown>[] {
    const [result] = this.#primary.run([{ sql, values: [] }], this.#time.now);
    return (result?.results ?? []) as Record<string, unknown>[];
  }

  /** Writes to the primary behind everyone's back. */
  tamper(sql: string): void {
    this.#commit([{ sql, values: [] }]);
  }

  redrawLag(location: number): void {
    const replica = this.#replicas[location];
    if (replica !== undefined) replica.lag = this.#random.chance(0.3) ? this.#random.between(0, MOST_LAG) : 500;
  }

  /** The way there, the statement and the way back. Each way takes a time of its own. */
  async #answer<Value>(run: () => Value): Promise<Value> {
    if (this.outage === 'hanging') {
      this.lastTroubleAt = this.#time.now;
      return new Promise(() => {});
    }
    await this.#time.sleep(this.#delay());
    if (this.outage !== 'none' || this.#random.chance(0.01)) {
      this.lastTroubleAt = this.#time.now;
      throw new Error('D1_ERROR: out of reach');
    }
    const value = run();
    const delay = this.#delay();
    await this.#time.sleep(delay);
    return value;
  }

  /** The time that one way takes, there or back. */
  #delay(): number {
    const delay = this.#answersIn === undefined ? this.#drawDelay() : this.#answersIn / 2;
    if (delay > 400) this.lastTroubleAt = this.#time.now + delay;
    return delay;
  }

  #drawDelay(): number {
    const luck = this.#random.next();
    if (luck < this.#prompt) return this.#random.between(2, 120);
    return luck < this.#prompt + (1 - this.#prompt) * 0.6
      ? this.#random.between(120, 2_500)
      : this.#random.between(2_500, 45_000);
  }

  #runOnPrimary(statements: Sent[]) {
    const results = statements.some(({ sql }) => isWrite(sql))
      ? this.#commit(statements)
      : this.#primary.run(statements, this.#time.now);
    return { results, bookmark: this.#primary.bookmark };
  }

  #commit(statements: Sent[]): D1Result[] {
    const results = this.#primary.run(statements, this.#time.now);
    this.#onCommit(this.#time.now);
    return results;
  }

  #runOnReplica(location: number, statements: Sent[], from: number) {
    const replica = this.#replicas[location];
    if (replica === undefined) throw new Error('There is no such location');
    return replica.run(statements, from, this.#time.now);
  }
}
