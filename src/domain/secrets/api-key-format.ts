import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/*
 * `<prefix>_<43 base62 characters><6 base62 characters>`: 32 random bytes as a number, then the CRC-32 of everything
 * before it. The shape can be matched by secret scanners, and a mistyped or invented key is refused before any storage
 * is read.
 */

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const RANDOM_BYTES = 32;
/** 62^43 is just above 2^256. */
const RANDOM_LENGTH = 43;
/** 62^6 is just above 2^32. */
const CHECKSUM_LENGTH = 6;
const HINT_LENGTH = 4;

const ANY_KEY = new RegExp(`[a-z][a-z0-9]{1,15}_[0-9A-Za-z]{${RANDOM_LENGTH + CHECKSUM_LENGTH}}(?![0-9A-Za-z])`);

/**
 * Text that a key's prefix may end, the underscore, and the digits after it. A lookahead matches the digits without
 * consuming them, so that no key hides inside another match.
 */
const KEY_PARTS = new RegExp(`([a-z0-9]{2,16})_(?=([0-9A-Za-z]{${RANDOM_LENGTH + CHECKSUM_LENGTH}}))`, 'g');

/** Creates a new key. `prefix`: 2 to 16 characters, `[a-z][a-z0-9]*`. */
export function generateApiKey(prefix: string): string {
  const random = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
  let digits = '';
  for (let rest = BigInt(`0x${bytesToHex(random)}`); rest > 0n; rest /= 62n)
    digits = BASE62.charAt(Number(rest % 62n)) + digits;
  const body = `${prefix}_${digits.padStart(RANDOM_LENGTH, '0')}`;
  return body + checksum(body);
}

/**
 * Whether this has the form of a key with that prefix, checksum included. It says nothing about whether the key
 * exists. It runs before anything else is done for a caller, so it reads each character once and allocates little.
 */
export function isWellFormedApiKey(text: string, prefix: string): boolean {
  const bodyLength = prefix.length + 1 + RANDOM_LENGTH;
  if (text.length !== bodyLength + CHECKSUM_LENGTH) return false;
  if (!text.startsWith(prefix) || text.charCodeAt(prefix.length) !== 0x5f) return false;
  for (let i = prefix.length + 1; i < text.length; i++) {
    if (!isBase62(text.charCodeAt(i))) return false;
  }
  return text.endsWith(checksum(text.slice(0, bodyLength)));
}

/** The same for a key with any of these prefixes. */
export function isWellFormedUnderAny(text: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => isWellFormedApiKey(text, prefix));
}

/**
 * Whether a text contains something with the shape of a key, of any prefix and whatever its checksum. Such a text must
 * not be in a URL.
 */
export function containsApiKey(text: string): boolean {
  return ANY_KEY.test(text);
}

/**
 * Whether a text contains a key of any prefix, with a correct checksum. Keys that were created under another prefix are
 * secrets too. Unlike `containsApiKey` it does not take other text for a key, so it may decide which texts are stored.
 */
export function containsWellFormedApiKey(text: string): boolean {
  for (const [, before = '', digits = ''] of text.matchAll(KEY_PARTS)) {
    // The prefix may begin anywhere in the text before the underscore: `asklk_…` contains the key `lk_…`.
    for (let start = 0; start < before.length - 1; start++) {
      const body = `${before.slice(start)}_${digits.slice(0, RANDOM_LENGTH)}`;
      if (digits.endsWith(checksum(body))) return true;
    }
  }
  return false;
}

/**
 * The name under which a key is looked up: its SHA-256, in hex. A plain hash is enough, where a password would need a
 * slow one with a salt: a key carries 256 random bits, so there is nothing to guess and no table to build.
 *
 * A library computes it, because Web Crypto answers by a promise. In a Worker that costs a turn of the event loop at
 * every call, several times the hash itself (`npm run bench` shows both).
 * @param apiKey a well-formed key
 */
export function hashApiKey(apiKey: string): string {
  return bytesToHex(sha256(asciiBytes(apiKey)));
}

/** Keys are ASCII, so this loop takes a fraction of the time of a TextEncoder. */
function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/**
 * The hint by which people recognise a key, e.g. `lk_…9fQ2`. Its last characters are of the checksum, so they give
 * nothing away.
 */
export function hintOf(apiKey: string): string {
  return `${apiKey.slice(0, apiKey.indexOf('_') + 1)}…${apiKey.slice(-HINT_LENGTH)}`;
}

/** Plain numbers, not bigints, because this runs at every call; creating a key does not. */
function checksum(body: string): string {
  let digits = '';
  for (let rest = crc32(body); digits.length < CHECKSUM_LENGTH; rest = Math.floor(rest / 62)) {
    digits = BASE62.charAt(rest % 62) + digits;
  }
  return digits;
}

function isBase62(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 (IEEE 802.3) of ASCII text. The platform has it only inside `node:zlib`, which would pull in a polyfill. */
function crc32(ascii: string): number {
  let crc = 0xffffffff;
  for (let i = 0; i < ascii.length; i++) {
    crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ ascii.charCodeAt(i)) & 0xff] ?? 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
