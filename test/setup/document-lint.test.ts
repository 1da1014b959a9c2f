import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

/* The document that is served, as the linter of the field sees it. */

interface Problem {
  ruleId: string;
  location: { pointer: string }[];
}

/** What is left out on purpose. */
const EXPLAINED = [
  // /health asks nothing of who calls, so there is nothing that a client could have wrong.
  'operation-4xx-response #/paths/~1health/get/responses',
];

test('the document follows the recommended rules of redocly, without an error or an unexplained warning', () => {
  const { stdout } = spawnSync(
    'redocly',
    ['lint', '.assets/openapi.json', '--extends', 'recommended', '--format', 'json'],
    // It would otherwise ask for updates, and report that it was used.
    { encoding: 'utf8', env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' } },
  );
  const { totals, problems }: { totals: { errors: number }; problems: Problem[] } = JSON.parse(stdout);
  expect(totals.errors).toBe(0);
  expect(problems.map(({ ruleId, location }) => `${ruleId} ${location[0]?.pointer}`)).toEqual(EXPLAINED);
});
