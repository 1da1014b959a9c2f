import type { Caller } from '../authority/caller.ts';
import type { Outcome, Refusal } from '../authority/refusal.ts';
import { chargedOnce } from '../limits.ts';
import type { Acting, Secrets } from '../services.ts';
import { actOnKey } from './act-on-key.ts';
import { findKeyById } from './find-key.ts';
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
  return revealed === 'gone' ? explainGone(services, caller, key) : revealed;
}

/** The key was revoked or deleted since it was read; or its secret was given up, and it goes on working. */
async function explainGone(services: Acting, caller: Caller, key: Key): Promise<Refusal> {
  const present = await findKeyById(services, caller, key.id);
  if (present === null) return { refused: 'not_found' };
  return present.revokedAt === null ? ABANDONED : REVOKED;
}

const REVOKED = {
  refused: 'invalid',
  fields: { disabled: 'A revoked key cannot be seen: its secret is gone.' },
} as const;

const ABANDONED = {
  refused: 'invalid',
  fields: {
    id: 'The secret of this key can never be seen again: what it was sealed with was lost. The key goes on working. Rotate it to get a secret that can be seen.',
  },
} as const;
