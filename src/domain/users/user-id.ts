/** A new id for a user: 24 lower-case hex digits, all random, so that ids tell nothing of when or in which order. */
export function newUserId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function isUserId(text: string): boolean {
  return /^[0-9a-f]{24}$/.test(text);
}
