import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';

test('the migrations make the schema: there is nothing left to generate', () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'));
  cpSync('migrations', folder, { recursive: true });
  const before = readdirSync(folder);
  const schema = ['--dialect', 'sqlite', '--schema', 'src/storage/schema.ts'];
  const printed = execFileSync('drizzle-kit', ['generate', ...schema, '--out', relative('', folder)], {
    encoding: 'utf8',
  });
  expect(printed).toContain('No schema changes');
  expect(readdirSync(folder)).toEqual(before);
  rmSync(folder, { recursive: true });
});
