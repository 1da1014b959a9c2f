declare namespace Cloudflare {
  interface Env {
    MIGRATIONS: import('cloudflare:test').D1Migration[];
    USAGE_MIGRATIONS: import('cloudflare:test').D1Migration[];
  }
}

interface ImportMeta {
  /** What Vite makes of files by a pattern, when it reads a test: those that are there, by their paths; `?raw`: as text. */
  glob<Content>(pattern: string, options: { eager: true; import: 'default'; query?: '?raw' }): Record<string, Content>;
}
