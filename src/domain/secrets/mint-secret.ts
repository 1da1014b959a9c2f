import type { Secrets } from '../services.ts';
import { generateApiKey, hashApiKey, hintOf } from './api-key-format.ts';

/** A new secret, and everything that is stored in its place. */
export interface MintedSecret {
  /** The secret itself: for its owner, and stored nowhere in readable form. */
  apiKey: string;
  hash: string;
  sealed: string;
  hint: string;
}

/** Creates a secret; null when there is no keyring to seal it with. */
export async function mintSecret(services: Pick<Secrets, 'settings' | 'keyring'>): Promise<MintedSecret | null> {
  const keyring = await services.keyring();
  if (keyring === null) return null;
  const apiKey = generateApiKey(services.settings.keyPrefix);
  const hash = hashApiKey(apiKey);
  const hint = hintOf(apiKey);
  return { apiKey, hash, sealed: await keyring.seal(apiKey, hash), hint };
}
