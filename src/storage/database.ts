import type { BatchItem } from 'drizzle-orm/batch';
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1';
import { classifyStorageError } from './storage-error.ts';

/** Either database. */
export type Opened = DrizzleD1Database & { $client: D1Database };

/** The database of organisations, users and keys, with the change feed and the audit log. */
export type Database = Opened & { readonly holds: 'keys' };

/** The database of usage counts. The two have different types, so that neither compiles in place of the other. */
export type UsageDatabase = Opened & { readonly holds: 'usage' };

/** One statement of a batch. D1 has no interactive transactions: a batch is the transaction. */
export type Statement = BatchItem<'sqlite'>;

/**
 * Opens the database of keys. Its queries throw a `StorageError` when D1 gave no answer.
 * @param afterBatch called after each batch, whether it succeeded or failed
 */
export function openDatabase(d1: D1Database, afterBatch: () => void = () => {}): Database {
  return Object.assign(drizzle(classifyingErrors(d1, afterBatch)), { holds: 'keys' } as const);
}

/** Opens the database of usage counts. Its queries throw as those of `openDatabase`. */
export function openUsageDatabase(d1: D1Database): UsageDatabase {
  return Object.assign(drizzle(classifyingErrors(d1, () => {})), { holds: 'usage' } as const);
}

/** D1's own statements, by the proxies that stand for them: D1's `batch` takes no proxies. */
const ownStatements = new WeakMap<D1PreparedStatement, D1PreparedStatement>();

function classifyingErrors(d1: D1Database, afterBatch: () => void): D1Database {
  return withMethods(d1, {
    prepare: (query: string) => classifyingErrorsOf(classified(() => d1.prepare(query))),
    batch: (statements: D1PreparedStatement[]) =>
      classifiedLater(() => d1.batch(statements.map((statement) => ownStatements.get(statement) ?? statement))).finally(
        afterBatch,
      ),
  });
}

function classifyingErrorsOf(statement: D1PreparedStatement): D1PreparedStatement {
  const watched = withMethods(statement, {
    bind: (...values: unknown[]) => classifyingErrorsOf(classified(() => statement.bind(...values))),
    run: () => classifiedLater(() => statement.run()),
    all: () => classifiedLater(() => statement.all()),
    raw: () => classifiedLater(() => statement.raw()),
  });
  ownStatements.set(watched, statement);
  return watched;
}

function classified<Value>(act: () => Value): Value {
  try {
    return act();
  } catch (error) {
    throw classifyStorageError(error);
  }
}

async function classifiedLater<Value>(act: () => Promise<Value>): Promise<Value> {
  try {
    return await act();
  } catch (error) {
    throw classifyStorageError(error);
  }
}

/** The same object, with some of its methods replaced. */
function withMethods<Target extends object>(target: Target, methods: Record<string, unknown>): Target {
  return new Proxy(target, {
    get(_, name) {
      if (typeof name === 'string' && Object.hasOwn(methods, name)) return methods[name];
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Runs statements in one transaction. @returns what D1 answered for each, in their order */
export async function runBatch(db: Opened, statements: readonly Statement[]): Promise<unknown[]> {
  const [first, ...others] = statements;
  return first === undefined ? [] : db.batch([first, ...others]);
}

/** Runs statements that write and, last, a query, in one transaction. @returns what the query found */
export async function writeThenRead<Row>(
  db: Database,
  statements: readonly Statement[],
  query: Statement & PromiseLike<Row[]>,
): Promise<Row[]> {
  const answers = await runBatch(db, [...statements, query]);
  // drizzle types the answers of a batch by position, which a list of unknown length does not have. The last answer is
  // the query's, so the query's type gives its type.
  return answers.pop() as Row[];
}

/** Runs statements that write, in one transaction. @returns how many rows were touched by the one that touched the most */
export async function countTouched(db: Opened, statements: readonly Statement[]): Promise<number> {
  return Math.max(...(await runBatch(db, statements)).map(rowsTouched));
}

/** How many rows a statement of a batch touched, from what D1 answered for it. */
function rowsTouched(answer: unknown): number {
  if (typeof answer !== 'object' || answer === null || !('meta' in answer)) return 0;
  const { meta } = answer;
  if (typeof meta !== 'object' || meta === null || !('changes' in meta)) return 0;
  return typeof meta.changes === 'number' ? meta.changes : 0;
}
