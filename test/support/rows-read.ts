import { env } from 'cloudflare:workers';

/**
 * The test file's databases, counting the rows that batches and single queries read, as D1 reports them. For a call's
 * option `env`.
 */
export function countRowsRead(): { DB: D1Database; USAGE_DB: D1Database; rowsRead: () => number } {
  let rowsRead = 0;
  const counted =
    (target: Pick<D1Database, 'batch'>) =>
    async (statements: D1PreparedStatement[]): Promise<D1Result[]> => {
      const answers = await target.batch(statements.map((statement) => ownStatements.get(statement) ?? statement));
      for (const { meta } of answers) rowsRead += meta.rows_read;
      return answers;
    };
  const prepared =
    (target: Pick<D1Database, 'prepare'>) =>
    (query: string): D1PreparedStatement =>
      countedStatement(target.prepare(query), query, (rows) => {
        rowsRead += rows;
      });
  const countedDatabase = (database: D1Database): D1Database =>
    withMethods(database, {
      batch: counted(database),
      prepare: prepared(database),
      withSession(constraint: string) {
        const session = database.withSession(constraint);
        return withMethods(session, { batch: counted(session), prepare: prepared(session) });
      },
    });
  return { DB: countedDatabase(env.DB), USAGE_DB: countedDatabase(env.USAGE_DB), rowsRead: () => rowsRead };
}

/** D1's own statements, by the proxies that stand for them: D1's `batch` takes no proxies. */
const ownStatements = new WeakMap<D1PreparedStatement, D1PreparedStatement>();

/** D1 answers `raw` without a count. So a query by `raw` is asked once more in a way that has it. */
function countedStatement(
  statement: D1PreparedStatement,
  query: string,
  note: (rows: number) => void,
): D1PreparedStatement {
  const isQuery = /^select/i.test(query);
  const proxy = withMethods(statement, {
    bind: (...values: unknown[]) => countedStatement(statement.bind(...values), query, note),
    async all() {
      const answer = await statement.all();
      note(answer.meta.rows_read);
      return answer;
    },
    async raw() {
      if (isQuery) note((await statement.all()).meta.rows_read);
      return statement.raw();
    },
  });
  ownStatements.set(proxy, statement);
  return proxy;
}

function withMethods<Target extends object>(target: Target, methods: Record<string, unknown>): Target {
  return new Proxy(target, {
    get(_, name) {
      if (typeof name === 'string' && Object.hasOwn(methods, name)) return methods[name];
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
