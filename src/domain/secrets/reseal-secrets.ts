import { recordOccurrence } from '../../storage/commit-change.ts';
import {
  countSecretsSealedOtherwise,
  dropSealedForms,
  readSecretsSealedOtherwise,
  replaceSealedForms,
  type SealedSecret,
} from '../../storage/secrets.ts';
import type { Stores } from '../services.ts';
import { hashApiKey } from './api-key-format.ts';
import type { Keyring } from './keyring.ts';

/** Kept small, so that a database which is reached through wrangler answers soon, and shows how far it is. */
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
  services: Stores,
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

/** Sealed secrets that no master key opened when they were looked for. */
export interface Unopened {
  forms: readonly SealedSecret[];
  /** The keys that they belong to. They go on working, and cannot be shown once the forms are given up. */
  keyIds: number[];
}

/**
 * Finds the sealed secrets that no master key opens, for someone to decide on; nothing is changed.
 */
export async function findUnopened(services: Stores, keyring: Keyring): Promise<Unopened> {
  const forms: SealedSecret[] = [];
  for await (const secrets of eachUnopened(services, keyring)) forms.push(...secrets);
  return { forms, keyIds: [...new Set(forms.map(({ keyId }) => keyId))].toSorted((a, b) => a - b) };
}

/**
 * Drops the sealed forms that were found not to open: the way on when MASTER_KEYS is lost. The keys go on working, for that
 * needs only the hash; they can be rotated and revoked, and not shown.
 *
 * Only these forms, as they were found. Whoever decides takes as long as it likes, and the Worker may have sealed secrets
 * meanwhile under an entry that the command lacks. They are on record before the first one is dropped, because a command can
 * be killed at any moment.
 */
export async function abandonUnopened(services: Stores, { forms }: Unopened): Promise<void> {
  if (forms.length === 0) return;
  await recordOccurrence(services, {
    orgId: 'deployment',
    apiKeyId: null,
    userId: null,
    audit: { action: 'secrets.abandoned', changes: { abandoned: forms.length } },
    actor: { operator: 'reseal --abandon' },
    now: services.now(),
  });
  for (let start = 0; start < forms.length; start += AT_ONCE) {
    await dropSealedForms(services.db, forms.slice(start, start + AT_ONCE));
  }
}

async function* eachUnopened({ db }: Stores, keyring: Keyring): AsyncGenerator<SealedSecret[]> {
  for (let after = ''; ; ) {
    // Nothing sealed begins so: all of them are read, those of a key under the first entry's name included.
    const secrets = await readSecretsSealedOtherwise(db, ANY_FORM, after, AT_ONCE);
    const last = secrets.at(-1);
    if (last === undefined) return;
    after = last.hash;
    const opened = await Promise.all(secrets.map((secret) => opens(keyring, secret)));
    const unopened = secrets.filter((_, index) => !opened[index]);
    if (unopened.length > 0) yield unopened;
  }
}

const ANY_FORM = '\n';

async function opens(keyring: Keyring, { hash, sealed }: SealedSecret): Promise<boolean> {
  const apiKey = await keyring.open(sealed, hash);
  return apiKey !== null && hashApiKey(apiKey) === hash;
}

async function reseal(keyring: Keyring, { hash, sealed }: SealedSecret): Promise<string | null> {
  const apiKey = await keyring.open(sealed, hash);
  return apiKey !== null && hashApiKey(apiKey) === hash ? keyring.seal(apiKey, hash) : null;
}
