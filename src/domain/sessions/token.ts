import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Keyring, TokenPurpose } from '../secrets/keyring.ts';

/*
 * What a cookie and a sign-in link carry: 256 random bits, sealed. The database has their hash only.
 */

const RANDOM_BYTES = 32;

/** Makes a token for a purpose. `sealed` is for its owner alone; `hash` is what is stored. */
export async function makeToken(keyring: Keyring, purpose: TokenPurpose): Promise<{ sealed: string; hash: string }> {
  const token = bytesToHex(crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)));
  return { sealed: await keyring.sealToken(purpose, token), hash: hashToken(token) };
}

/** Opens a sealed token; null when this deployment did not make it. */
export async function openToken(
  keyring: Keyring,
  purpose: TokenPurpose,
  sealed: string,
): Promise<{ token: string; hash: string } | null> {
  const token = await keyring.openToken(purpose, sealed);
  return token === null ? null : { token, hash: hashToken(token) };
}

/**
 * The token that the forms of a session carry. Whoever makes a browser send a form from elsewhere does not know it, and
 * whoever knows it cannot work out the session's id from it.
 */
export function csrfTokenOf(sessionToken: string): string {
  return hashToken(`csrf ${sessionToken}`);
}

function hashToken(token: string): string {
  return bytesToHex(sha256(utf8ToBytes(token)));
}
