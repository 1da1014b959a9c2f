import './quiet-wrangler.ts';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import type { Keyring } from '../domain/secrets/keyring.ts';
import { abandonUnopened, findUnopened, resealSecrets, type Unopened } from '../domain/secrets/reseal-secrets.ts';
import type { Acting, Secrets } from '../domain/services.ts';
import { openForCommand } from './command-services.ts';

/*
 * `npm run reseal`: reseals every secret with the first entry of MASTER_KEYS, after a new one was put in front, so that
 * the old entry can be removed. It can be stopped and started again. `--abandon` deletes, for good, the sealed secrets
 * that no entry opens.
 */

const { values } = parseArgs({
  options: {
    abandon: { type: 'boolean', default: false },
    yes: { type: 'boolean', default: false },
    remote: { type: 'boolean', default: false },
    env: { type: 'string' },
    'secrets-file': { type: 'string' },
    'persist-to': { type: 'string' },
  },
});

/** So many keys are named in a message. The others are counted. */
const KEYS_NAMED = 100;

try {
  const { services, keyring, close } = await openForCommand({
    remote: values.remote,
    env: values.env,
    secretsFile: values['secrets-file'],
    persistTo: values['persist-to'],
    name: 'npm run reseal',
    mendsLostSecrets: values.abandon,
  });
  await (values.abandon ? abandon : reseal)(services, keyring).finally(close);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function reseal(services: Acting & Secrets, keyring: Keyring): Promise<void> {
  const { resealed, unopened } = await resealSecrets(services, keyring, ({ done, total }) =>
    console.log(`${done} of ${total} secrets resealed`),
  );
  if (unopened.length > 0) {
    console.error(
      `${unopened.length} secrets do not open with any entry of MASTER_KEYS and were left as they are. Keys: ${unopened.join(', ')}`,
    );
    console.error(
      'Put the entry that sealed them back into MASTER_KEYS and run this again. If it is lost, run this with --abandon.',
    );
    process.exitCode = 1;
  } else {
    console.log(resealed === 0 ? 'Nothing to do: all secrets are sealed by the first entry.' : 'Done.');
  }
}

async function abandon(services: Acting & Secrets, keyring: Keyring): Promise<void> {
  const found = await findUnopened(services, keyring);
  if (found.forms.length === 0) {
    console.log('Nothing to do: every sealed secret opens with an entry of MASTER_KEYS.');
    return;
  }
  console.log(`${describe(found)} with no entry of MASTER_KEYS.
The keys go on working, and can be rotated and revoked. Once given up, these secrets can never be
shown again, even if the entry that sealed them is found.`);
  if (!(values.yes || (await isConfirmed()))) {
    console.error('Nothing was changed.');
    process.exitCode = 1;
    return;
  }
  await abandonUnopened(services, found);
  console.log(`Done: ${found.forms.length} sealed secrets were given up. Keys can be made and rotated again.`);
}

function describe({ forms, keyIds }: Unopened): string {
  const named = keyIds.slice(0, KEYS_NAMED).join(', ');
  const more = keyIds.length > KEYS_NAMED ? ` and ${keyIds.length - KEYS_NAMED} more` : '';
  return `${forms.length} sealed secrets, of the keys ${named}${more}, open`;
}

/** Asks on the terminal. No terminal, or no answer, means no. */
async function isConfirmed(): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    const asked = terminal.question('Give them up, for good? Type "abandon" to go on: ');
    return (await Promise.race([asked, answer])).trim() === 'abandon';
  } finally {
    terminal.close();
  }
}
