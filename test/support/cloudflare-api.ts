import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { buffer } from 'node:stream/consumers';
import { unstable_splitSqlQuery } from 'wrangler';
import * as z from 'zod';

/*
 * An account at Cloudflare, on this machine, as far as the commands use one. The real wrangler talks to it
 * (CLOUDFLARE_API_BASE_URL): a test of a command holds for what wrangler really asks, and in which order. The databases
 * are SQLite. A request that it does not know is answered as an error, so that no test passes by a guess.
 */

const ACCOUNT = { id: '0123456789abcdef0123456789abcdef', name: 'An account' };

interface Database {
  id: string;
  name: string;
  sqlite: DatabaseSync;
}

interface Binding {
  name: string;
  type: string;
  [property: string]: unknown;
}

/** A Worker that was uploaded. */
interface Uploaded {
  bindings: Binding[];
  migrationTag: string | undefined;
  /** What changed it last, e.g. `wrangler`, `dash` or `api`. */
  changedBy: string;
}

export interface CloudflareAccount {
  /** The environment of a command that works on this account. */
  env: Record<string, string>;
  /** The accounts of who is logged in: this one, and perhaps others. */
  accounts: { id: string; name: string }[];
  /** All that was made or changed, in order, e.g. `create queue latchkey-usage`. */
  acts: string[];
  databases: Database[];
  queues: string[];
  namespaces: { id: string; title: string }[];
  workers: Map<string, Uploaded>;
  /** True: an upload of a Worker is refused. */
  refusesUploads: boolean;
  /** True: the stand-in for wrangler cannot build. */
  refusesBuilds: boolean;
  close: () => void;
}

