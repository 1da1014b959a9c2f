import './quiet-wrangler.ts';
import { parseArgs } from 'node:util';
import { bootstrapDeployment } from '../domain/organisations/bootstrap-deployment.ts';
import { type RecoveryRefusal, recoverDeployment } from '../domain/organisations/recover-deployment.ts';
import { belongsToDatabase } from '../domain/secrets/trust-keyring.ts';
import type { Acting, Secrets } from '../domain/services.ts';
import { openForCommand } from './command-services.ts';

/*
 * `npm run bootstrap`: makes the first organisation, PROVIDER user and key of a deployment. With that key everything
 * else is made over the API. `--recover` makes a new key of a PROVIDER user when none is left.
 */

const ANOTHER_KEYRING =
  'MASTER_KEYS opens none of the secrets of this database: it is not the one that sealed them. Use that one; if it is lost, run npm run reseal -- --abandon first.';

const NOT_RECOVERED: Record<RecoveryRefusal, string> = {
  no_keyring: 'There is no MASTER_KEYS.',
  no_deployment: 'This database has no deployment yet. Run this without --recover.',
  no_provider:
    'There is no enabled PROVIDER user, or none with this email. Give --email, --first-name and --last-name, and one is made.',
  email_taken: 'Someone who is no enabled PROVIDER user has this email. Give another one.',
};

const USAGE = `Usage: npm run bootstrap -- --organisation NAME --email EMAIL --first-name NAME --last-name NAME
         npm run bootstrap -- --recover [--email EMAIL [--first-name NAME --last-name NAME]]
         each with [--remote | --persist-to DIR]

Makes the deployment's own organisation, its PROVIDER user and that user's first key, and prints the key, once.
--recover     makes a new key of a PROVIDER user instead: of the first that is enabled, or of the one with this email.
              With names, the user is made where there is none with this email. It is on record.
--remote      the deployed database; MASTER_KEYS is taken from the environment, and has to be the deployment's
--persist-to  the folder of a local deployment`;

const { values } = parseArgs({
  options: {
    organisation: { type: 'string' },
    email: { type: 'string' },
    'first-name': { type: 'string' },
    'last-name': { type: 'string' },
    recover: { type: 'boolean', default: false },
    remote: { type: 'boolean', default: false },
    'persist-to': { type: 'string' },
  },
});

const act = values.recover ? recover(trimmed(values)) : bootstrap(trimmed(values));
if (act === null) {
  console.error(USAGE);
  process.exit(2);
}

try {
  const { services, keyring, close } = await openForCommand({
    remote: values.remote,
    persistTo: values['persist-to'],
    name: 'npm run bootstrap',
  });
  try {
    // A key that is sealed under a wrong MASTER_KEYS could not be shown after MASTER_KEYS is corrected.
    if (!(await belongsToDatabase(keyring, services.db))) throw new Error(ANOTHER_KEYRING);
    await act(services);
  } finally {
    await close();
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

type Names = Record<'organisation' | 'email' | 'first-name' | 'last-name', string | undefined>;
type Act = (services: Acting & Secrets) => Promise<void>;

/** The names without white space around them, as the API trims them. */
function trimmed(names: Partial<Names>): Names {
  return {
    organisation: names.organisation?.trim(),
    email: names.email?.trim(),
    'first-name': names['first-name']?.trim(),
    'last-name': names['last-name']?.trim(),
  };
}

/** Makes the first key of a new deployment. Null when an option that it needs is missing. */
function bootstrap({ organisation, email, 'first-name': firstName, 'last-name': lastName }: Names): Act | null {
  if (organisation === undefined || email === undefined || firstName === undefined || lastName === undefined) {
    return null;
  }
  return async (services) => {
    const made = await bootstrapDeployment(services, { organisationName: organisation, email, firstName, lastName });
    if (made.refused === undefined) {
      printKey(made.apiKey, 'The key of the PROVIDER user');
      return;
    }
    if (made.refused === 'invalid') {
      printWrong(made.fields);
      return;
    }
    console.error('Nothing was made: this deployment has its organisation already. Use the keys that it has.');
    console.error('If no key of a PROVIDER user is left, run this with --recover: it makes a new one.');
    process.exitCode = 1;
  };
}

/**
 * Makes a new key of a PROVIDER user. Null when a new user's options are incomplete, or when `--organisation` is given.
 */
function recover({ organisation, email, 'first-name': firstName, 'last-name': lastName }: Names): Act | null {
  const named = firstName !== undefined && lastName !== undefined;
  const unnamed = firstName === undefined && lastName === undefined;
  if (organisation !== undefined || !(named || unnamed) || (named && email === undefined)) return null;
  const recipient = named && email !== undefined ? { email, firstName, lastName } : { email };
  return async (services) => {
    const made = await recoverDeployment(services, recipient);
    if (made.refused === undefined) {
      printKey(made.apiKey, `A new key of the PROVIDER user ${made.email}`);
      return;
    }
    if (made.refused === 'invalid') {
      printWrong(made.fields);
      return;
    }
    console.error(`Nothing was made. ${NOT_RECOVERED[made.refused]}`);
    process.exitCode = 1;
  };
}

function printWrong(fields: Record<string, string>): void {
  console.error('Nothing was made.');
  for (const [field, problem] of Object.entries(fields)) {
    console.error(`--${field.replace('_', '-')}: ${problem}`);
  }
  process.exitCode = 1;
}

/** Prints the key alone on standard output, so that it can be piped. The explanation goes to standard error. */
function printKey(apiKey: string, what: string): void {
  console.error(`${what}. Keep it in a safe place: it is printed this once.`);
  console.log(apiKey);
}
