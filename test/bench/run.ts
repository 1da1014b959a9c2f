import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { unstable_readConfig, unstable_splitSqlQuery } from 'wrangler';
import { buildAssets } from '../../src/setup/build-assets.ts';

/*
 * `npm run bench`. Builds the Worker as it is deployed and runs it on workerd, without the dev proxy, which takes more
 * time than the Worker. Machines are noisy, so only ratios count, of two things measured in turns in one run.
 */

const ROUNDS = 9;
const LOOP = 20_000;
const RPC_LOOP = 5_000;
const LOOK_UPS = 1_000;
const REQUESTS = 4_000;
const CONNECTIONS = 16;
const WITHOUT_USAGE = { 'x-bench-without-usage': 'yes' };

const COMPATIBILITY_DATE = '2026-10-01';
const LIMIT = { namespace_id: '1', simple: { limit: 1_000, period: 60 } } as const;

const outdir = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
say('building …');
buildAssets();
build('test/bench/worker.ts', outdir);
weighMiddleware();
execFileSync(process.execPath, ['--expose-gc', 'test/bench/memory.ts'], { stdio: 'inherit' });
const { vars } = unstable_readConfig({ config: 'wrangler.toml' });
const server = new Miniflare(
  convertV4MiniflareOptions({
    name: 'latchkey',
    modules: true,
    scriptPath: join(outdir, 'worker.js'),
    modulesRoot: outdir,
    compatibilityDate: COMPATIBILITY_DATE,
    d1Databases: ['DB', 'USAGE_DB'],
    queueProducers: { USAGE_QUEUE: 'latchkey-usage' },
    queueConsumers: { 'latchkey-usage': { maxBatchTimeout: 5 } },
    kvNamespaces: ['KEY_CACHE'],
    durableObjects: { REGIONS: { className: 'Region', useSQLite: true } },
    ratelimits: {
      ORG_RATE_LIMIT: LIMIT,
      USER_RATE_LIMIT: LIMIT,
      TAKING_AWAY_RATE_LIMIT: LIMIT,
      SECRETS_RATE_LIMIT: LIMIT,
      READ_RATE_LIMIT: LIMIT,
      MISS_RATE_LIMIT: LIMIT,
      SITE_MISS_RATE_LIMIT: LIMIT,
      ALL_MISSES_RATE_LIMIT: LIMIT,
    },
    bindings: { ...vars, RATE_LIMIT: 'off', MASTER_KEYS: `bench:${Buffer.alloc(32).toString('base64')}` },
    serviceBindings: {
      API_KEYS: { name: 'latchkey', entrypoint: 'ApiKeys' },
      NOTHING: { name: 'latchkey', entrypoint: 'Nothing' },
    },
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
  }),
);

try {
  await server.ready;
  const url = await server.unsafeGetDirectURL('latchkey');
  await migrate(await server.getD1Database('DB'), 'migrations');
  await migrate(await server.getD1Database('USAGE_DB'), 'migrations/usage');
  const seeded = await fetch(new URL('/bench/seed', url), { method: 'POST' });
  const keys = (await seeded.json()) as Record<string, string>;
  await bench(url, keys.ORG_ADMIN ?? '');
} finally {
  await server.dispose();
  rmSync(outdir, { recursive: true, force: true });
}

async function migrate(db: Awaited<ReturnType<typeof server.getD1Database>>, folder: string): Promise<void> {
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()) {
    for (const sql of unstable_splitSqlQuery(readFileSync(join(folder, file), 'utf8'))) await db.prepare(sql).run();
  }
}

/** Bundles a Worker as `wrangler deploy` does. */
function build(main: string, to: string, ...options: string[]): void {
  const config = ['--config', 'test/bench/wrangler.toml'];
  execFileSync('wrangler', ['deploy', main, '--dry-run', ...config, '--outdir', to, ...options], { stdio: 'ignore' });
}

/** Prints how much the middleware adds to the bundle of a Worker. */
function weighMiddleware(): void {
  const weigh = (main: string, name: string) => {
    build(main, join(outdir, name), '--minify');
    const bundle = readFileSync(join(outdir, name, `${name}.js`));
    return { bytes: bundle.length, gzipped: gzipSync(bundle).length };
  };
  const bare = weigh('test/bench/bare-consumer.ts', 'bare-consumer');
  const protecting = weigh('test/consumer/worker.ts', 'worker');
  say(`
The middleware in a Worker of someone else, minified, beyond Hono (aim: under 5 KiB)
  ${kib(protecting.bytes - bare.bytes)} KiB, ${kib(protecting.gzipped - bare.gzipped)} KiB gzipped`);
}

function kib(bytes: number): string {
  return (bytes / 1024).toFixed(2);
}

