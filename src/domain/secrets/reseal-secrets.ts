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

/**
 * Secrets in one batch. Few, so that a database that is reached through wrangler answers soon, and progress is reported
 * often.
 */
const BATCH_SIZE = 100;

export interface Resealing {
  done: number;
  /** How many secrets there were to move at the beginning. */
  total: number;
}

/**
 * Moves every sealed secret to the first master key, in batches. The sealed forms themselves show which are still to
 * move, so the command can be stopped at any moment and started again.
 * @param onProgress called after each batch
 * @returns how many secrets were moved, and the ids of the keys whose secrets no master key opens
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
    const secrets = await readSecretsSealedOtherwise(db, keyring.sealedPrefix, after, BATCH_SIZE);
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

/** Sealed secrets that no master key opened when `findUnopened` read them. */
export interface Unopened {
  forms: readonly SealedSecret[];
  /**
   * The ids of the keys that they belong to, in rising order. The keys go on working. Once the forms are dropped, these
   * secrets can never be shown again.
   */
  keyIds: number[];
}

/** Finds the sealed secrets that no master key opens, so that the operator can decide about them. Changes nothing. */
export async function findUnopened(services: Stores, keyring: Keyring): Promise<Unopened> {
  const forms: SealedSecret[] = [];
  for await (const secrets of eachUnopened(services, keyring)) forms.push(...secrets);
  return { forms, keyIds: [...new Set(forms.map(({ keyId }) => keyId))].toSorted((a, b) => a - b) };
}

/**
 * Drops the sealed forms that `findUnopened` found: the way on when MASTER_KEYS is lost. The keys go on working,
 * because verification needs only the hash. They can be rotated and revoked, but not shown.
 *
 * Only these forms are dropped, and only where they are unchanged. The operator may take long to decide, and the Worker
 * may meanwhile have sealed secrets under an entry that the command lacks. The audit event is committed before the
 * first form is dropped, because a command can be killed at any moment.
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
  for (let start = 0; start < forms.length; start += BATCH_SIZE) {
    await dropSealedForms(services.db, forms.slice(start, start + BATCH_SIZE));
  }
}

async function* eachUnopened({ db }: Stores, keyring: Keyring): AsyncGenerator<SealedSecret[]> {
  for (let after = ''; ; ) {
    // No sealed form begins with ANY_FORM, so all of them are read. That includes those which another master key sealed
    // under the id of the first entry.
    const secrets = await readSecretsSealedOtherwise(db, ANY_FORM, after, BATCH_SIZE);
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
