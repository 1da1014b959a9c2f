import { readdirSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { unstable_readConfig } from 'wrangler';
import { type Caller, callerOf } from '../../src/domain/authority/caller.ts';
import { newIsolate } from '../../src/domain/isolate.ts';
import { createKey, type KeyRequest } from '../../src/domain/keys/create-key.ts';
import type { Key } from '../../src/domain/keys/key.ts';
import { rotateKey } from '../../src/domain/keys/rotate-key.ts';
import { NO_LIMITS } from '../../src/domain/limits.ts';
import { openKeyring } from '../../src/domain/secrets/keyring.ts';
import type { Acting, Secrets, Usage } from '../../src/domain/services.ts';
import { payerOfAddress } from '../../src/domain/verification/miss-budget.ts';
import { verifyKey } from '../../src/domain/verification/verify-key.ts';
import { parseSettings } from '../../src/env.ts';
import { seedDemoData } from '../../src/setup/demo-data.ts';
import { openUsageDatabase } from '../../src/storage/database.ts';
import { openForLists } from '../../src/storage/list-reads.ts';
import { NO_RECORD_CACHE } from '../../src/storage/record-cache.ts';
import { addFlushes, rollUpUsage } from '../../src/storage/usage.ts';
import { openVerificationSource } from '../../src/storage/verification-source.ts';
import { isWrite, sessionOver } from '../simulation/sqlite-d1.ts';

/*
 * `npm run bench:size`: how many bytes of D1 a key takes, and so how many keys its 10 GB hold. The service's own acts make
 * the keys, in SQLite, which is what D1 is inside. Index and table pages count as they lie, half full ones included.
 */

const { values } = parseArgs({ options: { keys: { type: 'string', default: '2000' } } });
const KEYS = Math.min(Number(values.keys), 20_000);
/** Keys whose calls are counted, on so many days. */
const USED_KEYS = 40;
const USED_DAYS = 90;
const DAY_MS = 24 * 60 * 60 * 1000;
const LARGEST_DATABASE = 10_000_000_000;

const NO_META = {
  duration: 0,
  size_after: 0,
  rows_read: 0,
  rows_written: 0,
  last_row_id: 0,
  changed_db: false,
};

const PLAIN: KeyRequest = {
  label: 'Store locator, Paris',
  description: null,
  expirationDate: null,
  ipWhitelist: [],
  hasRestrictedPermissions: false,
  permissions: [],
  userType: undefined,
  userId: undefined,
  orgId: undefined,
};
const DETAILED: KeyRequest = {
  ...PLAIN,
  description: 'Reads the opening hours of all stores for the map on the home page. '.repeat(3).trim(),
  expirationDate: '2099-12-31',
  ipWhitelist: ['198.51.100.0/24', '203.0.113.7', '203.0.113.8', '2001:db8:12::/48', '2001:db8:13::/48'],
  hasRestrictedPermissions: true,
  permissions: ['review_read', 'review_reply', 'business_edit'],
};

for (const [what, request] of [
  ['a key with a label only', PLAIN],
  ['a key with a description, five addresses and three permissions', DETAILED],
] as const) {
  await measureKeys(what, request);
}
await measureUsage('from one network', 1);
await measureUsage('from ten networks', 10);

async function measureKeys(what: string, request: KeyRequest): Promise<void> {
  const { services, database } = await openServices();
  const { ORG_ADMIN = '' } = (await seedDemoData(services)) ?? {};
  const caller = await signIn(services, ORG_ADMIN);
  const empty = bytesByTable(database);
  const made: Key[] = [];
  for (let n = 0; n < KEYS; n++) {
    const key = await createKey(services, caller, request);
    if (key.refused !== undefined) throw new Error(`No key was made: ${key.refused}`);
    made.push(key.key);
  }
  const full = bytesByTable(database);
  say(`\n${what}, ${KEYS} of them, bytes each`);
  const kept = grown(empty, full, ['api_keys', 'api_key_secrets']);
  const events = grown(empty, full, ['audit_events']);
  say(`  the key and its secret, kept until its user is deleted   ${each(kept, KEYS)}`);
  say(`  the audit event of its creation, kept AUDIT_KEEP_DAYS    ${each(events, KEYS)}`);
  say(`  the change in the feed, kept for a day                   ${each(grown(empty, full, ['key_changes']), KEYS)}`);
  for (const key of made) {
    const rotated = await rotateKey(services, caller, key, { overlapSeconds: 0, endsPrevious: false });
    if (rotated.refused !== undefined) throw new Error(`No key was rotated: ${rotated.refused}`);
  }
  const rotated = bytesByTable(database);
  const more = grown(full, rotated, ['api_keys', 'api_key_secrets']);
  const moreEvents = grown(full, rotated, ['audit_events']);
  say(`  a rotation: the old hash, and the event                  ${each(more, KEYS)}, ${each(moreEvents, KEYS)}`);
  const whole = (kept + events + 3 * (more + moreEvents)) / KEYS;
  say(
    `  all that, with 3 rotations: ${Math.round(whole)}, so 10 GB hold ${thousands(LARGEST_DATABASE / whole)} thousand`,
  );
  database.close();
}

async function measureUsage(what: string, networks: number): Promise<void> {
  const database = openSqlite('migrations/usage');
  const db = openUsageDatabase(d1Over(database));
  const empty = bytesByTable(database);
  const firstDay = Math.floor(Date.now() / DAY_MS);
  for (let day = firstDay; day < firstDay + USED_DAYS; day++) {
    for (let network = 0; network < networks; network++) {
      const counts = Array.from({ length: USED_KEYS * 24 }, (_, index) => ({
        keyId: 1 + Math.floor(index / 24),
        hour: day * 24 + (index % 24),
        code: 'VALID',
        network: `203.0.113.${network}`,
        secret: 1_795_582_729_206,
        needs: 'review_read',
        count: 100,
        firstAt: day * DAY_MS,
        lastAt: day * DAY_MS + 1,
      }));
      await addFlushes(db, [{ id: crypto.randomUUID(), counts }], day * DAY_MS);
    }
    await rollUpUsage(db, (day + 1) * DAY_MS, 5_000);
  }
  const bytes = grown(empty, bytesByTable(database), null) / USED_KEYS;
  say(`\na key that was used in every hour of ${USED_DAYS} days ${what}, asking for one permission`);
  say(
    `  ${Math.round(bytes)} bytes of the usage database, so 10 GB hold ${thousands(LARGEST_DATABASE / bytes)} thousand`,
  );
  database.close();
}

async function openServices(): Promise<{ services: Acting & Secrets & Usage; database: DatabaseSync }> {
  const database = openSqlite('migrations');
  const d1 = d1Over(database);
  const keyring = await openKeyring(`size:${Buffer.alloc(32).toString('base64')}`);
  const services: Acting & Secrets & Usage = {
    ...newIsolate(),
    settings: parseSettings(unstable_readConfig({ config: 'wrangler.toml' }).vars),
    regions: null,
    sharesPolls: false,
    ...openForLists(d1),
    source: openVerificationSource(d1),
    cache: NO_RECORD_CACHE,
    limits: NO_LIMITS,
    keyring: async () => keyring,
    usage: { db: openUsageDatabase(d1Over(openSqlite('migrations/usage'))), send: async () => {} },
    now: Date.now,
    after: (milliseconds, callBack) => {
      const timer = setTimeout(callBack, milliseconds);
      return () => clearTimeout(timer);
    },
    defer: () => {},
  };
  return { services, database };
}

async function signIn(services: Acting, apiKey: string): Promise<Caller> {
  const verdict = await verifyKey(services, apiKey, { clientIp: null, needs: [] }, () => payerOfAddress(null));
  if (!verdict.allowed) throw new Error(`The demo key was refused: ${verdict.code}`);
  return callerOf({ secretHash: verdict.secretHash, needs: [], record: verdict.record }, '203.0.113.7');
}

function openSqlite(folder: string): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  database.exec('PRAGMA foreign_keys = ON');
  const files = readdirSync(folder).filter((name) => name.endsWith('.sql'));
  for (const file of files.toSorted()) database.exec(readFileSync(`${folder}/${file}`, 'utf8'));
  return database;
}

