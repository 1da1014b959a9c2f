import { isWrite, type Sent, Sqlite, sessionOver } from './sqlite-d1.ts';

/*
 * One primary and its replicas, which apply the same commits in the same order. Nothing here takes time: how long the
 * ways are, and what goes wrong on them, is for each simulation to say.
 */

/** The migration draws a random epoch. All copies are of one database, so they get the same one. */
const EPOCH = 'simulated';

interface Answered {
  results: D1Result[];
  /** How many commits the answer rests on at least. */
  bookmark: string;
}

export class Primary {
  readonly #database = new Sqlite(EPOCH);
  readonly committed: { at: number; statements: Sent[] }[] = [];

  /** Runs statements. What they write is a commit of `now`, which replicas apply later. */
  run(statements: Sent[], now: number): D1Result[] {
    const results = this.#database.run(statements);
    const writes = statements.filter(({ sql }) => isWrite(sql));
    if (writes.length > 0) this.committed.push({ at: now, statements: writes });
    return results;
  }

  get bookmark(): string {
    return bookmarkOf(this.committed.length);
  }
}

export class Replica {
  readonly #primary: Primary;
  readonly #database = new Sqlite(EPOCH);
  #applied = 0;
  /** How far it is behind, in milliseconds. */
  lag: number;

  constructor(primary: Primary, lag: number) {
    this.#primary = primary;
    this.lag = lag;
  }

  /** Runs statements on what it has applied: the first `from` commits at least, and all that are older than its lag. */
  run(statements: Sent[], from: number, now: number): Answered {
    const { committed } = this.#primary;
    for (let next = committed[this.#applied]; next !== undefined; next = committed[this.#applied]) {
      if (this.#applied >= from && next.at > now - this.lag) break;
      this.#database.run(next.statements);
      this.#applied += 1;
    }
    return { results: this.#database.run(statements), bookmark: bookmarkOf(this.#applied) };
  }
}

/**
 * A D1 database whose sessions honour bookmarks. Writes, and reads outside of a session, go to the primary.
 * @param ways how the primary and the replica are asked; `from` is how many commits the replica must have applied
 */
export function databaseOver(ways: {
  askPrimary: (statements: Sent[]) => Promise<Answered>;
  askReplica: (statements: Sent[], from: number) => Promise<Answered>;
}): D1Database {
  const open = (constraint?: string): D1DatabaseSession => {
    let bookmark: string | null = null;
    const from = constraint === undefined || constraint.startsWith('first-') ? 0 : Number(constraint);
    const isAtPrimary = constraint === undefined || constraint === 'first-primary';
    return sessionOver(
      async (statements) => {
        const answer = await (isAtPrimary || statements.some(({ sql }) => isWrite(sql))
          ? ways.askPrimary(statements)
          : ways.askReplica(statements, from));
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

function bookmarkOf(commits: number): string {
  return String(commits).padStart(12, '0');
}
