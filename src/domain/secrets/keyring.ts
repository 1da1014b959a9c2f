/*
 * Sealing of secrets at rest. `MASTER_KEYS` holds the master keys. None of them is used directly: HKDF derives one key
 * per purpose, so that what is sealed for one purpose does not open for another.
 */

const PURPOSE = 'latchkey/v1/seal-api-key';
const VERSION = 'v1';
const IV_BYTES = 12;
const MASTER_KEY_BYTES = 32;

/** Tokens that are sealed for the wire: what a session's cookie carries, and a sign-in link. */
export type TokenPurpose = 'console-session' | 'sign-in-link';

const TOKEN_PURPOSES: Record<TokenPurpose, string> = {
  'console-session': 'latchkey/v1/console-session',
  'sign-in-link': 'latchkey/v1/sign-in-link',
};
/** Longer than any sealed token. */
const MAX_SEALED_TOKEN_LENGTH = 500;

interface SealingKey {
  id: string;
  key: CryptoKey;
  tokenKeys: Record<TokenPurpose, CryptoKey>;
}

export interface Keyring {
  /** The first characters of every sealed form that the first master key made: the version and the id of its entry. */
  sealedPrefix: string;
  /** Seals a secret for the row of this hash, with the first master key. */
  seal(secret: string, hash: string): Promise<string>;
  /** Opens what was sealed for the row of this hash, with any master key; null when it does not open. */
  open(sealed: string, hash: string): Promise<string | null>;
  /**
   * Seals a token, with the first master key. The result fits into a URL and a cookie. It shows that this deployment made
   * the token, so a made-up one is refused without a read of storage, and a row that someone wrote into a stolen database
   * lets nobody in.
   */
  sealToken(purpose: TokenPurpose, token: string): Promise<string>;
  /** Opens a sealed token, with any master key; null when it does not open. */
  openToken(purpose: TokenPurpose, sealed: string): Promise<string | null>;
}

/**
 * Reads `MASTER_KEYS`: comma-separated `id:base64` entries of 32 bytes each; the first seals, all of them open.
 * @throws when it cannot be read. The message names the entry by its place, never its content.
 */
export async function openKeyring(masterKeys: string): Promise<Keyring> {
  const keys = await Promise.all(masterKeys.split(',').map(deriveSealingKey));
  const [first] = keys;
  if (first === undefined) throw new Error('MASTER_KEYS is empty');
  const byId = new Map(keys.map((key) => [key.id, key]));
  if (byId.size !== keys.length) throw new Error('MASTER_KEYS has two entries with the same id');

  return {
    sealedPrefix: `${VERSION}.${first.id}.`,

    seal: (secret, hash) => encrypt(first.id, first.key, associatedData(hash), secret),

    async open(sealed, hash) {
      const sealing = byId.get(entryOf(sealed));
      return sealing === undefined ? null : decrypt(sealing.key, associatedData(hash), sealed);
    },

    async sealToken(purpose, token) {
      const key = first.tokenKeys[purpose];
      return toUrlAlphabet(await encrypt(first.id, key, new TextEncoder().encode(TOKEN_PURPOSES[purpose]), token));
    },

    async openToken(purpose, sealed) {
      if (sealed.length > MAX_SEALED_TOKEN_LENGTH) return null;
      const sealing = byId.get(entryOf(sealed));
      if (sealing === undefined) return null;
      const associated = new TextEncoder().encode(TOKEN_PURPOSES[purpose]);
      return decrypt(sealing.tokenKeys[purpose], associated, fromUrlAlphabet(sealed));
    },
  };
}

/** Seals a text: version, entry, IV and box, with dots between. */
async function encrypt(id: string, key: CryptoKey, additionalData: Uint8Array, text: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const algorithm = { name: 'AES-GCM', iv, additionalData };
  const box = await crypto.subtle.encrypt(algorithm, key, new TextEncoder().encode(text));
  return [VERSION, id, encodeBase64(iv), encodeBase64(new Uint8Array(box))].join('.');
}

/** Opens what `encrypt` made; null when it does not open. */
async function decrypt(key: CryptoKey, additionalData: Uint8Array, sealed: string): Promise<string | null> {
  const [version, , iv, box] = sealed.split('.');
  if (version !== VERSION || iv === undefined || box === undefined) return null;
  try {
    const algorithm = { name: 'AES-GCM', iv: decodeBase64(iv), additionalData };
    return new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, key, decodeBase64(box)));
  } catch {
    return null;
  }
}

/** The id of the entry of `MASTER_KEYS` that sealed this; empty when it is no sealed form. */
function entryOf(sealed: string): string {
  return sealed.split('.', 2)[1] ?? '';
}

async function deriveSealingKey(entry: string, index: number): Promise<SealingKey> {
  const unreadable = new Error(`MASTER_KEYS, entry ${index + 1}: expected id:base64 of ${MASTER_KEY_BYTES} bytes`);
  const [, id, base64] = /^\s*([A-Za-z0-9_-]{1,64}):([A-Za-z0-9+/]+=*)\s*$/.exec(entry) ?? [];
  if (id === undefined || base64 === undefined) throw unreadable;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = decodeBase64(base64);
  } catch {
    throw unreadable;
  }
  if (bytes.length !== MASTER_KEY_BYTES) throw unreadable;
  const master = await crypto.subtle.importKey('raw', bytes, 'HKDF', false, ['deriveKey']);
  const [key, ofSessions, ofLinks] = await Promise.all([
    deriveKey(master, PURPOSE),
    deriveKey(master, TOKEN_PURPOSES['console-session']),
    deriveKey(master, TOKEN_PURPOSES['sign-in-link']),
  ]);
  return { id, key, tokenKeys: { 'console-session': ofSessions, 'sign-in-link': ofLinks } };
}

function deriveKey(master: CryptoKey, purpose: string): Promise<CryptoKey> {
  return crypto.subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: new TextEncoder().encode(purpose) },
    master,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  );
}

/** Binds a sealed secret to its row: moved to another row, it does not open. */
function associatedData(hash: string): Uint8Array {
  return new TextEncoder().encode(`${PURPOSE}|${hash}`);
}

function encodeBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Base64 in the alphabet of URLs (RFC 4648, section 5), without padding. */
function toUrlAlphabet(base64: string): string {
  return base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function fromUrlAlphabet(text: string): string {
  // The id of an entry has this alphabet too, but nothing reads it from here.
  return text.replaceAll('-', '+').replaceAll('_', '/');
}
