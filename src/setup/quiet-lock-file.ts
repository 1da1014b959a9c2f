import { readFileSync, writeFileSync } from 'node:fs';

/*
 * The second half of `npm run lock`, which writes package-lock.json anew. npm holds the `engines` of each package in the
 * lock file against the Node that npm itself runs on, and greets with a warning for each that wants a newer one. The
 * packages run on the Node that the lock file pins, so those warnings are wrong. This takes the field off the entries
 * that they are about, and off no others: warnings of any other kind still come.
 */

const LOCK_FILE = 'package-lock.json';
/** The oldest Node that npm may run on: `engines` in package.json. */
const HOST_NODE = 20;
/** The Node that the scripts run on: the optional dependencies in package.json. */
const PINNED_NODE = 24;

const lock: { packages: Record<string, { engines?: { node?: string } }> } = JSON.parse(readFileSync(LOCK_FILE, 'utf8'));
for (const entry of Object.values(lock.packages)) {
  const wanted = entry.engines?.node;
  if (wanted !== undefined && !admits(wanted, HOST_NODE) && admits(wanted, PINNED_NODE)) delete entry.engines;
}
writeFileSync(LOCK_FILE, `${JSON.stringify(lock, null, 2)}\n`);

/** Whether a range such as `^20.19.0 || >=22.12.0` has something for a major version of Node. */
function admits(range: string, major: number): boolean {
  return range.split('||').some((alternative) => {
    const [, operator, first] = /^\s*(>=|>|\^|~|)\s*v?(\d+)/.exec(alternative) ?? [];
    // What is not understood is left alone, and warns.
    if (first === undefined) return alternative.trim() === '*';
    return operator?.startsWith('>') ? Number(first) <= major : Number(first) === major;
  });
}
