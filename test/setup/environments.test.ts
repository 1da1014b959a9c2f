import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { experimental_readRawConfig, unstable_readConfig } from 'wrangler';
import { parseSettings } from '../../src/env.ts';

/*
 * The environments of wrangler.toml. They inherit neither variables nor bindings, so each repeats those of the top level.
 */

const ENVIRONMENTS = ['staging', 'production'];

function configOf(environment: string | undefined) {
  return unstable_readConfig({ config: 'wrangler.toml', env: environment });
}

/** A configuration, without what only says which one it is. */
function comparable(environment: string | undefined) {
  const { targetEnvironment, topLevelName, definedEnvironments, ...config } = configOf(environment);
  return config;
}

/** The top level's configuration as that of an environment has to be: all that is created has the name in its name. */
function expectedOf(environment: string) {
  return JSON.parse(JSON.stringify(comparable(undefined)).replaceAll('"latchkey', `"latchkey-${environment}`));
}

test('these are all the environments that there are', () => {
  const { rawConfig } = experimental_readRawConfig({ config: 'wrangler.toml' });
  expect(Object.keys(rawConfig.env ?? {}).toSorted()).toEqual(ENVIRONMENTS.toSorted());
});

test.each(ENVIRONMENTS)(
  '%s has what the top level has, each under a name of its own: bindings, limits, consumers, secrets, settings',
  (name) => {
    const { vars, ratelimits, ...top } = expectedOf(name);
    const { vars: itsVars, ratelimits: itsLimits, ...its } = comparable(name);
    expect(JSON.parse(JSON.stringify(its))).toEqual(top);
    expect(Object.keys(itsVars).toSorted()).toEqual(Object.keys(vars).toSorted());
    expect(byName(itsLimits)).toEqual(byName(ratelimits));
  },
);

interface Limit {
  name: string;
  namespace_id: string;
  simple: unknown;
}

function byName(limits: readonly Limit[]): unknown {
  return Object.fromEntries(limits.map(({ name, simple }) => [name, simple]));
}

test('the platform keeps neither the query of a URL nor a line for each, and no version of before stays reachable', () => {
  expect(configOf(undefined)).toMatchObject({
    preview_urls: false,
    observability: { redact_query_string: true, logs: { invocation_logs: false }, traces: { enabled: false } },
  });
});

test.each([undefined, ...ENVIRONMENTS])('the settings of %s are read', (name) => {
  expect(() => parseSettings(configOf(name).vars)).not.toThrow();
});

test('no two limits share a namespace, within an environment or between two', () => {
  const ids = [undefined, ...ENVIRONMENTS].flatMap((name) =>
    configOf(name).ratelimits.map(({ namespace_id }: Limit) => namespace_id),
  );
  expect(ids.length).toBeGreaterThan(0);
  expect(new Set(ids).size).toBe(ids.length);
});

test.each(['', ...ENVIRONMENTS])(
  '%j is built for its deployment, minified, with source maps, without a warning',
  (name) => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-build-'));
    try {
      const built = spawnSync('wrangler', ['deploy', '--dry-run', `--env=${name}`, '--outdir', folder], {
        encoding: 'utf8',
      });
      expect(built.stdout).toContain('--dry-run: exiting now');
      expect(built.stdout + built.stderr).not.toContain('WARNING');
      expect(readdirSync(folder)).toEqual(expect.arrayContaining(['worker.js', 'worker.js.map']));
      // Without that it has more than ten thousand lines.
      expect(readFileSync(join(folder, 'worker.js'), 'utf8').split('\n').length).toBeLessThan(1000);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
