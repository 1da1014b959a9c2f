import { env } from 'cloudflare:workers';

/** The test file's database, which runs `beforeBatch` before each batch. For a call's option `env`. */
export function watchDatabase(beforeBatch: (statements: readonly D1PreparedStatement[]) => unknown): D1Database {
  return new Proxy(env.DB, {
    get(database, name) {
      if (name === 'batch') {
        return async (statements: D1PreparedStatement[]) => {
          await beforeBatch(statements);
          return database.batch(statements);
        };
      }
      const value: unknown = Reflect.get(database, name);
      return typeof value === 'function' ? value.bind(database) : value;
    },
  });
}

/** A barrier: the first `expected` calls wait until all of them are there. Later calls go straight on. */
export function meetingPlace(expected: number): () => Promise<void> {
  const everyoneIsThere = Promise.withResolvers<void>();
  let arrived = 0;
  return () => {
    arrived += 1;
    if (arrived === expected) everyoneIsThere.resolve();
    return everyoneIsThere.promise;
  };
}
