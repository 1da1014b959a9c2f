import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { buildClient } from './build-client.ts';

/*
 * `npm run pack:client`: makes a package of `src/client`, for Workers and for backends that use Latchkey, and prints the
 * path of its tarball. The package holds built JavaScript and types, so it does not depend on the consumer's compiler
 * options. What follows from the document of the API is made anew first.
 */

/** Where the tarball goes; ignored by git. */
const DESTINATION = 'dist';

const ourPackage = z
  .object({ version: z.string(), license: z.string(), dependencies: z.object({ hono: z.string() }) })
  .parse(JSON.parse(readFileSync('package.json', 'utf8')));

await buildClient();
const folder = mkdtempSync(join(tmpdir(), 'latchkey-client-'));
try {
  execFileSync('tsc', ['-p', 'src/client', '--outDir', folder], { stdio: ['ignore', 'inherit', 'inherit'] });
  cpSync('src/client/README.md', join(folder, 'README.md'));
  cpSync('LICENSE', join(folder, 'LICENSE'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify(describePackage(), null, 2));
  mkdirSync(DESTINATION, { recursive: true });
  const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', resolve(DESTINATION)], {
    cwd: folder,
    encoding: 'utf8',
  });
  console.log(join(resolve(DESTINATION), packed.trim()));
} finally {
  rmSync(folder, { recursive: true });
}

function describePackage() {
  const [major, minor] = ourPackage.dependencies.hono.split('.');
  return {
    name: 'latchkey-client',
    version: ourPackage.version,
    description: 'Verifies API keys with Latchkey: middleware for Workers, and a typed client for backends',
    license: ourPackage.license,
    type: 'module',
    engines: { node: '>=20.3' },
    exports: {
      '.': entry('client/api-key-auth'),
      './backend': entry('client/backend/latchkey'),
      './openapi': entry('client/generated/document'),
      './package.json': './package.json',
    },
    files: ['client', 'wire'],
    sideEffects: false,
    peerDependencies: { hono: `^${major}.${minor}.0` },
    // Backends do without.
    peerDependenciesMeta: { hono: { optional: true } },
  };
}

function entry(path: string) {
  return { types: `./${path}.d.ts`, default: `./${path}.js` };
}
