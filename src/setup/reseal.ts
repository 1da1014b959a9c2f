import './quiet-wrangler.ts';
import { parseArgs } from 'node:util';
import { resealSecrets } from '../domain/secrets/reseal-secrets.ts';
import { openForCommand } from './command-services.ts';

/*
 * `npm run reseal`: after a new entry was put in front of MASTER_KEYS, moves every sealed secret to it, so that the old
 * entry can go. Safe to stop and to start again.
 */

const { values } = parseArgs({
  options: {
    remote: { type: 'boolean', default: false },
    'persist-to': { type: 'string' },
  },
});

try {
  const { services, keyring, close } = await openForCommand({
    remote: values.remote,
    persistTo: values['persist-to'],
    name: 'npm run reseal',
  });
  const { resealed, unopened } = await resealSecrets(services, keyring, ({ done, total }) =>
    console.log(`${done} of ${total} secrets resealed`),
  ).finally(close);
  if (unopened.length > 0) {
    console.error(
      `${unopened.length} secrets do not open with any entry of MASTER_KEYS and were left as they are. Keys: ${unopened.join(', ')}`,
    );
    process.exitCode = 1;
  } else {
    console.log(resealed === 0 ? 'Nothing to do: all secrets are sealed by the first entry.' : 'Done.');
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
