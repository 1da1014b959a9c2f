import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
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

test('which key made a key is taken from the audit log, for keys of before', () => {
  const db = new DatabaseSync(':memory:', { enableForeignKeyConstraints: false });
  const files = readdirSync('migrations').filter((file) => file.endsWith('.sql'));
  const apply = (file: string) => db.exec(readFileSync(join('migrations', file), 'utf8'));
  const added = files.findIndex((file) => file.endsWith('which_key_made_a_key.sql'));
  files.slice(0, added).forEach(apply);
  const addKey = (id: number) =>
    db.exec(`INSERT INTO api_keys (id, org_id, user_id, user_type, label, label_folded, hint, hint_folded, ip_whitelist,
      has_restricted_permissions, permissions, created_by, created_at)
      VALUES (${id}, 1, 'u', 'user', 'l', 'l', 'h', 'h', '[]', 0, '[]', 'u', 1)`);
  const addEvent = (keyId: number, action: string, actorKeyId: number | null) =>
    db.exec(`INSERT INTO audit_events (at, org_id, action, actor_user_id, actor_api_key_id, api_key_id, changes)
      VALUES (1, 1, '${action}', 'u', ${actorKeyId}, ${keyId}, '{}')`);
  addKey(1);
  addEvent(1, 'api_key.created', null);
  addKey(2);
  addEvent(2, 'api_key.created', 1);
  addEvent(2, 'api_key.changed', 9);
  addKey(3);
  apply(files[added] ?? '');
  expect(
    db
      .prepare('SELECT created_by_api_key_id AS by FROM api_keys ORDER BY id')
      .all()
      .map(({ by }) => by),
  ).toEqual([null, 1, null]);
});
