import type { Caller } from '../authority/caller.ts';
import type { Outcome } from '../authority/refusal.ts';
import { chargedOnce } from '../limits.ts';
import type { Acting, Secrets } from '../services.ts';
import { actOnKey } from './act-on-key.ts';
import type { Key } from './key.ts';
import { findKeyShortfall, refuseKeyReach } from './key-reach.ts';
import { revealSecret } from './reveal-secret.ts';

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
  const revealed = await revealSecret(services, caller, key, mayReveal);
  return revealed === 'gone' ? REVOKED : revealed;
}

const REVOKED = {
  refused: 'invalid',
  fields: { disabled: 'A revoked key cannot be seen: its secret is gone.' },
} as const;
