import { runWrangler } from './wrangler.ts';

type Value = string | number | null;

/**
 * A D1 database, local or remote, reached through wrangler. With it, commands on Node run the same code as the Worker.
 * Each call is one `wrangler d1 execute`, which sends all its statements as one transaction. A call takes seconds, so
 * this is for commands, not for serving.
 *
 * wrangler's remote bindings (`getPlatformProxy`) would be faster, but they need `database_id` and `remote = true` in the
 * configuration. wrangler.toml has no ids, because databases are found by name, and with `remote` a local start would
 * work on the deployed database.
 */
export class WranglerD1 implements D1Database {
  readonly #where: readonly string[];
  readonly #binding: string;

  /**
   * @param where wrangler's options that choose the deployment: `--remote` with `--env`, or `--local` with `--persist-to`
   * @param binding which of its databases
   */
  constructor(where: readonly string[], binding = 'DB') {
    this.#where = where;
    this.#binding = binding;
  }

  prepare(query: string): WranglerStatement {
    return new WranglerStatement(this, query, []);
  }

  async batch<T = unknown>(statements: D1PreparedStatement[]): Promise<D1Result<T>[]> {
    const texts = statements.map((statement) => {
      if (!(statement instanceof WranglerStatement)) throw new TypeError('A statement of another database');
      return statement.text;
    });
    // For a local database, wrangler does not print the number of changed rows. So each statement is followed by a
    // SELECT of it. A SELECT leaves changes() as it was, so conditions on changes() in the batch still work.
    const asked = texts.flatMap((text) => [text, 'SELECT changes() AS touched']);
    const printed = await runWrangler([
      'd1',
      'execute',
      this.#binding,
      ...this.#where,
      '--json',
      '--yes',
      `--command=${asked.join(';\n')}`,
    ]);
    const answers: { results: T[]; meta: D1Result['meta'] }[] = JSON.parse(printed);
    return texts.map((_, index) => {
      const answer = answers[index * 2];
      const [touched] = Object.values(answers[index * 2 + 1]?.results[0] ?? {});
      if (answer === undefined || typeof touched !== 'number')
        throw new Error('wrangler gave no answer to a statement');
      return { success: true, results: answer.results, meta: { ...answer.meta, changes: touched } };
    });
  }

  exec(): never {
    throw new Error('Not there in commands');
  }

  withSession(): never {
    throw new Error('Not there in commands');
  }

  dump(): never {
    throw new Error('Not there in commands');
  }
}

class WranglerStatement implements D1PreparedStatement {
  readonly #database: WranglerD1;
  readonly #query: string;
  readonly #values: readonly Value[];

  constructor(database: WranglerD1, query: string, values: readonly Value[]) {
    this.#database = database;
    this.#query = query;
    this.#values = values;
  }

  /** The statement with its values written into the text, because wrangler takes no parameters. */
  get text(): string {
    let next = 0;
    return this.#query.replace(/'(?:[^']|'')*'|"[^"]*"|`[^`]*`|\?/g, (part) =>
      part === '?' ? literal(this.#values[next++] ?? null) : part,
    );
  }

  bind(...values: unknown[]): WranglerStatement {
    return new WranglerStatement(this.#database, this.#query, values.map(asValue));
  }

  async all<T = Record<string, unknown>>(): Promise<D1Result<T>> {
    const [result] = await this.#database.batch<T>([this]);
    if (result === undefined) throw new Error('wrangler gave no answer to a statement');
    return result;
  }

  run<T = Record<string, unknown>>(): Promise<D1Result<T>> {
    return this.all<T>();
  }

  /**
   * Rows as lists, as drizzle reads selects. drizzle names every column differently, so no column is lost in the object
   * in between.
   */
  async raw<T>(): Promise<[string[], ...T[]] & T[]> {
    const { results } = await this.all();
    return results.map((row) => Object.values(row)) as [string[], ...T[]] & T[];
  }

  first(): never {
    throw new Error('Not there in commands');
  }
}

function asValue(value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) return value;
  throw new TypeError(`D1 takes no ${typeof value}`);
}

function literal(value: Value): string {
  if (value === null) return 'NULL';
  if (typeof value === 'number') return String(value);
  // SQLite ends the text of a statement at a NUL. Inside quotes only a quote is special.
  if (value.includes('\0')) throw new TypeError('D1 takes no NUL');
  return `'${value.replaceAll("'", "''")}'`;
}
