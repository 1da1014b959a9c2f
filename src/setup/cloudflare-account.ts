import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { runWrangler, WranglerError } from './wrangler.ts';

/*
 * What a Cloudflare account has, and what is made in it, through wrangler.
 */

const identity = z.object({ accounts: z.array(z.object({ id: z.string(), name: z.string() })) });
const named = z.array(z.object({ name: z.string() }));
const namespaces = z.array(z.object({ id: z.string(), title: z.string() }));
const output = z.object({ type: z.string(), targets: z.array(z.string()).optional() });

interface Account {
  id: string;
  name: string;
}

/** The accounts that the user of this machine may work on. Null: nobody is logged in. */
export async function readAccounts(): Promise<Account[] | null> {
  const printed = await unless(runWrangler(['whoami', '--json']), /"loggedIn":\s*false/);
  return printed === null ? null : identity.parse(parsePrinted(printed)).accounts;
}

/** The names of the secrets of an environment's Worker. Null: there is no such Worker. */
export async function readSecretNames(environment: string): Promise<string[] | null> {
  const printed = await unless(runWrangler(['secret', 'list', `--env=${environment}`]), /Worker "[^"]*".* not found/);
  return printed === null ? null : named.parse(parsePrinted(printed)).map(({ name }) => name);
}

export async function hasQueue(name: string): Promise<boolean> {
  return (await unless(runWrangler(['queues', 'info', name]), /Queue "[^"]*" does not exist/)) !== null;
}

export async function createQueue(name: string): Promise<void> {
  await runWrangler(['queues', 'create', name]);
}

/** The names of all D1 databases. */
export async function listDatabases(): Promise<string[]> {
  return named.parse(parsePrinted(await runWrangler(['d1', 'list', '--json']))).map(({ name }) => name);
}

/** @param location where its primary is to be, one of D1's location hints; undefined: near who calls this */
export async function createDatabase(name: string, location: string | undefined): Promise<void> {
  await runWrangler(['d1', 'create', name, ...(location === undefined ? [] : [`--location=${location}`])]);
}

/** The id of the KV namespace of this title. Null: there is none. */
export async function findNamespace(title: string): Promise<string | null> {
  const found = namespaces.parse(parsePrinted(await runWrangler(['kv', 'namespace', 'list'])));
  return found.find((namespace) => namespace.title === title)?.id ?? null;
}

/** The title under which wrangler creates the KV namespace of a binding that has no id. */
export function namespaceTitle(worker: string, binding: string): string {
  return `${worker}-${binding.toLowerCase().replaceAll('_', '-')}`;
}

/** Builds the Worker as it would be deployed. Nothing leaves this machine. */
export async function build(environment: string): Promise<void> {
  await runWrangler(['deploy', '--dry-run', `--env=${environment}`]);
}

/**
 * Deploys the Worker.
 * @param options further options of `wrangler deploy`
 * @returns where it can be called: addresses, routes and domains
 */
export async function deployWorker(environment: string, options: readonly string[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-deploy-'));
  const file = join(folder, 'output.ndjson');
  try {
    await runWrangler(['deploy', `--env=${environment}`, ...options], { WRANGLER_OUTPUT_FILE_PATH: file });
    const entries = readFileSync(file, 'utf8').split('\n').filter(Boolean);
    const targets = entries.flatMap((entry) => output.parse(JSON.parse(entry)).targets ?? []);
    return targets.filter((target) => !/^(?:schedule:|Producer for|Consumer for)/.test(target));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What wrangler printed. Null when it failed with this text. Any other failure is thrown. */
async function unless(running: Promise<string>, failure: RegExp): Promise<string | null> {
  try {
    return await running;
  } catch (error) {
    if (error instanceof WranglerError && failure.test(error.printed)) return null;
    throw error;
  }
}

/** The JSON that a command printed, perhaps after notes to people. */
function parsePrinted(printed: string): unknown {
  return JSON.parse(printed.slice(Math.max(0, printed.search(/^[[{]/m))));
}
