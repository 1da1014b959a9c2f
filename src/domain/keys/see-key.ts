import { logFailure } from '../../log.ts';
import { recordOccurrence } from '../../storage/commit-change.ts';
import { readSecretInUse } from '../../storage/secrets.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import { findKeyShortfall } from '../authority/key-reach.ts';
import type { Outcome } from '../authority/refusal.ts';
import { refuseKeyReach } from '../authority/refuse-reach.ts';
import { chargedOnce } from '../limits.ts';
import { hashApiKey } from '../secrets/api-key-format.ts';
import type { Acting, Secrets } from '../services.ts';
import { actOnKey } from './act-on-key.ts';
import type { Key } from './key.ts';

/**
 * Gives out the secret of a key again: of the caller's own personal keys, and of main integration keys to
 * administrators. The key must be in the caller's reach. The audit event, which says who saw it, is committed before
 * the secret leaves. Seeing and rotating share a limit.
 */
export function seeKey(services: Acting & Secrets, caller: Caller, key: Key): Promise<Outcome<{ apiKey: string }>> {
  const mayReveal = chargedOnce(services.limits.secrets, caller.user.id);
  return actOnKey(services, caller, key, (confirmed, present) => trySee(services, confirmed, present, mayReveal));
}

/** @returns null when the caller or the key was changed between the judgement and the look */
async function trySee(
  services: Acting & Secrets,
  caller: Caller,
  key: Key,
  mayReveal: () => Promise<boolean>,
): Promise<Outcome<{ apiKey: string }> | null> {
  if (key.revokedAt !== null) return REVOKED;
  const shortfall = findKeyShortfall(caller, key);
  if (shortfall !== null) return refuseKeyReach(services, caller, 'api_key.see', key, shortfall);
  const secret = await readSecretInUse(services.db, key.id);
  // The key was revoked, or deleted with its user, since it was read; or its sealed form was dropped by `reseal
  // --abandon`.
  if (secret?.sealed == null) return REVOKED;
  const keyring = await services.keyring();
  const apiKey = (await keyring?.open(secret.sealed, secret.hash)) ?? null;
  if (apiKey === null || hashApiKey(apiKey) !== secret.hash) {
    logFailure(
      'a sealed secret does not open: MASTER_KEYS lacks the entry that sealed it, or the row was changed',
      null,
      {
        api_key_id: key.id,
      },
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

const REVOKED = {
  refused: 'invalid',
  fields: { disabled: 'A revoked key cannot be seen: its secret is gone.' },
} as const;
