import { readFileSync, writeFileSync } from 'node:fs';

/*
 * The second half of `npm run lock`, which writes package-lock.json again. npm compares the `engines` of each package
 * in the lock file with the Node that npm itself runs on, and warns of each package that needs a newer one. The
 * packages run on the Node that the lock file pins, so those warnings are wrong. This removes `engines` from the
 * packages that npm would warn of wrongly, and from no others.
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

/** Whether a range such as `^20.19.0 || >=22.12.0` admits a major version of Node. */
function admits(range: string, major: number): boolean {
  return range.split('||').some((alternative) => {
    const [, operator, first] = /^\s*(>=|>|\^|~|)\s*v?(\d+)/.exec(alternative) ?? [];
    // An alternative that cannot be parsed admits nothing, so the package keeps its `engines`.
    if (first === undefined) return alternative.trim() === '*';
    return operator?.startsWith('>') ? Number(first) <= major : Number(first) === major;
  });
}
