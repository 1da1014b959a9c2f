import { logFailure } from '../../log.ts';
import { recordOccurrence } from '../../storage/commit-change.ts';
import { readSecretInUse } from '../../storage/secrets.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import { hashApiKey } from '../secrets/api-key-format.ts';
import type { Acting, Secrets } from '../services.ts';
import type { Key } from './key.ts';

/**
 * Opens the secret of a key for a caller who was judged to reach it. That it was seen, and by whom, is on record before the
 * secret leaves.
 * @param mayReveal charges the limit of secrets that leave
 * @param hash the secret that is meant; left out: whichever is in use
 * @returns `gone` when that secret is in use no more; null when the caller or the key was changed between the judgement and
 * the look
 */
export async function revealSecret(
  services: Acting & Secrets,
  caller: Caller,
  key: Key,
  mayReveal: () => Promise<boolean>,
  hash?: string,
): Promise<Outcome<{ apiKey: string }> | 'gone' | null> {
  const secret = await readSecretInUse(services.db, key.id);
  // The key was revoked, or deleted with its user, since it was read; or its sealed form was dropped by `reseal
  // --abandon`.
  if (secret?.sealed == null) return 'gone';
  if (hash !== undefined && hash !== secret.hash) return 'gone';
  const keyring = await services.keyring();
  const apiKey = (await keyring?.open(secret.sealed, secret.hash)) ?? null;
  if (apiKey === null || hashApiKey(apiKey) !== secret.hash) {
    logFailure(
      'a sealed secret does not open: MASTER_KEYS lacks the entry that sealed it, or the row was changed',
      null,
      { api_key_id: key.id },
    );
    return { refused: 'no_keyring' };
  }
  if (!(await mayReveal())) return { refused: 'rate_limited' };
  const recorded = await recordOccurrence(services, {
    orgId: key.orgId,
    apiKeyId: key.id,
    userId: key.userId,
    audit: { action: 'api_key.seen', changes: {} },
    actor: actorOf(caller, { apiKeyIds: [key.id], userIds: [key.userId] }),
    now: services.now(),
  });
  return recorded ? { apiKey } : null;
}
