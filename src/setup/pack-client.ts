import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as z from 'zod';

/*
 * `npm run pack:client`: makes a package of `src/client` for Workers that use Latchkey, and prints the path of its
 * tarball. The package holds built JavaScript and types, so it does not depend on the consumer's compiler options.
 */

/** Where the tarball goes; ignored by git. */
const DESTINATION = 'dist';

const ourPackage = z
  .object({ version: z.string(), license: z.string(), dependencies: z.object({ hono: z.string() }) })
  .parse(JSON.parse(readFileSync('package.json', 'utf8')));

const folder = mkdtempSync(join(tmpdir(), 'latchkey-client-'));
try {
  execFileSync('tsc', ['-p', 'src/client', '--outDir', folder], { stdio: ['ignore', 'inherit', 'inherit'] });
  cpSync('src/client/README.md', join(folder, 'README.md'));
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
    description: 'Protects the routes of a Worker with API keys that Latchkey verifies',
    license: ourPackage.license,
    type: 'module',
    exports: { '.': { types: './client/api-key-auth.d.ts', default: './client/api-key-auth.js' } },
    files: ['client', 'wire'],
    sideEffects: false,
    peerDependencies: { hono: `^${major}.${minor}.0` },
  };
}
