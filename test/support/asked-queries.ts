import { env } from 'cloudflare:workers';

/** The test file's database, which notes each query that is prepared. For a call's option `env`. */
export function noteQueries(): { DB: D1Database; queries: string[] } {
  const queries: string[] = [];
  const noting = <Target extends Pick<D1Database, 'prepare'>>(target: Target): Target =>
    new Proxy(target, {
      get(_, name) {
        if (name === 'prepare') {
          return (query: string) => {
            queries.push(query);
            return target.prepare(query);
          };
        }
        if (name === 'withSession') return (constraint: string) => noting(env.DB.withSession(constraint));
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  return { DB: noting(env.DB), queries };
}
