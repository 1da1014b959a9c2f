import { createExecutionContext, createMessageBatch, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import worker from '../../src/worker.ts';

/*
 * Fills the usage database with calls that nobody made.
 */

const HOUR_MS = 60 * 60 * 1000;

/** Calls of one key in one hour, as an isolate counts them. */
export interface Counted {
  keyId: number;
  /** When the last of them was, in unix milliseconds. */
  at: number;
  code?: string;
  network?: string | null;
  count?: number;
}

/** Gives the queue's consumer one flush with these counts. */
export async function deliverCounts(counts: readonly Counted[]): Promise<void> {
  const body = {
    id: crypto.randomUUID(),
    counts: counts.map(({ keyId, at, code = 'VALID', network = null, count = 1 }) => {
      return { keyId, hour: Math.floor(at / HOUR_MS), code, network, count, firstAt: at, lastAt: at };
    }),
  };
  const context = createExecutionContext();
  const message = { id: crypto.randomUUID(), timestamp: new Date(), attempts: 1, body };
  await worker.queue(createMessageBatch('latchkey-usage', [message]), env, context);
  await waitOnExecutionContext(context);
}

/**
 * The heaviest use there can be, of keys with these ids: each code in each hour that is kept as an hour, and on each day
 * before; and as many networks as are kept.
 * @param codes `VALID` among them
 */
export async function fillUsage(
  ids: { from: number; to: number },
  now: number,
  codes: readonly string[],
): Promise<void> {
  const hour = Math.floor(now / HOUR_MS);
  const firstHour = (Math.floor(hour / 24) - 3) * 24;
  const numbers = (name: string, from: string, to: string) =>
    `${name}(n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM ${name} WHERE n < ${to})`;
  const given = `ids AS (SELECT n FROM k), codes AS (SELECT value AS code FROM json_each(?3))`;
  const statements = [
    `INSERT INTO usage_hours (key_id, hour, code, count) WITH RECURSIVE ${numbers('k', '?1', '?2')}, ${numbers('h', '?4', '?5')}, ${given}
       SELECT ids.n, h.n, code, 2 FROM ids, h, codes`,
    `INSERT INTO usage_days (key_id, day, code, count) WITH RECURSIVE ${numbers('k', '?1', '?2')}, ${numbers('d', '?4 / 24 - 87', '?4 / 24 - 1')}, ${given}
       SELECT ids.n, d.n, code, 24 FROM ids, d, codes WHERE ?5 > 0`,
    `INSERT INTO usage_sources (key_id, refused, network, first_seen, last_seen, count) WITH RECURSIVE ${numbers('k', '?1', '?2')}, ${numbers('s', '1', '100')}, ${given}
       SELECT ids.n, refused.value, '192.0.2.' || s.n, ?4, ?5 - s.n, 5 FROM ids, s, json_each('[0,1]') refused WHERE refused.value = 0 OR s.n <= 50`,
  ];
  for (const statement of statements) {
    await env.USAGE_DB.prepare(statement).bind(ids.from, ids.to, JSON.stringify(codes), firstHour, hour).run();
  }
  await env.USAGE_DB.prepare(
    `INSERT INTO usage_last (key_id, last_used_at) WITH RECURSIVE ${numbers('k', '?1', '?2')} SELECT n, ?3 FROM k`,
  )
    .bind(ids.from, ids.to, hour - 1)
    .run();
}
