import { runWrangler } from './wrangler.ts';

type Value = string | number | null;

/**
 * A D1 database as wrangler reaches it, local or remote, for commands that run on Node with the same code as the
 * Worker. Each call is one `wrangler d1 execute`, which sends all its statements as one transaction. That costs seconds
 * a call: it is for commands, not for serving.
 */
export class WranglerD1 implements D1Database {
  readonly #where: readonly string[];

  /** @param where what tells wrangler which database: `--remote`, or `--local` with `--persist-to` */
  constructor(where: readonly string[]) {
    this.#where = where;
  }

  prepare(query: string): WranglerStatement {
    return new WranglerStatement(this, query, []);
  }

  async batch<T = unknown>(statements: D1PreparedStatement[]): Promise<D1Result<T>[]> {
    const texts = statements.map((statement) => {
      if (!(statement instanceof WranglerStatement)) throw new TypeError('A statement of another database');
      return statement.text;
    });
    // What wrangler prints of a local run lacks the number of rows touched, so each statement is asked for it. A SELECT
    // leaves changes() as it was, so the conditions of a batch hold on.
    const asked = texts.flatMap((text) => [text, 'SELECT changes() AS touched']);
    const printed = await runWrangler([
      'd1',
      'execute',
      'DB',
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

  /** The statement with its values written into it: wrangler takes no parameters. */
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

  /** As drizzle reads selects: rows as lists. Its columns have names of their own, so nothing is lost on the way. */
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
  // SQL text ends at a NUL, and inside quotes only a quote means something.
  if (value.includes('\0')) throw new TypeError('D1 takes no NUL');
  return `'${value.replaceAll("'", "''")}'`;
}
