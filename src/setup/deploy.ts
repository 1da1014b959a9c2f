import './quiet-wrangler.ts';
import { parseArgs } from 'node:util';
import type { DeployOptions } from './deploy-checks.ts';
import { deploy } from './deploy-steps.ts';

/*
 * `npm run deploy`: the first deployment and every one after it.
 */

/** Where D1 can have a primary. */
const LOCATIONS = ['wnam', 'enam', 'weur', 'eeur', 'apac', 'oc'];

const USAGE = `Usage: npm run deploy -- [--env staging|production] [--secrets-file FILE] [--location HINT] [--dry-run]
         [--allow-rollback] [--allow-unsafe-migrations] [--overwrite]

Deploys to Cloudflare, for the first time or as an upgrade. Creates what is missing.
--env           Which environment of wrangler.toml. Without it: the one that stands at the top of the file.
--secrets-file  Sets the secrets in this file, such as MASTER_KEYS=…. The others stay as they are.
--location      Where new databases have their primary: ${LOCATIONS.join(', ')}. Without it: near you.
--dry-run       Looks at everything, says what would be done, and does nothing.
--allow-rollback, --allow-unsafe-migrations, --overwrite
                Go on where this refuses. The refusal says when, and what it costs.`;

const options = readOptions();
try {
  await deploy(options);
} catch (error) {
  console.error(`Latchkey: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}

function readOptions(): DeployOptions {
  try {
    const { values } = parseArgs({
      options: {
        env: { type: 'string', default: '' },
        'secrets-file': { type: 'string' },
        location: { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        'allow-rollback': { type: 'boolean', default: false },
        'allow-unsafe-migrations': { type: 'boolean', default: false },
        overwrite: { type: 'boolean', default: false },
      },
    });
    if (values.location !== undefined && !LOCATIONS.includes(values.location)) {
      throw new Error(`There is no location ${values.location}.`);
    }
    return {
      environment: values.env,
      secretsFile: values['secrets-file'],
      location: values.location,
      dryRun: values['dry-run'],
      allowRollback: values['allow-rollback'],
      allowUnsafeMigrations: values['allow-unsafe-migrations'],
      overwrite: values.overwrite,
    };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(2);
  }
}
