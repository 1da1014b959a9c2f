import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort, npmStart } from '../support/checkout.ts';

/*
 * `npm run bench:start -- --starts 20 --busy 2`: measures how long `npm start` takes on a fresh folder until the
 * service answers. It does so `starts` times, with `busy` busy loops running beside it. It fails when a start fails.
 */

const { values } = parseArgs({
  options: { starts: { type: 'string', default: '5' }, busy: { type: 'string', default: '0' } },
});
const starts = Math.min(Number(values.starts), 100);
const busy = Math.min(Number(values.busy), availableParallelism());

const loops = Array.from({ length: busy }, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
const times: number[] = [];
try {
  for (let start = 1; start <= starts; start += 1) {
    const state = mkdtempSync(join(tmpdir(), 'latchkey-start-'));
    const began = performance.now();
    const service = await npmStart('.', await freePort(), ['--persist-to', state]);
    const seconds = (performance.now() - began) / 1000;
    times.push(seconds);
    console.log(`start ${start}: ${seconds.toFixed(1)} s (load ${loadavg()[0]?.toFixed(1)})`);
    await service.stop();
    rmSync(state, { recursive: true, force: true });
  }
} finally {
  for (const loop of loops) loop.kill('SIGKILL');
}
const sorted = times.toSorted((a, b) => a - b);
const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)]?.toFixed(1);
console.log(`${times.length} of ${starts} came up, ${busy} busy loops: ${at(0)} to ${at(1)} s, median ${at(0.5)} s`);