/** The database as D1 is asked. Each batch is a transaction. */
function d1Over(database: DatabaseSync): D1Database {
  const session = sessionOver(
    async (sent) => {
      database.exec('BEGIN');
      try {
        const results = sent.map(({ sql, values }): D1Result => {
          const statement = database.prepare(sql);
          const results = isWrite(sql) ? [] : statement.all(...values);
          const changes = isWrite(sql) ? Number(statement.run(...values).changes) : 0;
          return { success: true, results, meta: { ...NO_META, changes } };
        });
        database.exec('COMMIT');
        return results;
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    },
    () => null,
  );
  return Object.assign(session, {
    withSession: () => session,
    exec: () => Promise.reject(new Error('Not there in the bench')),
    dump: () => Promise.reject(new Error('Not there in the bench')),
  });
}

/** The bytes of the pages of each table, those of its indexes included. */
function bytesByTable(database: DatabaseSync): Map<string, number> {
  const rows = database
    .prepare(
      `SELECT m.tbl_name AS "table", sum(s.pgsize) AS bytes FROM dbstat AS s JOIN sqlite_master AS m ON m.name = s.name
       GROUP BY m.tbl_name`,
    )
    .all();
  return new Map(rows.map(({ table, bytes }) => [String(table), Number(bytes)]));
}

/** By how many bytes these tables grew; null: all of them. */
function grown(before: Map<string, number>, after: Map<string, number>, tables: readonly string[] | null): number {
  const counted = [...after].filter(([table]) => tables === null || tables.includes(table));
  return counted.reduce((sum, [table, bytes]) => sum + bytes - (before.get(table) ?? 0), 0);
}

function each(bytes: number, count: number): string {
  return String(Math.round(bytes / count));
}

function thousands(count: number): string {
  return Math.floor(count / 1000).toLocaleString('en');
}

function say(line: string): void {
  console.log(line);
}
