import { expect, test } from 'vitest';
import { findUnsafe } from '../../src/setup/migration-safety.ts';
import { type Migration, readMigrations } from '../../src/setup/migrations.ts';

/** A database with a table that the running code uses, and a unique index. */
const APPLIED: Migration[] = [
  {
    name: '0000_first.sql',
    sql: 'CREATE TABLE `users` (`id` text, `email` text);\nCREATE UNIQUE INDEX `users_email` ON `users` (`email`);\nCREATE INDEX `users_by_id` ON `users` (`id`);',
  },
];

function judge(...statements: string[]) {
  return findUnsafe(APPLIED, [{ name: '0001_next.sql', sql: statements.join(';--> statement-breakpoint\n') }]);
}

test.each(['migrations', 'migrations/usage'])(
  'every migration in %s is safe while the code of before runs',
  (folder) => {
    const migrations = readMigrations(folder);
    for (const [index] of migrations.entries()) {
      // The second one fills a table of the first. There is no deployment that has only the first.
      if (index < 2) continue;
      expect(findUnsafe(migrations.slice(0, index), migrations.slice(index))).toEqual([]);
    }
  },
);

test('in an empty database everything is safe: no code of before runs', () => {
  expect(findUnsafe([], [{ name: '0000_first.sql', sql: 'DROP TABLE users' }])).toEqual([]);
});

test.each([
  [
    'a new table, with a unique index',
    ['CREATE TABLE `a` (`x` text NOT NULL)', 'CREATE UNIQUE INDEX `b` ON `a` (`x`)'],
  ],
  [
    'rows for a new table',
    ['CREATE TABLE a (x)', "INSERT INTO a (x) VALUES ('1')", 'UPDATE a SET x = 2', 'DELETE FROM a'],
  ],
  ['a new column that may be empty', ['ALTER TABLE `users` ADD `phone` text']],
  ['a new column with a default', ['ALTER TABLE users ADD COLUMN locked integer DEFAULT 0 NOT NULL']],
  [
    'values for a new column, from any table',
    [
      'ALTER TABLE `users` ADD `phone` text',
      "UPDATE `users` SET `phone` = (SELECT a.b FROM a, c WHERE a.x = 'WHERE, z = 1') WHERE `email` = 'a'",
    ],
  ],
  ['an index more', ['CREATE INDEX `users_by_email` ON `users` (`email`)']],
  ['an index less', ['DROP INDEX `users_by_id`']],
])('safe: %s', (_, statements) => {
  expect(judge(...statements)).toEqual([]);
});

test.each([
  ['DROP TABLE `users`', 'the running code may use what goes'],
  ['ALTER TABLE `users` DROP COLUMN `email`', 'the running code may use what goes'],
  ['ALTER TABLE `users` RENAME COLUMN `email` TO `mail`', 'the running code may use what goes'],
  ['ALTER TABLE `users` RENAME TO `people`', 'the running code may use what goes'],
  ['ALTER TABLE `users` ADD `phone` text NOT NULL', 'the running code does not give the new column a value'],
  ['CREATE UNIQUE INDEX `users_id` ON `users` (`id`)', 'the running code may write what a unique index refuses'],
  ['DROP INDEX `users_email`', 'the running code relies on a unique index'],
  ['UPDATE `users` SET `email` = lower(`email`)', 'the running code reads and writes these rows'],
  ['DELETE FROM `users`', 'the running code reads and writes these rows'],
  ["INSERT INTO `users` (`id`) VALUES ('1')", 'the running code reads and writes these rows'],
  ['PRAGMA foreign_keys=OFF', 'it is not known to be safe'],
  ['CREATE TRIGGER t AFTER INSERT ON users BEGIN SELECT 1; END', 'it is not known to be safe'],
])('not safe: %s', (statement, reason) => {
  expect(judge(statement)).toEqual([{ migration: '0001_next.sql', statement, reason }]);
});

test('a column of before that is set beside a new one is not safe', () => {
  const statement = 'UPDATE users SET phone = 1, email = 2';
  expect(judge('ALTER TABLE users ADD phone', statement)).toMatchObject([{ statement }]);
});

test('what looks like a comment within a text hides nothing', () => {
  expect(judge("ALTER TABLE users ADD note text DEFAULT '--'; DROP TABLE users")).toMatchObject([
    { statement: 'DROP TABLE users' },
  ]);
  expect(judge('-- a note\n/* and\nanother */ ALTER TABLE users ADD note text -- why')).toEqual([]);
});

test('a table of before does not become a new one by being created if it is missing', () => {
  expect(judge('CREATE TABLE IF NOT EXISTS `users` (`id` text)', 'DELETE FROM `users`')).toMatchObject([
    { statement: 'DELETE FROM `users`' },
  ]);
});

test('a table that is built anew is not safe: the running code uses it until it is gone', () => {
  const statements = [
    'PRAGMA foreign_keys=OFF',
    'CREATE TABLE `__new_users` (`id` text NOT NULL)',
    'INSERT INTO `__new_users` SELECT `id` FROM `users`',
    'DROP TABLE `users`',
    'ALTER TABLE `__new_users` RENAME TO `users`',
  ];
  expect(judge(...statements).map(({ statement }) => statement)).toEqual([statements[0], statements[3]]);
});
