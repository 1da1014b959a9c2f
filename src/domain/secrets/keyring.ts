/*
 * Sealing of secrets at rest. `MASTER_KEYS` holds the master keys. None of them is used directly: HKDF derives one key
 * per purpose, so that what is sealed for one purpose does not open for another.
 */

const PURPOSE = 'latchkey/v1/seal-api-key';
const VERSION = 'v1';
const IV_BYTES = 12;
const MASTER_KEY_BYTES = 32;

interface SealingKey {
  id: string;
  key: CryptoKey;
}

export interface Keyring {
  /** The first characters of every sealed form that the first master key made: the version and the id of its entry. */
  sealedPrefix: string;
  /** Seals a secret for the row of this hash, with the first master key. */
  seal(secret: string, hash: string): Promise<string>;
  /** Opens what was sealed for the row of this hash, with any master key; null when it does not open. */
  open(sealed: string, hash: string): Promise<string | null>;
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

    async seal(secret, hash) {
      const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
      const box = await crypto.subtle.encrypt(
        { name: 'AES-GCM', iv, additionalData: associatedData(hash) },
        first.key,
        new TextEncoder().encode(secret),
      );
      return [VERSION, first.id, encodeBase64(iv), encodeBase64(new Uint8Array(box))].join('.');
    },

    async open(sealed, hash) {
      const [version, id, iv, box] = sealed.split('.');
      if (version !== VERSION || id === undefined || iv === undefined || box === undefined) return null;
      const sealing = byId.get(id);
      if (sealing === undefined) return null;
      try {
        const secret = await crypto.subtle.decrypt(
          { name: 'AES-GCM', iv: decodeBase64(iv), additionalData: associatedData(hash) },
          sealing.key,
          decodeBase64(box),
        );
        return new TextDecoder().decode(secret);
      } catch {
        return null;
      }
    },
  };
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
  const key = await crypto.subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: new TextEncoder().encode(PURPOSE) },
    master,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  );
  return { id, key };
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
