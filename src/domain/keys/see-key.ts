import { logFailure } from '../../log.ts';
import { recordOccurrence } from '../../storage/commit-change.ts';
import { type KeyRow, readSecretInUse } from '../../storage/keys.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import { findKeyShortfall } from '../authority/key-reach.ts';
import type { Outcome } from '../authority/refusal.ts';
import { refuseKeyReach } from '../authority/refuse-reach.ts';
import { hashApiKey } from '../secrets/api-key-format.ts';
import type { Services } from '../services.ts';

/**
 * Gives out the secret of a key once more: of the caller's own personal keys, and of main keys to administrators. That
 * it was seen, and by whom, is on record before the secret leaves. Seeing and rotating share a limit.
 */
export async function seeKey(services: Services, caller: Caller, key: KeyRow): Promise<Outcome<{ apiKey: string }>> {
  if (key.revokedAt !== null) return REVOKED;
  const shortfall = findKeyShortfall(caller, key);
  if (shortfall !== null) return refuseKeyReach(services, caller, 'api_key.see', key, shortfall);
  const secret = await readSecretInUse(services.db, key.id);
  // Revoked, or deleted with its user, since it was read.
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
  if (!(await services.limits.secrets.allows(caller.key.userId))) return { refused: 'rate_limited' };
  await recordOccurrence(services, {
    orgId: key.orgId,
    apiKeyId: key.id,
    userId: key.userId,
    audit: { action: 'api_key.seen', changes: {} },
    actor: actorOf(caller),
    now: services.now(),
  });
  return { apiKey };
}

const REVOKED = {
  refused: 'invalid',
  fields: { disabled: 'A revoked key cannot be seen: its secret is gone.' },
} as const;
