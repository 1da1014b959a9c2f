declare namespace Cloudflare {
  interface Env {
    MIGRATIONS: import('cloudflare:test').D1Migration[];
    USAGE_MIGRATIONS: import('cloudflare:test').D1Migration[];
    /** How many requests are made from the document, and from which seed. */
    FUZZ_CASES: string;
    FUZZ_SEED: string;
  }
}

interface ImportMeta {
  /** The files that match a pattern, by path. Vite reads them when it reads the test. With `?raw`, as text. */
  glob<Content>(pattern: string, options: { eager: true; import: 'default'; query?: '?raw' }): Record<string, Content>;
}
