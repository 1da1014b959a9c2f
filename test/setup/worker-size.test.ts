import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

/** Gzipped, without the static files. A cold isolate has to read and compile it first. */
const MOST_BYTES = 200 * 1024;

test('the Worker that is deployed is under 200 KiB', () => {
  const folder = mkdtempSync(join(tmpdir(), 'worker-size-'));
  try {
    execFileSync('wrangler', ['deploy', '--dry-run', '--outdir', folder], { stdio: 'ignore' });
    const bundle = readFileSync(join(folder, 'worker.js'));
    expect(gzipSync(bundle).length).toBeLessThan(MOST_BYTES);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
