import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, parse } from 'node:path';
import { apiDocument } from '../http/document/document.ts';

/*
 * Prepares the static files that Cloudflare serves beside the Worker. Run as a command, it does that for the checkout
 * that it lies in: wrangler does so before each build, `npm run check` and the tests before they start.
 */

const ROOT = join(import.meta.dirname, '../..');

/** A file whose name holds its hash never changes, so browsers may keep it for good. */
const HEADERS = `/console/*
  Cache-Control: public, max-age=31536000, immutable
  X-Content-Type-Options: nosniff
  Content-Security-Policy: default-src 'none'; frame-ancestors 'none'

/openapi.json
  X-Content-Type-Options: nosniff
  Referrer-Policy: no-referrer
  Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
  Strict-Transport-Security: max-age=31536000
`;

/**
 * Copies `src/console/static` to `.assets/console`, each file under a name that holds its hash, and writes those names
 * into `src/console/asset-paths.ts`, because the Worker cannot read files. The same files give the same result. What is
 * right already is not written again, so a watcher of these folders sees no change.
 */
export function buildAssets(root: string = ROOT): void {
  const from = join(root, 'src/console/static');
  const to = join(root, '.assets/console');
  const paths: Record<string, string> = {};
  for (const file of readdirSync(from).sort()) {
    const content = readFileSync(join(from, file));
    const { name, ext } = parse(file);
    const hashed = `${name}.${createHash('sha256').update(content).digest('hex').slice(0, 10)}${ext}`;
    paths[file] = `/console/${hashed}`;
    writeIfChanged(join(to, hashed), content);
  }
  const current = new Set(Object.values(paths).map((path) => path.slice('/console/'.length)));
  for (const file of readdirSync(to)) if (!current.has(file)) rmSync(join(to, file), { force: true });
  writeIfChanged(join(root, '.assets/openapi.json'), Buffer.from(JSON.stringify(apiDocument())));
  writeIfChanged(join(root, '.assets/_headers'), Buffer.from(HEADERS));
  writeIfChanged(join(root, 'src/console/asset-paths.ts'), Buffer.from(manifest(paths)));
}

function manifest(paths: Record<string, string>): string {
  const lines = Object.entries(paths).map(([file, path]) => `  '${file}': '${path}',\n`);
  return `// Written by src/setup/build-assets.ts.\n\nexport const ASSET_PATHS = {\n${lines.join('')}} as const;\n`;
}

function writeIfChanged(file: string, content: Buffer): void {
  if (existsSync(file) && readFileSync(file).equals(content)) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

if (process.argv[1] === import.meta.filename) buildAssets();
