import { existsSync, readdirSync } from 'node:fs';

/*
 * Runs before the commands of this repository. When something is missing, it says what to do, where the command would
 * fail with a stack trace. It is plain JavaScript, because it may run on a Node that is too old for TypeScript.
 */

const NEEDED_NODE = 24;

/** What is missing, and what to do about it. Null when nothing is. */
function findProblem() {
  if (!isInstalled('wrangler', '')) return 'The packages are not installed. Run `npm ci`.';
  const [major] = process.versions.node.split('.');
  if (Number(major) < NEEDED_NODE && isInstalled('', 'node-')) {
    return `This needs Node ${NEEDED_NODE}, and runs on ${process.version}. Node ${NEEDED_NODE} is installed, but not linked, as npm 10 leaves it with --ignore-scripts.
Run \`npm rebuild --ignore-scripts\`, and start this by its npm script.`;
  }
  if (Number(major) < NEEDED_NODE) {
    return `This needs Node ${NEEDED_NODE}, and runs on ${process.version}. \`npm ci\` brings Node ${NEEDED_NODE} as an optional package, and npm scripts run on it.
It is not there: run \`npm ci --include=optional\`, and start this by its npm script. On a platform that has no such package, install Node ${NEEDED_NODE}.`;
  }
  if (!isInstalled('@cloudflare', 'workerd-') || !isInstalled('@esbuild', '')) {
    return 'The programs that belong to this platform (workerd, esbuild) are not installed. Run `npm ci --include=optional`.';
  }
  return null;
}

/** Whether `folder` in node_modules has an entry whose name begins with `prefix`. */
function isInstalled(folder, prefix) {
  const packages = new URL(`../../node_modules/${folder}`, import.meta.url);
  return existsSync(packages) && readdirSync(packages).some((name) => name.startsWith(prefix));
}

const problem = findProblem();
if (problem !== null) {
  console.error(`Latchkey: ${problem}`);
  process.exit(1);
}
