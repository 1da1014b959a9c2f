import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';
import { buildAssets } from '../src/setup/build-assets.ts';
import { buildClient } from '../src/setup/build-client.ts';

/*
 * Three projects. `worker`: tests that run in workerd beside the Worker, on real local D1, KV and rate limits. `pure`:
 * tests of the domain's pure functions, which need no runtime. `node`: tests of what runs on Node, of several Workers
 * together, of the catalogue, and of the README.
 */

// The pages name the files that this makes.
buildAssets();
await buildClient();

const migrations = await readD1Migrations('migrations');
const usageMigrations = await readD1Migrations('migrations/usage');

/**
 * The packages that the Worker's source imports. Each test file starts a Worker of its own, and loading every module of
 * these packages anew is most of that start: so each package is bundled once. The list is read from the source, because
 * a package that is half in the bundles and half outside of them is two packages.
 */
const workerPackages = [
  // The compiler imports these where there is JSX.
  'hono/jsx/jsx-runtime',
  'hono/jsx/jsx-dev-runtime',
  ...new Set(
    globSync('src/**/*.{ts,tsx}', { exclude: ['src/setup/**', 'src/client/**'] }).flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/^(?:import|export)\b[^;]*? from '([@a-z][^':]*)';$/gm)].map(
        (match) => match[1] ?? '',
      ),
    ),
  ),
];

/** A deployer edits the catalogue, and no test of a rule is to fail by that. */
const fixedCatalogue = {
  find: /^\.{1,2}\/(.*\/)?catalogue\.ts$/,
  replacement: join(import.meta.dirname, 'support/catalogue.ts'),
};

/** It makes thousands of statements, each a message between two processes if asked from Node. */
const DEMO_DATA = 'test/setup/demo-data.test.ts';

/** It makes pictures to look at, when asked. */
const PICTURES = 'test/browser/screenshots.test.tsx';

/** What the console makes of plain values: words and pages. */
const PURE_OF_CONSOLE = ['test/console/words.test.ts', 'test/console/pages.test.tsx', 'test/console/parts/*.test.ts'];

export default defineConfig({
  // Beside the rest of what tools leave behind.
  cacheDir: '.wrangler/vite',
  test: {
    // Half of the tests are of what goes wrong, and the service logs that, as it should.
    silent: 'passed-only',
    // The default leaves one core to whoever watches: on a machine of two, half of it was idle.
    maxWorkers: '100%',
    projects: [
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              bindings: {
                // 32 zero bytes: a test has nothing to hide, and its dumps stay comparable.
                MASTER_KEYS: `test:${Buffer.alloc(32).toString('base64')}`,
                // A whole file of tests is one organisation, quickly past 300 calls a minute.
                RATE_LIMIT: 'off',
                // So that the tests of what is in the log see all that could be.
                REQUEST_LOG: 'all',
                MIGRATIONS: migrations,
                USAGE_MIGRATIONS: usageMigrations,
                FUZZ_CASES: process.env.FUZZ_CASES ?? '300',
                FUZZ_SEED: process.env.FUZZ_SEED ?? String(Math.floor(Math.random() * 2 ** 31)),
                // Counting goes on after a call has ended; only the tests of it wait for that.
                USAGE: 'off',
              },
            },
          }),
        ],
        resolve: { alias: [fixedCatalogue] },
        test: {
          name: 'worker',
          include: ['test/{http,storage,rpc,console}/**/*.test.ts', DEMO_DATA],
          exclude: PURE_OF_CONSOLE,
          deps: { optimizer: { ssr: { enabled: true, include: workerPackages } } },
          setupFiles: ['./test/support/apply-migrations.ts'],
        },
      },
      {
        resolve: { alias: [fixedCatalogue] },
        test: {
          name: 'pure',
          include: ['test/domain/**/*.test.ts', ...PURE_OF_CONSOLE],
          // They keep nothing that one file could leave to the next.
          isolate: false,
          pool: 'threads',
        },
      },
      {
        test: {
          name: 'node',
          include: ['test/{setup,readme,simulation,consumer,client,browser}/**/*.test.{ts,tsx}'],
          exclude: [DEMO_DATA, ...(process.env.SCREENSHOTS === undefined ? [PICTURES] : [])],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
