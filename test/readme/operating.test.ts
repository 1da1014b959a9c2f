import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/* The operating page names every line of the log and every setting that there is, and no other. */

const PAGE = readFileSync('docs/operating.md', 'utf8');

/** The part of the page under a heading, to the next heading of its level or above. */
function part(heading: string): string {
  const level = heading.split(' ')[0] ?? '';
  const [, found = ''] = PAGE.split(`\n${heading}\n`);
  return found.split(new RegExp(`^#{2,${level.length}} `, 'm'))[0] ?? '';
}

/** The first cell of each row of a table, without its backquotes. */
function firstCells(text: string): string[] {
  return [...text.matchAll(/^\| (?:`` (.+?) ``|`(.+?)`) \|/gm)].map(([, long, short]) => long ?? short ?? '');
}

/** Messages that the deployed Worker, or the middleware in another Worker, writes to a log. */
function messagesOfSource(): string[] {
  const files = globSync('src/**/*.{ts,tsx}', { exclude: ['src/setup/**', 'src/worker-configuration.d.ts'] });
  return files.flatMap((file) => {
    const code = readFileSync(file, 'utf8');
    const calls = [...code.matchAll(/(?<![.\w])(?:logFailure|log)\(\s*(['"`])(.+?)\1/g)];
    const objects = [...code.matchAll(/JSON\.stringify\(\{\s*message: (['"`])(.+?)\1/g)];
    return [...calls, ...objects].map(([, , message = '']) => message);
  });
}

const OF_REQUESTS = ['request', 'verification'];

test('every message of the log is on the page, and every message on the page is written', () => {
  const written = new Set(messagesOfSource());
  expect(written.size).toBeGreaterThan(20);
  const described = [...firstCells(part('### All other lines')), ...OF_REQUESTS];
  expect(described.toSorted()).toEqual([...written].toSorted());
});

test('no line of the log is written in a way that this test does not see', () => {
  const files = globSync('src/**/*.{ts,tsx}', { exclude: ['src/setup/**', 'src/worker-configuration.d.ts'] });
  const writers = files.filter((file) => /(?<!\w)console\.(log|error|warn|info)\(/.test(readFileSync(file, 'utf8')));
  expect(writers.toSorted()).toEqual([
    'src/client/api-key-auth.ts',
    'src/http/middleware/access-log.ts',
    'src/log.ts',
    'src/rpc/api-keys.ts',
  ]);
  const computed = files.filter((file) =>
    /(?<![.\w])(?:logFailure|log)\(\s*[^'"`\s]/.test(readFileSync(file, 'utf8').replaceAll(/function log\w*\(/g, '')),
  );
  expect(computed).toEqual([]);
});

test('the examples of lines have the fields that lines have', () => {
  const examples = [...part('### A request').matchAll(/^\{"message".*\}$/gm)].map(([line]) => JSON.parse(line));
  expect(examples.map(({ message }) => message)).toEqual(OF_REQUESTS);
  const source =
    readFileSync('src/http/middleware/access-log.ts', 'utf8') + readFileSync('src/rpc/api-keys.ts', 'utf8');
  for (const example of examples) for (const field of Object.keys(example)) expect(source).toContain(field);
});

test('every setting is on the page with its default', () => {
  const toml = readFileSync('wrangler.toml', 'utf8');
  const [, vars = ''] = /^\[vars\]\n(.*?)^\[/ms.exec(toml) ?? [];
  const given = [...vars.matchAll(/^([A-Z_]+) = "(.*)"$/gm)].map(([, name, value]) => `${name} ${value || 'empty'}`);
  const described = [...part('## Settings').matchAll(/^\| `([A-Z_]+)` \| (?:`(.*?)`|(empty)) \|/gm)].map(
    ([, name, value, empty]) => `${name} ${value ?? empty}`,
  );
  expect(described.toSorted()).toEqual(given.toSorted());
});

test('every check of /health/ready is on the page', () => {
  const report = readFileSync('src/domain/health/health-report.ts', 'utf8');
  const [, checks = ''] = /interface HealthChecks \{\n(.*?)^\}/ms.exec(report) ?? [];
  const names = [...checks.matchAll(/^ {2}(\w+): /gm)].map(([, name]) => name);
  expect(names.length).toBe(6);
  expect(firstCells(part('## Is it well?'))).toEqual(expect.arrayContaining(names));
});

test('every npm script that the page names is there', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  const named = [...PAGE.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name);
  expect([...new Set(named)].filter((name) => !(String(name) in scripts))).toEqual([]);
});