async function bench(url: URL, apiKey: string): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const get = (path: string, headers: Record<string, string> = {}) => call(agent, new URL(path, url), apiKey, headers);
  await load(() => get('/v2/api_keys/current'), 500);

  const loops = await compare(`inside the Worker, loops of ${LOOP}`, {
    'bare SHA-256': () => timed(() => get(`/bench/digest/${LOOP}`)),
    'warm verification': () => timed(() => get(`/bench/verify/${LOOP}`)),
  });
  const perVerification = loops['warm verification'] / LOOP;
  say(`
Inside the Worker, median of ${ROUNDS} rounds of ${LOOP}
  one SHA-256 of a key     ${micro(loops['bare SHA-256'] / LOOP)}
  one warm verification    ${micro(perVerification)}   ${ratio(loops['warm verification'], loops['bare SHA-256'])} × the hash (aim: at most 2)`);

  const rpc = await compare(`over a service binding, loops of ${RPC_LOOP}`, {
    nothing: () => timed(() => get(`/bench/rpc/nothing/${RPC_LOOP}`)),
    verify: () => timed(() => get(`/bench/rpc/verify/${RPC_LOOP}`)),
  });
  say(`
Over a service binding, median of ${ROUNDS} rounds of ${RPC_LOOP}
  an empty method          ${micro(rpc.nothing / RPC_LOOP)}
  a warm verification      ${micro(rpc.verify / RPC_LOOP)}   ${ratio(rpc.nothing, rpc.verify)} × the empty method (aim: at least 0.8)`);

  const lookUps = await compare(`look-ups beyond memory, loops of ${LOOK_UPS}`, {
    region: () => timed(() => get(`/bench/look-up/region/${LOOK_UPS}`)),
    KV: () => timed(() => get(`/bench/look-up/kv/${LOOK_UPS}`)),
  });
  say(`
A key that is not in the isolate's memory, everything on one machine, median of ${ROUNDS} rounds of ${LOOK_UPS}
  its record is in KV       ${micro(lookUps.KV / LOOK_UPS)}
  its region has it         ${micro(lookUps.region / LOOK_UPS)}   ${ratio(lookUps.KV, lookUps.region)} × as fast`);

  const requests = await compare(`${REQUESTS} requests over ${CONNECTIONS} connections`, {
    'bare route': () => timed(() => load(() => get('/bench/bare'), REQUESTS)),
    current: () => timed(() => load(() => get('/v2/api_keys/current'), REQUESTS)),
    uncounted: () => timed(() => load(() => get('/v2/api_keys/current', WITHOUT_USAGE), REQUESTS)),
  });
  say(`
Over HTTP, ${CONNECTIONS} connections, median of ${ROUNDS} rounds of ${REQUESTS}
  a bare Hono route             ${perSecond(requests['bare route'])} requests a second
  GET /v2/api_keys/current      ${perSecond(requests.current)} requests a second   ${ratio(requests['bare route'], requests.current)} × the bare route (aim: at least 0.8)
  the same without usage        ${perSecond(requests.uncounted)} requests a second   counting takes ${percent(requests.current, requests.uncounted)} (aim: within 5%)`);

  const io = JSON.parse(await get('/bench/io')) as Record<string, Record<string, string | number>>;
  say('\nStorage asked for one verification, the feed already heard');
  console.table(io);
  agent.destroy();
}

/** Runs each in turn, for several rounds, and returns the median time of each, in milliseconds. */
async function compare<Name extends string>(
  what: string,
  runs: Record<Name, () => Promise<number>>,
): Promise<Record<Name, number>> {
  const names = Object.keys(runs) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  // The first round warms up and is not counted.
  for (let round = 0; round <= ROUNDS; round++) {
    process.stderr.write(`\r${what}: round ${round} of ${ROUNDS} `);
    // Each is first in some rounds, because the first one of a round finds the runtime idle.
    for (const name of [...names.slice(round % names.length), ...names.slice(0, round % names.length)]) {
      const time = await runs[name]();
      if (round > 0) times[name].push(time);
    }
  }
  process.stderr.write('\r\x1b[K');
  return Object.fromEntries(names.map((name) => [name, median(times[name])])) as Record<Name, number>;
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return performance.now() - startedAt;
}

/** Makes `count` requests, `CONNECTIONS` at a time. */
async function load(one: () => Promise<unknown>, count: number): Promise<void> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await one();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}

function call(agent: Agent, url: URL, apiKey: string, extra: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'x-APIKey': apiKey, 'CF-Connecting-IP': '203.0.113.7', ...extra };
    request(url.href, { agent, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => {
        if ((response.statusCode ?? 500) < 300) resolve(body);
        else reject(new Error(`${url.pathname}: ${response.statusCode} ${body}`));
      });
    })
      .on('error', reject)
      .end();
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function ratio(a: number, b: number): string {
  return (a / b).toFixed(2);
}

function percent(a: number, b: number): string {
  return `${((a / b - 1) * 100).toFixed(1)}%`;
}

function micro(milliseconds: number): string {
  return `${(milliseconds * 1000).toFixed(1).padStart(6)} µs`;
}

function perSecond(milliseconds: number): string {
  return String(Math.round((REQUESTS / milliseconds) * 1000)).padStart(6);
}

function say(text: string): void {
  console.log(text);
}
