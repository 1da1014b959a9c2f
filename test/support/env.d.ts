declare namespace Cloudflare {
  interface Env {
    MIGRATIONS: import('cloudflare:test').D1Migration[];
    USAGE_MIGRATIONS: import('cloudflare:test').D1Migration[];
  }
}

interface ImportMeta {
  /** The files that match a pattern, by path. Vite reads them when it reads the test. With `?raw`, as text. */
  glob<Content>(pattern: string, options: { eager: true; import: 'default'; query?: '?raw' }): Record<string, Content>;
}
