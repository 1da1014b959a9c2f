import { isWrite, type Sent, Sqlite, sessionOver } from '../sqlite-d1.ts';
import type { Network } from './network.ts';
import { replicaOf, toPrimary, toReplica } from './round-trips.ts';

const EPOCH = 'simulated';
/** How far a replica is behind. */
const LAG = 300;

/** D1 without faults: a primary, and replicas that are a little behind. Only the ways take time. */
export class CalmD1 {
  readonly #network: Network;
  readonly #primary = new Sqlite(EPOCH);
  readonly #committed: { at: number; statements: Sent[] }[] = [];
  readonly #replicas = new Map<string, { database: Sqlite; applied: number }>();

  constructor(network: Network) {
    this.#network = network;
  }

  /**
   * The database as a Worker in this location sees it.
   * @param count is called for each query
   */
  at(location: string, count: () => void = () => {}): D1Database {
    const open = (constraint?: string): D1DatabaseSession => {
      let bookmark: string | null = null;
      const toTheReplica = constraint !== undefined && constraint !== 'first-primary';
      const from = Number(constraint) || 0;
      return sessionOver(
        async (statements) => {
          count();
          const isRead = toTheReplica && !statements.some(({ sql }) => isWrite(sql));
          const answer = isRead
            ? await this.#network.ask(toReplica(location), () =>
                this.#runOnReplica(replicaOf(location), statements, from),
              )
            : await this.#network.ask(toPrimary(location), () => this.#runOnPrimary(statements));
          bookmark = answer.bookmark;
          return answer.results;
        },
        () => bookmark,
      );
    };
    const plain = open();
    return {
      prepare: (sql) => plain.prepare(sql),
      batch: (statements) => plain.batch(statements),
      withSession: (constraint) => open(constraint ?? 'first-unconstrained'),
      exec: () => Promise.reject(new Error('Not there in the simulation')),
      dump: () => Promise.reject(new Error('Not there in the simulation')),
    };
  }

  /** Writes to the primary, without any delay. */
  write(sql: string): void {
    this.#runOnPrimary([{ sql, values: [] }]);
  }

  #runOnPrimary(statements: Sent[]) {
    const results = this.#primary.run(statements);
    const writes = statements.filter(({ sql }) => isWrite(sql));
    if (writes.length > 0) this.#committed.push({ at: this.#network.time.now, statements: writes });
    return { results, bookmark: bookmarkOf(this.#committed.length) };
  }

  #runOnReplica(place: string, statements: Sent[], from: number) {
    let replica = this.#replicas.get(place);
    if (replica === undefined) {
      replica = { database: new Sqlite(EPOCH), applied: 0 };
      this.#replicas.set(place, replica);
    }
    for (let next = this.#committed[replica.applied]; next !== undefined; next = this.#committed[replica.applied]) {
      if (replica.applied >= from && next.at > this.#network.time.now - LAG) break;
      replica.database.run(next.statements);
      replica.applied += 1;
    }
    return { results: replica.database.run(statements), bookmark: bookmarkOf(replica.applied) };
  }
}

function bookmarkOf(commits: number): string {
  return String(commits).padStart(12, '0');
}
