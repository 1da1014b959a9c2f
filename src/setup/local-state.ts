import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseEnv } from 'node:util';

/** Where `wrangler dev` keeps its local state unless `--persist-to` says otherwise. */
const USUAL_FOLDER = '.wrangler/state';

/** The files of one local deployment. */
export interface LocalState {
  /** What `--persist-to` takes. */
  folder: string;
  /**
   * Where the local runtime keeps D1 and KV. wrangler adds this level to its path by itself; the platform proxy does
   * not.
   */
  storage: string;
  secretsFile: string;
  devKeysFile: string;
  /** The demo keys while some of them are still to be made. */
  unfinishedDevKeysFile: string;
  /** Where the Workers of this deployment find each other by name. */
  registry: string;
}

/**
 * The files of the state folder that the arguments name (`--persist-to DIR` or `--persist-to=DIR`), else of the usual
 * one.
 */
export function locateLocalState(args: readonly string[]): LocalState {
  const folder = optionValue(args, '--persist-to') ?? USUAL_FOLDER;
  return {
    folder,
    storage: join(folder, 'v3'),
    secretsFile: join(folder, 'secrets.env'),
    devKeysFile: join(folder, 'dev-keys.json'),
    unfinishedDevKeysFile: join(folder, 'dev-keys.unfinished.json'),
    registry: join(folder, 'registry'),
  };
}

/** Makes the state folder. A new folder is readable by its owner only; an existing one keeps its mode. */
export function ensureFolder({ folder }: LocalState): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** The local MASTER_KEYS. Null when the secrets file, or the line in it, is missing. */
export function readMasterKeys({ secretsFile }: LocalState): string | null {
  if (!existsSync(secretsFile)) return null;
  return parseEnv(readFileSync(secretsFile, 'utf8')).MASTER_KEYS || null;
}

/**
 * Makes a new MASTER_KEYS and writes it to the secrets file, in place of a line that is there. Other lines stay.
 * @returns the new value
 */
export function makeMasterKeys({ secretsFile }: LocalState): string {
  const masterKeys = `local:${randomBytes(32).toString('base64')}`;
  const others = existsSync(secretsFile) ? readFileSync(secretsFile, 'utf8').replace(/^MASTER_KEYS=.*$/gm, '') : '';
  writePrivately(secretsFile, `MASTER_KEYS="${masterKeys}"\n${others.trimStart()}`);
  return masterKeys;
}

/** The demo keys that an unfinished seeding made, by the role of their user. Null: there was none. */
export function readUnfinishedDevKeys({ unfinishedDevKeysFile }: LocalState): Record<string, string> | null {
  if (!existsSync(unfinishedDevKeysFile)) return null;
  const keys: Record<string, string> = JSON.parse(readFileSync(unfinishedDevKeysFile, 'utf8'));
  return keys;
}

export function writeUnfinishedDevKeys(
  { unfinishedDevKeysFile }: LocalState,
  keys: Readonly<Record<string, string>>,
): void {
  writePrivately(unfinishedDevKeysFile, `${JSON.stringify(keys)}\n`);
}

/** Marks the demo keys as complete. */
export function finishDevKeys({ unfinishedDevKeysFile, devKeysFile }: LocalState): void {
  renameSync(unfinishedDevKeysFile, devKeysFile);
}

/** Deletes the keys of an unfinished seeding, which are not of this database. */
export function dropUnfinishedDevKeys({ unfinishedDevKeysFile }: LocalState): void {
  rmSync(unfinishedDevKeysFile, { force: true });
}

/** The value of an option, given as `--name value` or `--name=value`. The last one counts. Undefined: not given. */
export function optionValue(args: readonly string[], name: string): string | undefined {
  return args.reduce<string | undefined>((found, arg, index) => {
    if (arg.startsWith(`${name}=`)) return arg.slice(name.length + 1);
    return arg === name ? args[index + 1] : found;
  }, undefined);
}

/** A path as a person would type it in this folder. */
export function displayPath(path: string): string {
  const fromHere = relative('', path);
  return fromHere.startsWith('..') ? path : `./${fromHere}`;
}

/** Writes a file that only its owner can read. A process that is killed meanwhile leaves the old content. */
function writePrivately(file: string, content: string): void {
  const next = `${file}.next`;
  writeFileSync(next, content, { mode: 0o600 });
  renameSync(next, file);
}
