import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';

test.each([
  ['migrations', 'src/storage/schema.ts'],
  ['migrations/usage', 'src/storage/usage-schema.ts'],
])('%s make %s: there is nothing left to generate', (migrations, file) => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'));
  cpSync(migrations, folder, { recursive: true });
  const before = readdirSync(folder);
  const schema = ['--dialect', 'sqlite', '--schema', file];
  const printed = execFileSync('drizzle-kit', ['generate', ...schema, '--out', relative('', folder)], {
    encoding: 'utf8',
  });
  expect(printed).toContain('No schema changes');
  expect(readdirSync(folder)).toEqual(before);
  rmSync(folder, { recursive: true });
});
