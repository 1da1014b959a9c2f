import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, parse } from 'node:path';
import { apiDocument } from '../http/document/document.ts';
import { errorsPage } from '../reference/errors-page.ts';
import { referencePage } from '../reference/reference-page.ts';

/*
 * Prepares the static files that Cloudflare serves beside the Worker: those of the console, the document of the API, and
 * its reference. Run as a command, it does that for the checkout that it lies in: wrangler does so before each build,
 * `npm run check` and the tests before they start.
 */

const ROOT = join(import.meta.dirname, '../..');

const NOTHING_RUNS = "default-src 'none'; frame-ancestors 'none'";
/** The script of the reference can try a call, on this service only. */
const REFERENCE_RUNS =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
const A_YEAR = 'max-age=31536000';
/** A file whose name holds its hash never changes, so browsers may keep it for good. */
const FOR_GOOD = { 'Cache-Control': `public, ${A_YEAR}, immutable` };

/** Headers by path. Cloudflare joins what several paths say of one answer, so no two of these match one file. */
const HEADERS: Record<string, Record<string, string>> = {
  '/console/*': { ...FOR_GOOD, ...secured(NOTHING_RUNS) },
  '/docs-files/*': { ...FOR_GOOD, ...secured(NOTHING_RUNS) },
  '/docs': secured(REFERENCE_RUNS),
  '/docs/errors': secured(REFERENCE_RUNS),
  '/openapi.json': secured(NOTHING_RUNS),
};

function secured(policy: string): Record<string, string> {
  return {
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Content-Security-Policy': policy,
    'Strict-Transport-Security': A_YEAR,
  };
}

/**
 * Copies `src/console/static` to `.assets/console`, each file under a name that holds its hash, and writes those names
 * into `src/console/asset-paths.ts`, because the Worker cannot read files. Makes the document and its reference. The same
 * files give the same result. What is right already is not written again, so a watcher of these folders sees no change.
 */
export function buildAssets(root: string = ROOT): void {
  const console = copyHashed(root, 'src/console/static', 'console');
  writeIfChanged(join(root, 'src/console/asset-paths.ts'), manifest(console));

  const document = apiDocument();
  const reference = copyHashed(root, 'src/reference/static', 'docs-files');
  const files = {
    consoleStyle: pathOf(console, 'console.css'),
    icon: pathOf(console, 'icon.svg'),
    style: pathOf(reference, 'reference.css'),
    script: pathOf(reference, 'reference.js'),
  };
  const assets = join(root, '.assets');
  writeIfChanged(join(assets, 'openapi.json'), JSON.stringify(document));
  writeIfChanged(join(assets, 'docs.html'), referencePage(document, files));
  writeIfChanged(join(assets, 'docs/errors.html'), errorsPage(files));
  writeIfChanged(join(assets, '_headers'), headersFile());
}

/**
 * Copies the files of a folder into a folder of `.assets`, under names that hold their hash, and removes what is there
 * besides.
 * @returns the path that each file is served at, by its name
 */
function copyHashed(root: string, from: string, to: string): Record<string, string> {
  const folder = join(root, '.assets', to);
  const paths: Record<string, string> = {};
  for (const file of readdirSync(join(root, from)).sort()) {
    const content = readFileSync(join(root, from, file));
    const { name, ext } = parse(file);
    const hashed = `${name}.${createHash('sha256').update(content).digest('hex').slice(0, 10)}${ext}`;
    paths[file] = `/${to}/${hashed}`;
    writeIfChanged(join(folder, hashed), content);
  }
  const current = new Set(Object.values(paths).map((path) => parse(path).base));
  for (const file of readdirSync(folder)) if (!current.has(file)) rmSync(join(folder, file), { force: true });
  return paths;
}

function pathOf(paths: Record<string, string>, file: string): string {
  const path = paths[file];
  if (path === undefined) throw new Error(`There is no file ${file}`);
  return path;
}

function manifest(paths: Record<string, string>): string {
  const lines = Object.entries(paths).map(([file, path]) => `  '${file}': '${path}',\n`);
  return `// Written by src/setup/build-assets.ts.\n\nexport const ASSET_PATHS = {\n${lines.join('')}} as const;\n`;
}

function headersFile(): string {
  return Object.entries(HEADERS)
    .map(([path, headers]) =>
      [path, ...Object.entries(headers).map(([name, value]) => `  ${name}: ${value}`)].join('\n'),
    )
    .join('\n\n')
    .concat('\n');
}

function writeIfChanged(file: string, content: Buffer | string): void {
  const bytes = Buffer.from(content);
  if (existsSync(file) && readFileSync(file).equals(bytes)) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
}

if (process.argv[1] === import.meta.filename) buildAssets();
