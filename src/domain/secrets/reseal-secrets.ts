import { recordOccurrence } from '../../storage/commit-change.ts';
import {
  countSecretsSealedOtherwise,
  readSecretsSealedOtherwise,
  replaceSealedForms,
  type SealedSecret,
} from '../../storage/secrets.ts';
import type { Services } from '../services.ts';
import { hashApiKey } from './api-key-format.ts';
import type { Keyring } from './keyring.ts';

/** Kept below what wrangler takes on a command line, for databases that are reached that way. */
const AT_ONCE = 100;

export interface Resealing {
  done: number;
  /** How many there were to do at the beginning. */
  total: number;
}

/**
 * Moves every sealed secret to the first master key, some at a time. What was moved is found out from the secrets
 * themselves, so it can be stopped at any moment and begun again.
 * @param onProgress called after each batch
 * @returns how many were moved, and the keys whose secrets do not open with any master key
 */
export async function resealSecrets(
  services: Services,
  keyring: Keyring,
  onProgress: (progress: Resealing) => void,
): Promise<{ resealed: number; unopened: number[] }> {
  const { db } = services;
  const total = await countSecretsSealedOtherwise(db, keyring.sealedPrefix);
  let done = 0;
  const unopened: number[] = [];
  for (let after = ''; ; ) {
    const secrets = await readSecretsSealedOtherwise(db, keyring.sealedPrefix, after, AT_ONCE);
    const last = secrets.at(-1);
    if (last === undefined) break;
    after = last.hash;
    const forms = [];
    for (const secret of secrets) {
      const to = await reseal(keyring, secret);
      if (to === null) unopened.push(secret.keyId);
      else forms.push({ hash: secret.hash, from: secret.sealed, to });
    }
    if (forms.length > 0) await replaceSealedForms(db, forms);
    done += forms.length;
    onProgress({ done, total });
  }
  if (done === 0 && unopened.length === 0) return { resealed: 0, unopened };
  await recordOccurrence(services, {
    orgId: 'deployment',
    apiKeyId: null,
    userId: null,
    audit: { action: 'secrets.resealed', changes: { resealed: done, unopened: unopened.length } },
    actor: { operator: 'reseal' },
    now: services.now(),
  });
  return { resealed: done, unopened };
}

async function reseal(keyring: Keyring, { hash, sealed }: SealedSecret): Promise<string | null> {
  const apiKey = await keyring.open(sealed, hash);
  return apiKey !== null && hashApiKey(apiKey) === hash ? keyring.seal(apiKey, hash) : null;
}
