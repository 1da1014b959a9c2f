import { readdirSync, readFileSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

/** One statement with its values, as sent to D1. */
export interface Sent {
  sql: string;
  values: SQLInputValue[];
}

/** An SQLite database with the migrations applied. D1 is SQLite inside, and the simulation needs several copies. */
export class Sqlite {
  readonly #database = new DatabaseSync(':memory:');
  readonly #prepared = new Map<string, ReturnType<DatabaseSync['prepare']>>();

  constructor(epoch: string) {
    this.#database.exec('PRAGMA foreign_keys = ON');
    for (const file of readdirSync('migrations')
      .filter((name) => name.endsWith('.sql'))
      .sort()) {
      this.#database.exec(readFileSync(`migrations/${file}`, 'utf8'));
    }
    // The migration draws a random epoch. All copies are of one database, so they get the same one.
    this.#database.prepare('UPDATE feed_state SET epoch = ?').run(epoch);
  }

  /** Runs statements as one transaction. */
  run(statements: readonly Sent[]): D1Result[] {
    if (statements.length === 1) return statements.map((sent) => this.#runOne(sent));
    this.#database.exec('BEGIN');
    try {
      const results = statements.map((sent) => this.#runOne(sent));
      this.#database.exec('COMMIT');
      return results;
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #runOne({ sql, values }: Sent): D1Result {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    if (!isWrite(sql)) return { success: true, results: statement.all(...values), meta: META };
    const { changes } = statement.run(...values);
    return { success: true, results: [], meta: { ...META, changes: Number(changes) } };
  }
}

export function isWrite(sql: string): boolean {
  return !/^\s*select/i.test(sql);
}

const META: D1Meta & Record<string, unknown> = {
  duration: 0,
  size_after: 0,
  rows_read: 0,
  rows_written: 0,
  last_row_id: 0,
  changed_db: false,
  changes: 0,
};

/** A D1 session that passes its statements to `run`. */
export function sessionOver(
  run: (statements: Sent[]) => Promise<D1Result[]>,
  bookmark: () => string | null,
): D1DatabaseSession {
  return {
    prepare: (sql) => new SqliteStatement(run, { sql, values: [] }),
    async batch<T>(statements: D1PreparedStatement[]) {
      const sent = statements.map((statement) => {
        if (!(statement instanceof SqliteStatement)) throw new TypeError('A statement of another database');
        return statement.sent;
      });
      return (await run(sent)) as D1Result<T>[];
    },
    getBookmark: bookmark,
  };
}

class SqliteStatement implements D1PreparedStatement {
  readonly #run: (statements: Sent[]) => Promise<D1Result[]>;
  readonly sent: Sent;

  constructor(run: (statements: Sent[]) => Promise<D1Result[]>, sent: Sent) {
    this.#run = run;
    this.sent = sent;
  }

  bind(...values: unknown[]): SqliteStatement {
    return new SqliteStatement(this.#run, { sql: this.sent.sql, values: values.map(toInput) });
  }

  async all<T>(): Promise<D1Result<T>> {
    const [result] = await this.#run([this.sent]);
    return result as D1Result<T>;
  }

  run<T>(): Promise<D1Result<T>> {
    return this.all<T>();
  }

  async raw<T>(): Promise<[string[], ...T[]] & T[]> {
    const { results } = await this.all<Record<string, unknown>>();
    return results.map((row) => Object.values(row)) as [string[], ...T[]] & T[];
  }

  first(): never {
    throw new Error('Not there in the simulation');
  }
}

function toInput(value: unknown): SQLInputValue {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  throw new TypeError(`D1 takes no ${typeof value}`);
}
