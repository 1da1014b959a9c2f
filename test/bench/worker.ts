import { WorkerEntrypoint } from 'cloudflare:workers';
import { Hono } from 'hono';
import { compose } from '../../src/compose.ts';
import { type Isolate, newIsolate } from '../../src/domain/isolate.ts';
import { PERMISSION_NAMES } from '../../src/domain/permissions/permissions.ts';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { learnRegion } from '../../src/domain/verification/learn-region.ts';
import { payerOfAddress } from '../../src/domain/verification/miss-budget.ts';
import { verifyKey } from '../../src/domain/verification/verify-key.ts';
import { Region } from '../../src/region/region.ts';
import { ApiKeys } from '../../src/rpc/api-keys.ts';
import { seedDemoData } from '../../src/setup/demo-data.ts';
import type { RpcCall } from '../../src/wire/rpc.ts';
import latchkey from '../../src/worker.ts';
import { countIo, type Io } from './counted-io.ts';

/*
 * The Worker as it is, and routes that measure it from inside. The clock of a Worker stands still while it computes, so
 * times are taken outside, around long loops.
 */

const CLIENT = '203.0.113.7';
const CALL = { clientIp: CLIENT, needs: ['review_read'] } as const;

const app = new Hono<{ Bindings: Env & { API_KEYS: Service<ApiKeys>; NOTHING: Service<Nothing> } }>();

export { ApiKeys, Region };

/** Measures what a call over a service binding costs by itself. */
export class Nothing extends WorkerEntrypoint {
  verify(_call: RpcCall): null {
    return null;
  }
}

app.post('/bench/seed', async (c) => c.json(await seedDemoData(compose(c.env, c.executionCtx))));

/** The floor: every verification hashes the key once. */
app.get('/bench/digest/:times', async (c) => {
  const bytes = new TextEncoder().encode(c.req.header('x-APIKey'));
  for (let i = Number(c.req.param('times')); i > 0; i--) await crypto.subtle.digest('SHA-256', bytes);
  return c.body(null, 204);
});

app.get('/bench/verify/:times', async (c) => {
  const apiKey = c.req.header('x-APIKey') ?? null;
  const services = compose(c.env, c.executionCtx);
  for (let i = Number(c.req.param('times')); i > 0; i--) {
    const verdict = await verifyKey(services, apiKey, CALL, () => payerOfAddress(CLIENT));
    if (!verdict.allowed) throw new Error(verdict.code);
  }
  return c.body(null, 204);
});

/** Over a service binding: a verification, or a method that takes the same call and does nothing. */
app.get('/bench/rpc/:method/:times', async (c) => {
  const call = { apiKey: c.req.header('x-APIKey') ?? '', ip: CLIENT, permissions: [...CALL.needs] };
  const { API_KEYS, NOTHING } = c.env;
  const ask = c.req.param('method') === 'verify' ? () => API_KEYS.verify(call) : () => NOTHING.verify(call);
  for (let i = Number(c.req.param('times')); i > 0; i--) await ask();
  return c.body(null, 204);
});

/** What `current` is compared with: as much JSON, and nothing else. */
app.get('/bench/bare', (c) => c.json(BARE));

const BARE = {
  id: 2,
  label: 'Demo key of the org admin',
  org_id: 2,
  user_id: '5309c3a237bbc544d8e26737',
  user_role: 'ORG_ADMIN',
  user_type: 'user',
  expiration_date: null,
  ip_whitelist: [],
  permissions: PERMISSION_NAMES,
  client_ip: CLIENT,
};

/** The storage calls of one verification, for each kind of key. */
app.get('/bench/io', async (c) => {
  const apiKey = c.req.header('x-APIKey') ?? '';
  await c.env.KEY_CACHE.list().then(({ keys }) => Promise.all(keys.map(({ name }) => c.env.KEY_CACHE.delete(name))));
  const isolate = await hearing(c.env, null);
  const another = await hearing(c.env, null);
  const inRegion = await hearing(c.env, COLO);
  // The region has the record from here on.
  await measure(c.env, await hearing(c.env, COLO), apiKey);
  return c.json({
    malformed: await measure(c.env, isolate, 'lk_not-a-key'),
    unknown: await measure(c.env, isolate, generateApiKey('lk')),
    'in no cache': await measure(c.env, isolate, apiKey),
    'KV-warm': await measure(c.env, another, apiKey),
    'region-warm': await measure(c.env, inRegion, apiKey),
    'region-warm, feed not heard': await measure(c.env, newIsolateIn(c.env, COLO), apiKey),
    'no region, feed not heard': await measure(c.env, newIsolate(), apiKey),
    'memory-warm': await measure(c.env, isolate, apiKey),
  });
});

/** The Cloudflare location that the bench is in, where a region is to be asked. */
const COLO = 'AMS';

/** So many look-ups of a key that this isolate does not remember, in its region or (`kv`) in KV. */
app.get('/bench/look-up/:where/:times', async (c) => {
  const apiKey = c.req.header('x-APIKey') ?? '';
  const isolate = await hearing(c.env, c.req.param('where') === 'region' ? COLO : null);
  const services = compose(c.env, c.executionCtx, isolate);
  for (let i = Number(c.req.param('times')); i > 0; i--) {
    isolate.memory.records.clear();
    const verdict = await verifyKey(services, apiKey, CALL, () => payerOfAddress(CLIENT));
    if (!verdict.allowed) throw new Error(verdict.code);
  }
  return c.body(null, 204);
});

function newIsolateIn(env: Env, colo: string | null): Isolate {
  const isolate = newIsolate();
  learnRegion(compose(env, { waitUntil: () => {} }, isolate), () => colo);
  return isolate;
}

/** Makes an isolate that has heard the feed and has no record in memory. */
async function hearing(env: Env, colo: string | null): Promise<Isolate> {
  const isolate = newIsolateIn(env, colo);
  await measure(env, isolate, generateApiKey('lk'));
  return isolate;
}

async function measure(env: Env, isolate: Isolate, apiKey: string): Promise<Io & { verdict: string }> {
  const counted = countIo(env);
  const deferred: Promise<unknown>[] = [];
  const services = compose(counted.env, { waitUntil: (work) => void deferred.push(work) }, isolate);
  const verdict = await verifyKey(services, apiKey, CALL, () => payerOfAddress(CLIENT));
  await Promise.all(deferred);
  return { ...counted.io, verdict: verdict.allowed ? 'VALID' : verdict.code };
}

const WITHOUT_USAGE = 'x-bench-without-usage';
let envWithoutUsage: Env | null = null;

/** Made once, because the Worker keeps its services by `Env`. */
function withoutUsage(env: Env): Env {
  envWithoutUsage ??= { ...env, USAGE: 'off' };
  return envWithoutUsage;
}

export default {
  fetch: (request, env, context) =>
    new URL(request.url).pathname.startsWith('/bench/')
      ? app.fetch(request, env, context)
      : latchkey.fetch(request, request.headers.has(WITHOUT_USAGE) ? withoutUsage(env) : env, context),
} satisfies ExportedHandler<Env & { API_KEYS: Service<ApiKeys>; NOTHING: Service<Nothing> }>;
