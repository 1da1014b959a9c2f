const DAY_MS = 24 * 60 * 60 * 1000;

/** When a key with this expiration date (`YYYY-MM-DD`) stops working: 00:00 UTC of that day, in unix milliseconds. */
export function expiryMoment(expirationDate: string): number {
  return Date.parse(`${expirationDate}T00:00:00Z`);
}

/**
 * Whether a key may be given this expiration date (`YYYY-MM-DD`) at `now` (unix milliseconds): at least the day after
 * today (UTC), or the date that the key already has, so that a client can put back what it read of an expired key.
 */
export function mayExpireOn(date: string, now: number, present: string | null = null): boolean {
  return date === present || date >= toDate(now + DAY_MS);
}

/** The date of a moment (unix milliseconds), UTC, as `YYYY-MM-DD`. */
export function toDate(moment: number): string {
  return new Date(moment).toISOString().slice(0, 10);
}
