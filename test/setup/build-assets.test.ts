import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { buildAssets } from '../../src/setup/build-assets.ts';

const STATIC = 'src/console/static';
const root = mkdtempSync(join(tmpdir(), 'latchkey-assets-'));
afterAll(() => rmSync(root, { recursive: true }));

beforeEach(() => {
  rmSync(join(root, '.assets'), { recursive: true, force: true });
  cpSync(STATIC, join(root, STATIC), { recursive: true });
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

test.each([
  ['console.css', 10_000],
  ['console.js', 5_000],
])('%s stays under %d bytes on the wire', (file, most) => {
  expect(gzipSync(readFileSync(join(STATIC, file)), { level: 9 }).length).toBeLessThan(most);
});
