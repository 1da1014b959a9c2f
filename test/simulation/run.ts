import { parseArgs } from 'node:util';
import { BREAKS } from './breaks.ts';
import { CONDITIONS, WEATHERS_OF_REGIONS } from './conditions.ts';
import { linesOf } from './latency/print.ts';
import { measureLatency, WHOLE } from './latency/report.ts';
import { REGION_BREAKS } from './region-breaks.ts';
import { type Options, type Report, simulate } from './world.ts';

/*
 * `npm run simulate -- --steps 1000000 --seed 7`: runs the simulation for so many steps, under each of the conditions.
 * With --breaks, it breaks each rule in turn and counts the violations. With --only TEXT, it runs only the conditions
 * whose name contains TEXT.
 *
 * With --latency, it measures instead how long calls wait for the network, and prints that beside other designs, with
 * what they ask of D1 and what they cost.
 */

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    breaks: { type: 'boolean', default: false },
    latency: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});
const seed = Number(values.seed);
const steps = Number(values.steps);

if (values.latency) {
  await printLatency();
  process.exit();
}

const rules = values.breaks ? Object.entries({ ...BREAKS, ...REGION_BREAKS }) : [['', undefined] as const];
let violated = false;
console.log(`seed ${seed}`);
for (const [rule, breakRule] of rules) {
  for (const [name, condition] of Object.entries({ ...CONDITIONS, ...WEATHERS_OF_REGIONS })) {
    if (values.only !== undefined && !name.includes(values.only)) continue;
    const report = await run({ seed, steps, ...condition, ...(breakRule === undefined ? {} : { breakRule }) }, name);
    violated ||= report.violations.length > 0;
    print(rule === '' ? name : `${rule}, ${name}`, report);
  }
}
process.exit(violated && !values.breaks ? 1 : 0);

async function run(options: Options, name: string): Promise<Report> {
  const startedAt = Date.now();
  const complain = console.error;
  // Storage fails often in the simulation, on purpose. The log of it is of no interest.
  console.error = () => {};
  const report = await simulate({
    ...options,
    onProgress: (done) => {
      const seconds = Math.round((Date.now() - startedAt) / 1000);
      process.stderr.write(`\r${name}: ${done} of ${options.steps} steps, ${seconds} s `);
    },
  });
  console.error = complain;
  process.stderr.write('\r');
  return report;
}

async function printLatency(): Promise<void> {
  const complain = console.error;
  // A region that is asked from afar sometimes answers too late. The log of it is of no interest.
  console.error = () => {};
  const report = await measureLatency(seed, WHOLE, (what) => process.stderr.write(`\r${what.padEnd(60)}`));
  console.error = complain;
  process.stderr.write('\r');
  for (const line of linesOf(report)) console.log(line);
}

function print(title: string, report: Report): void {
  const { memory, region, kv, d1 } = report.tiers;
  const { isolates, regions } = report.asked;
  console.log(`
${title}
  ${report.calls} calls and ${report.changes} changes in ${report.virtualHours.toFixed(1)} hours,
    ${report.locations} locations with ${report.isolates} isolates
  verdicts (stale, within the bound): memory ${memory.verdicts} (${memory.stale}), region ${region.verdicts} (${region.stale}), KV ${kv.verdicts} (${kv.stale}), D1 ${d1.verdicts} (${d1.stale})
  largest staleness ${seconds(report.largestStaleness)}, in an outage ${seconds(report.largestStalenessInGrace)}
  unavailable ${report.unavailable}; beyond the bound, in the grace, ${report.inGrace}
  after effective_by: ${report.afterReceipts.paused} verdicts of paused keys, ${report.afterReceipts.resumed} of resumed ones
  polls per isolate and hour ${Math.round(report.pollsPerIsolateAndHour)}
  D1 was asked for the feed ${isolates.polls} times by isolates and ${regions.polls} by regions, for records alone ${isolates.records} and ${regions.records}
  violations ${report.violations.length}`);
  for (const violation of report.violations.slice(0, values.breaks ? 0 : 10)) console.log(`    ${violation}`);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
