import './quiet-wrangler.ts';
import { parseArgs } from 'node:util';
import { bootstrapDeployment } from '../domain/deployment/bootstrap-deployment.ts';
import { type RecoveryRefusal, recoverDeployment } from '../domain/deployment/recover-deployment.ts';
import { belongsToDatabase } from '../domain/secrets/trust-keyring.ts';
import type { Acting, Secrets } from '../domain/services.ts';
import { openForCommand } from './command-services.ts';

/*
 * `npm run bootstrap`: makes the first organisation, PROVIDER user and key of a deployment. With that key everything
 * else is made over the API. `--recover` makes a new key of a PROVIDER user when none is left.
 */

const ANOTHER_KEYRING =
  'MASTER_KEYS is not the one that sealed the secrets of this database: it opens none of them. Set it to that one. If that one is lost, first run: npm run reseal -- --abandon';

const NOT_RECOVERED: Record<RecoveryRefusal, string> = {
  no_keyring: 'MASTER_KEYS is missing. Set it to what the deployment has.',
  no_deployment: 'This database has no deployment yet. Run this without --recover.',
  no_provider:
    'There is no enabled PROVIDER user, or none with this email. To make one, give --email, --first-name and --last-name.',
  email_taken: 'This email belongs to a user who is not an enabled PROVIDER user. Give another one.',
};

const USAGE = `Usage: npm run bootstrap -- --organisation NAME --email EMAIL --first-name NAME --last-name NAME
         npm run bootstrap -- --recover [--email EMAIL [--first-name NAME --last-name NAME]]
         each with [--remote [--env ENVIRONMENT] [--secrets-file FILE] | --persist-to DIR]

Makes the deployment's own organisation, its PROVIDER user and that user's first key. Prints the key once.
--recover       Makes a new key of a PROVIDER user instead: of the user with this email, or of the first enabled one.
                With names, it makes the user first if none has this email. It appends an audit event.
--remote        Works on the deployed database.
--env           Which one: an environment of wrangler.toml.
--secrets-file  The file with the deployment's MASTER_KEYS. Without it, they are taken from the environment variable.
--persist-to    Works on the local deployment in this folder.`;

const { values } = parseArgs({
  options: {
    organisation: { type: 'string' },
    email: { type: 'string' },
    'first-name': { type: 'string' },
    'last-name': { type: 'string' },
    recover: { type: 'boolean', default: false },
    remote: { type: 'boolean', default: false },
    env: { type: 'string' },
    'secrets-file': { type: 'string' },
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
    env: values.env,
    secretsFile: values['secrets-file'],
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
  console.error(`${what}. Keep it in a safe place: it is printed only once.`);
  console.log(apiKey);
}
