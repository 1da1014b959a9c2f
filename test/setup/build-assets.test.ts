import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { buildAssets } from '../../src/setup/build-assets.ts';

const STATIC = 'src/console/static';
const OF_REFERENCE = 'src/reference/static';
const root = mkdtempSync(join(tmpdir(), 'latchkey-assets-'));
afterAll(() => rmSync(root, { recursive: true }));

beforeEach(() => {
  rmSync(join(root, '.assets'), { recursive: true, force: true });
  for (const folder of [STATIC, OF_REFERENCE]) cpSync(folder, join(root, folder), { recursive: true });
});

const served = () => readdirSync(join(root, '.assets/console')).sort();
const manifest = () => readFileSync(join(root, 'src/console/asset-paths.ts'), 'utf8');

test('each file goes out under a name that holds its hash, and the manifest has those names', () => {
  buildAssets(root);
  expect(
    served()
      .map((name) => name.replace(/\.[0-9a-f]{10}\./, '.HASH.'))
      .sort(),
  ).toEqual(['console.HASH.css', 'console.HASH.js', 'icon.HASH.svg']);
  for (const name of served()) expect(manifest()).toContain(`'/console/${name}'`);
  expect(readFileSync(join(root, '.assets/_headers'), 'utf8')).toContain('immutable');
});

test('the same files give the same result, and nothing is written again', () => {
  buildAssets(root);
  const files = [
    ...['openapi.json', 'docs.html', 'docs/errors.html', '_headers'].map((file) => join(root, '.assets', file)),
    ...served().map((name) => join(root, '.assets/console', name)),
    join(root, 'src/console/asset-paths.ts'),
  ];
  const written = () => files.map((file) => statSync(file, { bigint: true }).mtimeNs);
  const before = written();
  buildAssets(root);
  expect(written()).toEqual(before);
});

test('a changed file has another name, and the old one goes', () => {
  buildAssets(root);
  const before = served();
  writeFileSync(join(root, STATIC, 'console.css'), 'body { color: red }');
  buildAssets(root);
  expect(served().filter((name) => !before.includes(name))).toEqual([expect.stringMatching(/^console\..*\.css$/)]);
  expect(served()).toHaveLength(before.length);
});

test('the document and its reference are there, and no two rules for headers match one file', () => {
  buildAssets(root);
  const document = JSON.parse(readFileSync(join(root, '.assets/openapi.json'), 'utf8'));
  expect(document.openapi).toBe('3.1.0');
  const files = readdirSync(join(root, '.assets'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(html|json|css|js|svg)$/.test(file))
    .map((file) => `/${file.replace(/\.html$/, '')}`);
  const patterns = [...readFileSync(join(root, '.assets/_headers'), 'utf8').matchAll(/^\/.*$/gm)].map(([path]) => path);
  const matches = (pattern: string, file: string) =>
    pattern.endsWith('*') ? file.startsWith(pattern.slice(0, -1)) : file === pattern;
  expect(files.map((file) => patterns.filter((pattern) => matches(pattern, file)).length)).toEqual(files.map(() => 1));
});

test.each([
  [STATIC, 'console.css', 10_000],
  [STATIC, 'console.js', 5_000],
  [OF_REFERENCE, 'reference.css', 2_000],
  [OF_REFERENCE, 'reference.js', 2_500],
])('%s/%s stays under %d bytes on the wire', (folder, file, most) => {
  expect(gzipSync(readFileSync(join(folder, file)), { level: 9 }).length).toBeLessThan(most);
});
