import { databaseOver, Primary, Replica } from '../replicas.ts';
import type { Network } from './network.ts';
import { replicaOf, toPrimary, toReplica } from './round-trips.ts';

/** How far a replica is behind. */
const LAG = 300;

/** D1 without faults: a primary, and replicas that are a little behind. Only the ways take time. */
export class CalmD1 {
  readonly #network: Network;
  readonly #primary = new Primary();
  readonly #replicas = new Map<string, Replica>();

  constructor(network: Network) {
    this.#network = network;
  }

  /**
   * The database as a Worker in this location sees it.
   * @param count is called for each query
   */
  at(location: string, count: () => void = () => {}): D1Database {
    return databaseOver({
      askPrimary: (statements) => {
        count();
        return this.#network.ask(toPrimary(location), () => {
          const results = this.#primary.run(statements, this.#network.time.now);
          return { results, bookmark: this.#primary.bookmark };
        });
      },
      askReplica: (statements, from) => {
        count();
        return this.#network.ask(toReplica(location), () =>
          this.#replicaAt(replicaOf(location)).run(statements, from, this.#network.time.now),
        );
      },
    });
  }

  /** Writes to the primary, without any delay. */
  write(sql: string): void {
    this.#primary.run([{ sql, values: [] }], this.#network.time.now);
  }

  #replicaAt(place: string): Replica {
    const known = this.#replicas.get(place);
    if (known !== undefined) return known;
    const replica = new Replica(this.#primary, LAG);
    this.#replicas.set(place, replica);
    return replica;
  }
}
