import './quiet-wrangler.ts';
import { parseArgs } from 'node:util';
import { bootstrapDeployment } from '../domain/organisations/bootstrap-deployment.ts';
import { openForCommand } from './command-services.ts';

/*
 * `npm run bootstrap`: makes the first organisation, PROVIDER user and key of a real deployment, which everything else
 * is made with over the API.
 */

const USAGE = `Usage: npm run bootstrap -- --organisation NAME --email EMAIL --first-name NAME --last-name NAME
         [--remote | --persist-to DIR]

Makes the deployment's own organisation, its PROVIDER user and that user's first key, and prints the key, once.
--remote      the deployed database; MASTER_KEYS is taken from the environment, and has to be the deployment's
--persist-to  the folder of a local deployment`;

const { values } = parseArgs({
  options: {
    organisation: { type: 'string' },
    email: { type: 'string' },
    'first-name': { type: 'string' },
    'last-name': { type: 'string' },
    remote: { type: 'boolean', default: false },
    'persist-to': { type: 'string' },
  },
});
const { organisation, email, 'first-name': firstName, 'last-name': lastName } = values;

if (organisation === undefined || email === undefined || firstName === undefined || lastName === undefined) {
  console.error(USAGE);
  process.exit(2);
}

try {
  const { services, close } = await openForCommand({
    remote: values.remote,
    persistTo: values['persist-to'],
    name: 'npm run bootstrap',
  });
  const made = await bootstrapDeployment(services, {
    organisationName: organisation,
    email,
    firstName,
    lastName,
  }).finally(close);
  if (made.refused !== undefined) {
    console.error('Nothing was made: this deployment has its organisation already. Use the keys that it has.');
    process.exitCode = 1;
  } else {
    console.error('The key of the PROVIDER user. Keep it in a safe place:');
    console.log(made.apiKey);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
