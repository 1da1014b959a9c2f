import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

/* The document that is served, as the linter of the field sees it. */

test('the document follows the recommended rules of redocly, without an error or a warning', () => {
  const { stdout } = spawnSync(
    'redocly',
    ['lint', '.assets/openapi.json', '--extends', 'recommended', '--format', 'json'],
    // It would otherwise ask for updates, and report that it was used.
    { encoding: 'utf8', env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' } },
  );
  const { totals, problems } = JSON.parse(stdout);
  expect(problems).toEqual([]);
  expect(totals).toEqual({ errors: 0, warnings: 0, ignored: 0 });
});
