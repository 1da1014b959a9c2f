import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Where `wrangler dev` keeps its local state unless `--persist-to` says otherwise. */
const USUAL_FOLDER = '.wrangler/state';

/** The files of one local deployment. */
export interface LocalState {
  /** What `--persist-to` takes. */
  folder: string;
  /** Where the local runtime keeps D1 and KV: wrangler adds this level by itself, the platform proxy does not. */
  storage: string;
  secretsFile: string;
  devKeysFile: string;
}

/** The local state that these arguments of `npm start` name: `--persist-to DIR` or `--persist-to=DIR`. */
export function locateLocalState(args: readonly string[]): LocalState {
  const folder = optionValue(args, '--persist-to') ?? USUAL_FOLDER;
  return {
    folder,
    storage: join(folder, 'v3'),
    secretsFile: join(folder, 'secrets.env'),
    devKeysFile: join(folder, 'dev-keys.json'),
  };
}

/** Makes local secrets, unless there are some: with others, what was sealed before would not open any more. */
export function ensureLocalSecrets({ folder, secretsFile }: LocalState): void {
  mkdirSync(folder, { recursive: true });
  if (existsSync(secretsFile)) return;
  writePrivately(secretsFile, `MASTER_KEYS="local:${randomBytes(32).toString('base64')}"\n`);
}

export function writeDevKeys({ devKeysFile }: LocalState, keys: Readonly<Record<string, string>>): void {
  writePrivately(devKeysFile, `${JSON.stringify(keys)}\n`);
}

/** The value of an option given as `--name value` or `--name=value`; the last one counts. */
export function optionValue(args: readonly string[], name: string): string | undefined {
  return args.reduce<string | undefined>((found, arg, index) => {
    if (arg.startsWith(`${name}=`)) return arg.slice(name.length + 1);
    return arg === name ? args[index + 1] : found;
  }, undefined);
}

/** A path as a person would type it here. */
export function displayPath(path: string): string {
  const fromHere = relative('', path);
  return fromHere.startsWith('..') ? path : `./${fromHere}`;
}

function writePrivately(file: string, content: string): void {
  writeFileSync(file, content, { mode: 0o600 });
}
