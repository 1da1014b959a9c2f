import { env } from 'cloudflare:workers';

/** The test file's database, counting the rows that batches read, as D1 reports them. For a call's option `env`. */
export function countRowsRead(): { DB: D1Database; rowsRead: () => number } {
  let rowsRead = 0;
  const counted =
    (target: Pick<D1Database, 'batch'>) =>
    async (statements: D1PreparedStatement[]): Promise<D1Result[]> => {
      const answers = await target.batch(statements);
      for (const { meta } of answers) rowsRead += meta.rows_read;
      return answers;
    };
  const DB = withBatch(env.DB, counted(env.DB), {
    withSession(constraint: string) {
      const session = env.DB.withSession(constraint);
      return withBatch(session, counted(session), {});
    },
  });
  return { DB, rowsRead: () => rowsRead };
}

function withBatch<Target extends object>(target: Target, batch: unknown, others: Record<string, unknown>): Target {
  const replaced: Record<string, unknown> = { batch, ...others };
  return new Proxy(target, {
    get(_, name) {
      if (typeof name === 'string' && Object.hasOwn(replaced, name)) return replaced[name];
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
