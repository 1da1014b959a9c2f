/** What one event asked of storage. */
export interface Io {
  kvReads: number;
  kvWrites: number;
  d1Queries: number;
  /** Rows read, as D1 reports them. */
  rowsRead: number;
  /** Questions to a region. What the region itself asks of storage is not counted here. */
  regionQuestions: number;
}

/** The bindings, with the calls of KV and D1 counted. */
export function countIo(env: Env): { env: Env; io: Io } {
  const io: Io = { kvReads: 0, kvWrites: 0, d1Queries: 0, rowsRead: 0, regionQuestions: 0 };
  const kv = new Proxy(env.KEY_CACHE, {
    get(target, name) {
      if (name === 'getWithMetadata') io.kvReads += 1;
      if (name === 'put') io.kvWrites += 1;
      return bound(target, name);
    },
  });
  const regions = new Proxy(env.REGIONS, {
    get(target, name) {
      if (name === 'getByName') io.regionQuestions += 1;
      return bound(target, name);
    },
  });
  const session = (target: D1DatabaseSession): D1DatabaseSession => ({
    prepare: (query) => counted(target.prepare(query)),
    batch: async <Row>(statements: D1PreparedStatement[]) => {
      io.d1Queries += 1;
      const answers = await target.batch<Row>(statements.map((statement) => ownStatements.get(statement) ?? statement));
      for (const { meta } of answers) io.rowsRead += meta.rows_read;
      return answers;
    },
    getBookmark: () => target.getBookmark(),
  });
  /** D1's `batch` takes no proxies. */
  const ownStatements = new WeakMap<D1PreparedStatement, D1PreparedStatement>();
  const counted = (statement: D1PreparedStatement): D1PreparedStatement => {
    const proxy = new Proxy(statement, {
      get(target, name) {
        if (name === 'bind') return (...values: unknown[]) => counted(target.bind(...values));
        // `raw` does not report the rows that were read, so `all` is called instead.
        if (name === 'raw') {
          return async () => {
            io.d1Queries += 1;
            const { results, meta } = await target.all();
            io.rowsRead += meta.rows_read;
            return results.map((row) => Object.values(row));
          };
        }
        return bound(target, name);
      },
    });
    ownStatements.set(proxy, statement);
    return proxy;
  };
  const db = new Proxy(env.DB, {
    get(target, name) {
      if (name === 'withSession') {
        return (constraint?: D1SessionBookmark | D1SessionConstraint) => session(target.withSession(constraint));
      }
      return bound(target, name);
    },
  });
  return { env: { ...env, KEY_CACHE: kv, DB: db, REGIONS: regions }, io };
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === 'function' ? value.bind(target) : value;
}
