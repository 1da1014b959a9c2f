import { env } from 'cloudflare:workers';

/** The database of this test file, with something that happens before each batch: for a call’s option `env`. */
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

/** A place where so many have to arrive before any goes on; whoever comes later goes straight on. */
export function meetingPlace(expected: number): () => Promise<void> {
  const everyoneIsThere = Promise.withResolvers<void>();
  let arrived = 0;
  return () => {
    arrived += 1;
    if (arrived === expected) everyoneIsThere.resolve();
    return everyoneIsThere.promise;
  };
}
