import { env } from 'cloudflare:workers';
import { expect } from 'vitest';

/*
 * Reads and changes D1 and KV directly: for what no call can bring about (a key whose date has come) and for what no
 * call shows (that nothing was written).
 */

const TABLES = [
  'organisations',
  'users',
  'api_keys',
  'api_key_secrets',
  'key_changes',
  'audit_events',
  'idempotent_answers',
] as const;

/** How many rows each table has. */
export async function countRows(): Promise<Record<string, unknown>> {
  const [counts = {}] = await readRows(
    `SELECT ${TABLES.map((table) => `(SELECT count(*) FROM ${table}) AS ${table}`).join(', ')}`,
  );
  return counts;
}

/**
 * Writes to D1 behind the service's back, and empties KV, so that no record there is older. What an isolate has in
 * memory stays, so change a key before its first use.
 */
export async function alter(sql: string, ...parameters: (string | number | null)[]): Promise<void> {
  const { meta } = await env.DB.prepare(sql)
    .bind(...parameters)
    .run();
  if (meta.changes === 0) throw new Error(`No row was changed: ${sql}`);
  const { keys } = await env.KEY_CACHE.list();
  for (const { name } of keys) await env.KEY_CACHE.delete(name);
}

export async function readRows(sql: string, ...parameters: (string | number)[]): Promise<Record<string, unknown>[]> {
  const { results } = await env.DB.prepare(sql)
    .bind(...parameters)
    .all();
  return results;
}

/** All rows of every table that the database has, by table. */
export async function dumpDatabase(): Promise<Record<string, unknown[]>> {
  const tables = await readRows(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'",
  );
  const names = tables.map(({ name }) => String(name));
  const answers = await env.DB.batch(names.map((name) => env.DB.prepare(`SELECT * FROM "${name}"`)));
  return Object.fromEntries(names.map((name, index) => [name, answers[index]?.results ?? []]));
}

/**
 * Runs `act` and expects that it wrote nothing to the database. Only an answer with status 403 may leave one audit
 * event of a refused attempt.
 */
export async function writingNothing<Result>(act: () => Promise<Result>): Promise<Result> {
  const before = setRefusalsApart(await dumpDatabase());
  const result = await act();
  const after = setRefusalsApart(await dumpDatabase());
  expect(after.tables).toEqual(before.tables);
  const wasForbidden = typeof result === 'object' && result !== null && 'status' in result && result.status === 403;
  expect(after.refusals - before.refusals).toBeLessThanOrEqual(wasForbidden ? 1 : 0);
  return result;
}

function setRefusalsApart({ sqlite_sequence, audit_events = [], ...tables }: Record<string, unknown[]>) {
  const kept = audit_events.filter((event) => !JSON.stringify(event).includes('_refused"'));
  return { tables: { ...tables, audit_events: kept }, refusals: audit_events.length - kept.length };
}

/** Every entry of KV: name, value and metadata. */
export async function dumpCache(): Promise<{ name: string; value: string | null; metadata: unknown }[]> {
  const { keys } = await env.KEY_CACHE.list();
  return Promise.all(keys.map(async ({ name }) => ({ name, ...(await env.KEY_CACHE.getWithMetadata(name)) })));
}
