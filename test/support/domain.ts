import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { compose } from '../../src/compose.ts';
import { type Caller, callerOf } from '../../src/domain/authority/caller.ts';
import { newIsolate } from '../../src/domain/isolate.ts';
import type { Services } from '../../src/domain/services.ts';
import { payerOfAddress } from '../../src/domain/verification/miss-budget.ts';
import { verifyKey } from '../../src/domain/verification/verify-key.ts';

/*
 * Calls the functions of the domain that the console's pages read with, as its routes call them.
 */

/** The services of a new isolate, with a clock that stands at `now` (unix milliseconds) and other bindings in place of some. */
export function openServices(replaced: Partial<Env> = {}, now: () => number = Date.now): Services {
  return { ...compose({ ...env, ...replaced }, createExecutionContext(), newIsolate()), now };
}

/** Whoever calls with this key. */
export async function callerWith(apiKey: string): Promise<Caller> {
  const call = { clientIp: '203.0.113.7', needs: [] };
  const verdict = await verifyKey(openServices(), apiKey, call, () => payerOfAddress(call.clientIp));
  if (!verdict.allowed) throw new Error(`The key does not work: ${verdict.code}`);
  return callerOf({ secretHash: verdict.secretHash, needs: [], record: verdict.record }, call.clientIp);
}

/** A usage database that does not answer. */
export const NO_USAGE_DB: D1Database = new Proxy(env.USAGE_DB, {
  get: (database, name) => () => {
    if (name === 'prepare') return database.prepare('SELECT 1');
    throw new Error('D1_ERROR: no answer');
  },
});