/** Opens an empty account. The caller must close it. */
export async function openCloudflareAccount(): Promise<CloudflareAccount> {
  const server = createServer(async (request, response) => {
    const { status, answer } = await answerTo(account, request);
    response.writeHead(status, { 'Content-Type': 'application/json', Connection: 'close' });
    response.end(JSON.stringify(answer));
  });
  const account: CloudflareAccount = {
    env: {},
    accounts: [ACCOUNT],
    acts: [],
    databases: [],
    queues: [],
    namespaces: [],
    workers: new Map(),
    refusesUploads: false,
    refusesBuilds: false,
    close: () => {
      server.close();
      for (const { sqlite } of account.databases) sqlite.close();
    },
  };
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('It has no address');
  account.env = {
    CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${address.port}`,
    CLOUDFLARE_API_TOKEN: 'a token',
    CLOUDFLARE_ACCOUNT_ID: ACCOUNT.id,
  };
  return account;
}

/** The database of this name. */
export function databaseOf(account: CloudflareAccount, name: string): DatabaseSync {
  const found = account.databases.find((database) => database.name === name);
  if (found === undefined) throw new Error(`There is no database ${name}`);
  return found.sqlite;
}

/** Adds a Worker with these secrets, as an earlier deployment left it. */
export function addWorker(account: CloudflareAccount, name: string, secrets: readonly string[]): void {
  const bindings = secrets.map((secret) => ({ name: secret, type: 'secret_text' }));
  account.workers.set(name, { bindings, migrationTag: undefined, changedBy: 'wrangler' });
}

/** Adds a database, as `wrangler d1 create` does. */
export function addDatabase(account: CloudflareAccount, name: string): DatabaseSync {
  const sqlite = new DatabaseSync(':memory:');
  account.databases.push({ id: randomUUID(), name, sqlite });
  return sqlite;
}

/** An error of the API. */
class Refusal extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function answerTo(account: CloudflareAccount, request: IncomingMessage) {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const body = await buffer(request);
  try {
    const result = await answer(account, request, url, body);
    const count = Array.isArray(result) ? result.length : 1;
    const page = { page: 1, per_page: 1000, count, total_count: count, total_pages: 1 };
    return { status: 200, answer: { success: true, errors: [], messages: [], result, result_info: page } };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const { status, code, message } = error instanceof Refusal ? error : new Refusal(500, 1000, reason);
    return { status, answer: { success: false, errors: [{ code, message }], messages: [], result: null } };
  }
}

/** @throws a `Refusal` */
async function answer(account: CloudflareAccount, request: IncomingMessage, url: URL, body: Buffer): Promise<unknown> {
  const inAccount = url.pathname.replace(`/accounts/${ACCOUNT.id}/`, '');
  const json = () => JSON.parse(body.toString());
  const asked = `${request.method} ${inAccount}`;
  const match = (pattern: RegExp) => pattern.exec(asked)?.slice(1) ?? null;
  let found: string[] | null;

  if (asked === 'GET /user/tokens/verify') return { id: 'token', status: 'active' };
  if (asked === 'GET /user') return { email: 'operator@example.com' };
  if (asked === 'GET /accounts') return account.accounts;
  if (asked === 'GET /memberships') return account.accounts.map((each) => ({ account: each }));
  if (asked === 'GET workers/subdomain') return { subdomain: 'example' };

  if (asked === 'GET queues') {
    const names = url.searchParams.getAll('name');
    return account.queues
      .filter((name) => names.length === 0 || names.includes(name))
      .map((name) => ({ queue_id: name, queue_name: name, consumers: [], producers: [] }));
  }
  if (asked === 'POST queues') {
    const { queue_name: name } = z.object({ queue_name: z.string() }).parse(json());
    account.acts.push(`create queue ${name}`);
    account.queues.push(name);
    return { queue_id: name, queue_name: name };
  }
  found = match(/^POST queues\/([^/]+)\/consumers$/);
  if (found !== null) {
    account.acts.push(`consume queue ${found[0]}`);
    return {};
  }

  if (asked === 'GET storage/kv/namespaces') return account.namespaces;
  if (asked === 'POST storage/kv/namespaces') {
    const { title } = z.object({ title: z.string() }).parse(json());
    if (account.namespaces.some((namespace) => namespace.title === title)) {
      throw new Refusal(400, 10014, 'a namespace with this account ID and title already exists');
    }
    account.acts.push(`create namespace ${title}`);
    const namespace = { id: randomUUID(), title };
    account.namespaces.push(namespace);
    return namespace;
  }

  found = match(/^DELETE storage\/kv\/namespaces\/([^/]+)$/);
  if (found !== null) {
    account.namespaces = account.namespaces.filter(({ id }) => id !== found?.[0]);
    return null;
  }

  if (asked === 'GET d1/database') return account.databases.map(describeDatabase);
  if (asked === 'POST d1/database') {
    const { name, primary_location_hint: hint } = z
      .object({ name: z.string(), primary_location_hint: z.string().optional() })
      .parse(json());
    account.acts.push(`create database ${name}${hint === undefined ? '' : ` in ${hint}`}`);
    addDatabase(account, name);
    return describeDatabase(account.databases.at(-1));
  }
  found = match(/^(?:GET|POST) d1\/database\/([^/]+?)(?:\/query)?$/);
  if (found !== null) {
    const database = account.databases.find(({ id, name }) => id === found?.[0] || name === found?.[0]);
    if (database === undefined) throw new Refusal(404, 7404, 'The database could not be found');
    return request.method === 'GET' ? describeDatabase(database) : query(account, database, json().sql);
  }

  found = match(/^\S+ workers\/(?:scripts|services|workers)\/([^/]+)/);
  const name = found?.[0];
  if (name === undefined) throw new Refusal(404, 7003, `No such request: ${asked}`);
  const uploads = asked === `PUT workers/scripts/${name}` || asked === `POST workers/scripts/${name}/versions`;
  if (uploads) return upload(account, name, request, body);
  if (asked === `POST workers/scripts/${name}/assets-upload-session`) return { jwt: 'assets', buckets: [] };
  const worker = account.workers.get(name);
  if (worker === undefined) throw new Refusal(404, 10007, 'This Worker does not exist on your account.');
  switch (asked.replace(name, '*')) {
    case 'GET workers/services/*': {
      const script = { tag: 'tag', tags: [], last_deployed_from: worker.changedBy, migration_tag: worker.migrationTag };
      return { default_environment: { environment: 'production', script } };
    }
    case 'GET workers/scripts/*/secrets':
      return worker.bindings.filter(({ type }) => type === 'secret_text').map(({ name, type }) => ({ name, type }));
    case 'GET workers/scripts/*/settings':
      return { bindings: worker.bindings };
    case 'GET workers/scripts/*/deployments':
      return { deployments: [{ id: randomUUID(), versions: [{ version_id: randomUUID(), percentage: 100 }] }] };
    case 'POST workers/scripts/*/deployments':
      account.acts.push(`deploy ${name}`);
      return { id: randomUUID() };
    case 'PATCH workers/scripts/*/script-settings':
    case 'PUT workers/scripts/*/schedules':
      return {};
    case 'GET workers/workers/*':
      return { subdomain: { enabled: false, previews_enabled: false } };
    case 'POST workers/scripts/*/subdomain':
      account.acts.push(`address of ${name}: ${body}`);
      return json();
    default:
      throw new Refusal(404, 7003, `No such request: ${asked}`);
  }
}

function describeDatabase(database: Database | undefined): unknown {
  return database && { uuid: database.id, name: database.name, version: 'production' };
}

/** Runs statements as D1 does: as one transaction, with one result each. */
export function query(account: CloudflareAccount, { name, sqlite }: Database, sql: string): unknown {
  const results: unknown[] = [];
  sqlite.exec('BEGIN');
  try {
    for (const statement of unstable_splitSqlQuery(sql)) {
      results.push({ success: true, results: sqlite.prepare(statement).all(), meta: { duration: 0 } });
    }
    sqlite.exec('COMMIT');
  } catch (error) {
    sqlite.exec('ROLLBACK');
    throw new Refusal(400, 7500, error instanceof Error ? error.message : String(error));
  }
  const migration = /INSERT INTO "?d1_migrations"?.*VALUES \('([^']+)'\)/is.exec(sql)?.[1];
  if (migration !== undefined) account.acts.push(`migrate ${name} ${migration}`);
  return results;
}

/** Takes a Worker, as a new one or in place of the one before, whose secrets it keeps. */
async function upload(account: CloudflareAccount, name: string, { headers }: IncomingMessage, body: Buffer) {
  const form = await new Response(new Uint8Array(body), {
    headers: { 'Content-Type': headers['content-type'] ?? '' },
  }).formData();
  const metadata = z
    .object({
      bindings: z.array(z.looseObject({ name: z.string(), type: z.string() })),
      migrations: z.object({ new_tag: z.string() }).optional(),
    })
    .parse(JSON.parse(String(form.get('metadata'))));
  if (account.refusesUploads) throw new Refusal(400, 10021, 'The script was refused.');
  const before = account.workers.get(name);
  const bindings = metadata.bindings.map((binding) => {
    if (binding.type !== 'inherit') return binding;
    const inherited = before?.bindings.find((candidate) => candidate.name === binding.name);
    if (inherited === undefined) throw new Refusal(400, 10057, `inherit binding '${binding.name}' is invalid`);
    return inherited;
  });
  const kept = (before?.bindings ?? []).filter(
    (binding) => binding.type === 'secret_text' && !bindings.some((given) => given.name === binding.name),
  );
  account.acts.push(`upload ${name}`);
  account.workers.set(name, {
    bindings: [...bindings, ...kept],
    migrationTag: metadata.migrations?.new_tag ?? before?.migrationTag,
    changedBy: 'wrangler',
  });
  const id = randomUUID();
  return { id, deployment_id: id.replaceAll('-', ''), resources: { script: { etag: 'etag' } } };
}
