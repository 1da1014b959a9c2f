import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { getPlatformProxy } from 'wrangler';
import { generateApiKey, hashApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { openKeyring } from '../../src/domain/secrets/keyring.ts';

/*
 * `npm run reseal` on a local deployment with ten thousand keys, killed in the middle. The tests go on from each other.
 */

const KEYS = 10_000;

const folder = mkdtempSync(join(tmpdir(), 'latchkey-reseal-'));
const secretsFile = join(folder, 'secrets.env');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(script: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  return spawnSync('npm', ['run', '--silent', script, '--', '--persist-to', folder, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
}

async function withDatabase<Result>(act: (database: D1Database) => Promise<Result>): Promise<Result> {
  const proxy = await getPlatformProxy<Env>({
    persist: { path: join(folder, 'v3') },
    envFiles: [secretsFile],
    remoteBindings: false,
  });
  return act(proxy.env.DB).finally(() => proxy.dispose());
}

function query(sql: string): Promise<Record<string, unknown>[]> {
  return withDatabase(async (database) => (await database.prepare(sql).all()).results);
}

function masterKeys(): string {
  return parseEnv(readFileSync(secretsFile, 'utf8')).MASTER_KEYS ?? '';
}

function entry(id: string, letter: string): string {
  return `${id}:${btoa(letter.repeat(32))}`;
}

const NEXT = entry('next', 'n');

/** How many secrets each entry sealed, by the entry's id. */
async function countByEntry(): Promise<Record<string, unknown>> {
  const rows = await query(`
    SELECT substr(sealed, 4, instr(substr(sealed, 4), '.') - 1) AS entry, count(*) AS n
    FROM api_key_secrets WHERE sealed IS NOT NULL GROUP BY 1 ORDER BY 1`);
  return Object.fromEntries(rows.map(({ entry: id, n }) => [String(id), n]));
}

/** The lines of progress in what was printed: how many of how many. */
function progressIn(printed: string): { done: number; total: number }[] {
  return Array.from(printed.matchAll(/^(\d+) of (\d+) /gm), ([, done, total]) => ({
    done: Number(done),
    total: Number(total),
  }));
}

const secrets: string[] = [];

beforeAll(async () => {
  const who = [
    '--organisation',
    'Atelier',
    '--email',
    'first@atelier.example',
    '--first-name',
    'A',
    '--last-name',
    'B',
  ];
  const bootstrapped = run('bootstrap', who);
  expect(bootstrapped.status).toBe(0);
  secrets.push(/^lk_\w+$/m.exec(bootstrapped.stdout)?.[0] ?? '');

  const keyring = await openKeyring(masterKeys());
  while (secrets.length < KEYS) secrets.push(generateApiKey('lk'));
  const rows = await Promise.all(
    secrets.slice(1).map(async (secret, index) => {
      const hash = await hashApiKey(secret);
      return { id: index + 2, hash, sealed: await keyring.seal(secret, hash) };
    }),
  );
  await withDatabase(async (database) => {
    for (let start = 0; start < rows.length; start += 2000) {
      const some = JSON.stringify(rows.slice(start, start + 2000));
      await database.batch([
        database
          .prepare(`
            INSERT INTO api_keys (
              id, org_id, user_id, user_type, label, label_folded, hint, hint_folded, ip_whitelist,
              has_restricted_permissions, permissions, created_by, created_at
            )
            SELECT
              row.value ->> '$.id', first.org_id, first.user_id, 'user', 'a key', 'a key', 'lk_…', 'lk_…', '[]', 0, '[]',
              first.user_id, 1
            FROM json_each(?) AS row, api_keys AS first WHERE first.id = 1`)
          .bind(some),
        database
          .prepare(`
            INSERT INTO api_key_secrets (hash, key_id, sealed, created_at)
            SELECT row.value ->> '$.hash', row.value ->> '$.id', row.value ->> '$.sealed', 1 FROM json_each(?) AS row`)
          .bind(some),
      ]);
    }
  });
  expect(await countByEntry()).toEqual({ local: KEYS });
  writeFileSync(secretsFile, `MASTER_KEYS="${NEXT},${masterKeys()}"\n`);
});

test('killed in the middle, it has resealed some, and the others are as they were', async () => {
  // A group of its own, so that the kill takes what runs below npm too.
  const child = spawn('npm', ['run', '--silent', 'reseal', '--', '--persist-to', folder], { detached: true });
  let printed = '';
  const closed = new Promise<NodeJS.Signals | null>((done) => child.on('close', (_, signal) => done(signal)));
  child.stdout.on('data', (chunk) => {
    printed += chunk;
    const reached = progressIn(printed).at(-1)?.done ?? 0;
    if (reached >= 1000 && child.pid !== undefined && !child.killed) {
      process.kill(-child.pid, 'SIGKILL');
      child.kill('SIGKILL');
    }
  });
  expect(await closed).toBe('SIGKILL');

  const progress = progressIn(printed);
  expect(progress.length).toBeGreaterThanOrEqual(10);
  expect(progress.filter(({ total }) => total !== KEYS)).toEqual([]);
  const reached = progress.at(-1)?.done ?? 0;
  expect(reached).toBeLessThan(KEYS);

  const { next, local } = await countByEntry();
  expect(Number(next)).toBeGreaterThanOrEqual(reached);
  expect(Number(local)).toBeGreaterThan(0);
  expect(Number(next) + Number(local)).toBe(KEYS);
});

test('run again, it goes on where it was and shows how far it is, to the end', async () => {
  const { local: left } = await countByEntry();
  const { status, stdout, stderr } = run('reseal');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const progress = progressIn(stdout);
  expect(progress.length).toBeGreaterThan(1);
  expect(progress.map(({ done }) => done)).toEqual(progress.map(({ done }) => done).toSorted((a, b) => a - b));
  expect(progress.filter(({ total }) => total !== left)).toEqual([]);
  expect(progress.at(-1)?.done).toBe(left);
  expect(await countByEntry()).toEqual({ next: KEYS });
});

test('every secret opens with the new entry alone', async () => {
  const keyring = await openKeyring(NEXT);
  const rows = await query('SELECT hash, sealed FROM api_key_secrets');
  const opened = await Promise.all(rows.map(({ hash, sealed }) => keyring.open(String(sealed), String(hash))));
  expect(opened.toSorted()).toEqual(secrets.toSorted());
});

test('a third run has nothing to do, says so and changes nothing', async () => {
  const before = await query('SELECT * FROM api_key_secrets ORDER BY hash');
  const { status, stdout } = run('reseal');
  expect(status).toBe(0);
  expect(stdout).toMatch(/nothing to do/i);
  expect(progressIn(stdout)).toEqual([]);
  expect(await query('SELECT * FROM api_key_secrets ORDER BY hash')).toEqual(before);
});

test('it is in the audit log, by the command, and nothing that was printed is a secret', async () => {
  const events = await query("SELECT * FROM audit_events WHERE action <> 'deployment.bootstrapped' ORDER BY id");
  expect(events.length).toBeGreaterThanOrEqual(1);
  for (const event of events) {
    expect(event).toMatchObject({ actor_user_id: null, actor_name: 'reseal', actor_api_key_id: null, org_id: 1 });
  }
  expect(JSON.parse(String(events[0]?.changes)).resealed).toBeGreaterThan(0);
});

test('secrets that no entry opens are counted, named by their keys and left alone', async () => {
  // Of one the form is of an entry that is gone, of another it is of another row, and one was never a form; those that
  // were revoked or rotated out have none. A fifth opens, and is to be resealed all the same.
  const stranger = await openKeyring(entry('gone', 'g'));
  const before = await query(
    'SELECT key_id, hash FROM api_key_secrets WHERE key_id IN (5, 6, 7, 8, 9) ORDER BY key_id',
  );
  const [gone, swapped, broken, revoked, good] = before.map(({ hash }) => String(hash));
  const old = await openKeyring(entry('old', 'o'));
  const secretOf = new Map(
    await Promise.all(secrets.map(async (secret) => [await hashApiKey(secret), secret] as const)),
  );
  const forms: [string | undefined, string | null][] = [
    [gone, await stranger.seal(secretOf.get(gone ?? '') ?? '', gone ?? '')],
    [swapped, await old.seal(secretOf.get(swapped ?? '') ?? '', good ?? '')],
    [broken, 'never a form'],
    [revoked, null],
    [good, await old.seal(secretOf.get(good ?? '') ?? '', good ?? '')],
  ];
  await withDatabase(async (database) => {
    for (const [hash, sealed] of forms) {
      await database.prepare('UPDATE api_key_secrets SET sealed = ? WHERE hash = ?').bind(sealed, hash).run();
    }
  });
  writeFileSync(secretsFile, `MASTER_KEYS="${NEXT},${entry('old', 'o')}"\n`);

  const { status, stdout, stderr } = run('reseal');
  expect(status).toBe(1);
  expect(stderr).toMatch(/^3 secrets/);
  expect(stderr.match(/\d+/g)?.slice(1).map(Number).toSorted()).toEqual([5, 6, 7]);
  expect(stdout + stderr).not.toMatch(/nothing to do/i);
  for (const text of [stdout, stderr]) expect(text).not.toMatch(/lk_|v1\.|never a form|[0-9a-f]{64}/);
  const after = await query('SELECT hash, sealed FROM api_key_secrets WHERE key_id IN (5, 6, 7, 8) ORDER BY key_id');
  expect(after).toEqual(forms.slice(0, 4).map(([hash, sealed]) => ({ hash, sealed })));
  expect(await countByEntry()).toMatchObject({ next: KEYS - 4, gone: 1, old: 1 });
});

test('where nothing was made yet, there is nothing to do', () => {
  const empty = mkdtempSync(join(tmpdir(), 'latchkey-empty-'));
  const { status, stdout, stderr } = run('reseal', ['--persist-to', empty]);
  rmSync(empty, { recursive: true, force: true });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/nothing to do/i);
});

test('without a keyring that can be read, nothing is touched', async () => {
  const remote = run('reseal', ['--remote'], { MASTER_KEYS: '' });
  expect(remote.status).toBe(1);
  expect(remote.stderr).toContain('MASTER_KEYS');

  writeFileSync(secretsFile, 'MASTER_KEYS="main:zebra"\n');
  const local = run('reseal');
  expect(local.status).toBe(1);
  expect(local.stderr).toContain('MASTER_KEYS');
  expect(local.stderr).not.toContain('zebra');
});
